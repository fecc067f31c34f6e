"""A config from a preset or a TOML file, with single settings on top, and back to TOML."""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from analysis.errors import UserError
from analysis.files import read_bytes
from search.config.messages import ConfigError, explain, on_one_line
from search.config.own import OwnConfig, config_of, find
from search.config.presets import PRESETS, preset_names
from search.config.schema import Config, HypernetworkConfig
from trainables.errors import TrainableError
from trainables.experiments.experiment import Experiment
from trainables.objects import also_look_in
from trainables.objects import explain as explain_error
from trainables.recipe import BEFORE

MAX_BYTES = 2**24  # of a config
# a bare word after `--set x.y=` is taken for a string, so that a shell needs no nested quotes
BARE_WORD = re.compile(r"[A-Za-z_/.~][\w./:@%+~-]*")


def read_toml(path: Path, *, name: str | None = None) -> dict[str, Any]:
    """The tables of a TOML file. `name` is what messages call it."""
    name = name or str(path)
    try:
        return tomllib.loads(read_bytes(path, most=MAX_BYTES).decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: TOML syntax error: {on_one_line(str(error))[:200]}") from None
    except UserError as error:
        raise ConfigError(str(error).replace(str(path), name, 1)) from None
    except (ValueError, RecursionError):  # whole numbers of thousands of digits; tables nested thousands deep
        raise ConfigError(f"{name}: a number is too long, or tables are nested too deep") from None


def read_preset(name: str) -> dict[str, Any]:
    if name not in preset_names():
        raise ConfigError(f"unknown preset {name!r}; known: {', '.join(preset_names())}")
    return read_toml(PRESETS / f"{name}.toml", name=f"preset {name}")


def apply_setting(tables: dict[str, Any], setting: str) -> dict[str, Any]:
    """`tables` with one `section.key=value` on top, value in TOML (a bare word is a string)."""
    path, equals, text = setting.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or len(keys) < 2 or not all(keys):
        raise ConfigError(f"--set {setting}: expected section.key=value, as in --set training.steps=500")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # TOMLDecodeError is a ValueError
        if not BARE_WORD.fullmatch(text.strip()):
            raise ConfigError(f"--set {setting[:60]}: {text.strip()[:60]!r} is not a TOML value") from None
        value = text.strip()

    def put(table: Any, keys: list[str]) -> dict[str, Any]:
        table = table if isinstance(table, dict) else {}
        return {**table, keys[0]: value if len(keys) == 1 else put(table.get(keys[0]), keys[1:])}

    return put(tables, keys)


def parse(tables: dict[str, Any], *, name: str = "config") -> Config:
    """Validates; the message of the ConfigError names every wrong place, on one line."""
    try:
        written = repr(tables)
    except RecursionError:
        raise ConfigError(f"{name}: tables are nested too deep") from None
    if re.search("[\ud800-\udfff]", written) or re.search(r"\\ud[89a-f]", written):
        raise ConfigError(f"{name}: a text is no UTF-8")
    kind: type[Config] = HypernetworkConfig
    try:
        kind, tables = _resolve(tables)
        return kind.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(f"{name}: {'; '.join(explain(error.errors(), kind))}") from None
    except TrainableError as error:
        raise ConfigError(f"{name}: experiment.trainable: {error}") from None
    except (Exception, SystemExit) as error:  # of a user's own validators
        if not issubclass(kind, OwnConfig):
            raise
        raise ConfigError(f"{name}: {explain_error(tables['experiment']['trainable'], error)}") from error


def _resolve(tables: dict[str, Any]) -> tuple[type[Config], dict[str, Any]]:
    """The config's class by what `experiment.trainable` names, and the tables for it."""
    section = tables.get("experiment")
    trainable = section.get("trainable") if isinstance(section, dict) else None
    if not isinstance(trainable, str):
        return HypernetworkConfig, tables
    found = find(trainable)
    if isinstance(found, Experiment):
        return config_of(found), tables
    training = tables.get("training", {})
    if isinstance(training, dict):
        if training.get("trainable", trainable) != trainable:
            raise TrainableError(
                f"{trainable!r}, but training.trainable is {training['trainable']!r}: give one of them"
            )
        rest = {name: value for name, value in tables["experiment"].items() if name != "trainable"}
        tables = tables | {"training": training | {"trainable": trainable}, "experiment": rest}
    return HypernetworkConfig, tables


def load(*, preset: str | None = None, file: Path | None = None, settings: Sequence[str] = ()) -> Config:
    """The config of a preset or a file, with `settings` on top.

    Python files that it names may lie in the current folder or beside it.
    """
    if file is not None and preset is None:
        name, tables = str(file), read_toml(file)
        also_look_in(file.parent)
    elif preset is not None and file is None:
        name, tables = f"preset {preset}", read_preset(preset)
    else:
        raise ConfigError("give either a preset (--preset NAME) or a config file (--config FILE)")
    for setting in settings:
        tables = apply_setting(tables, setting)
    return parse(tables, name=name)


def load_stored(file: Path, settings: Sequence[str] = ()) -> Config:
    """The config that `dump` wrote, by this version or an older one, whose recipe lacks the fields that came later.

    settings: on top.
    """
    tables = read_toml(file)
    also_look_in(file.parent)
    training = tables.get("training", {})
    if "experiment" not in tables and isinstance(training, dict):
        tables = tables | {"training": BEFORE | training}
    for setting in settings:
        tables = apply_setting(tables, setting)
    return parse(tables, name=str(file))


def dump(config: Config) -> str:
    """The resolved config as TOML: `parse(tomllib.loads(dump(config))) == config`."""
    sections = config.model_dump(exclude_none=True)
    if isinstance(config, HypernetworkConfig):
        sections["training"] = BEFORE | sections["training"]  # nothing is left to defaults, which may change
    else:  # of settings of anybody's own: what TOML can hold
        sections["training"] = config.training.model_dump(mode="json", exclude_none=True)
    return tomli_w.dumps(sections)


def ray_address(config: Config) -> str | None:
    """The cluster to join; None: start an embedded Ray."""
    return config.ray.address or os.environ.get("RAY_ADDRESS") or None
