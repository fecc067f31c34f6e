"""One validated config: TOML file or preset, then `--set section.key=value` on top of it.

Every mistake raises `ConfigError` with one line that names the place and, where it can, the remedy.
"""

import difflib
import math
import os
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from analysis.errors import UserError
from trainables.recipe import Recipe

PRESETS = Path(__file__).parent / "presets"
# a bare word after `--set x.y=` is taken for a string, so that a shell needs no nested quotes
BARE_WORD = re.compile(r"[A-Za-z_/.~][\w./:@%+~-]*")
MOST_SEEDS = 1_000_000

Beta = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]
Dimension = Annotated[int, Field(ge=1, le=1024, strict=True)]


class ConfigError(UserError):
    """A config that the user can mend."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LogGrid(Section):
    """`count` values of β evenly spaced in log β, both ends included."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    start: Beta = Field(alias="from")
    end: Beta = Field(alias="to")
    count: int = Field(ge=2, le=100_000, strict=True)

    def values(self) -> list[float]:
        low, high = math.log10(self.start), math.log10(self.end)
        # six digits: the same decimal, hence the same key, whatever the machine's libm does in the last place
        return [float(f"{10 ** (low + (high - low) * i / (self.count - 1)):.6g}") for i in range(self.count)]


def _expand_betas(value: Any) -> Any:
    return LogGrid.model_validate(value).values() if isinstance(value, dict) else value


def _expand_seeds(value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value > MOST_SEEDS:
        raise ValueError(f"at most {MOST_SEEDS} seeds")
    return list(range(value))


class Grid(Section):
    betas: Annotated[tuple[Beta, ...], BeforeValidator(_expand_betas)] = Field(
        min_length=1, description="complexity penalties: a list, or {from = 1e-9, to = 0.1, count = 9}"
    )
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_expand_seeds)] = Field(
        min_length=1, description="a list, or how many: 3 stands for [0, 1, 2]"
    )
    dimensions: tuple[Dimension, ...] = Field(min_length=1, description="input dimensions n")

    @field_validator("betas", "seeds", "dimensions")
    @classmethod
    def _no_duplicates(cls, values: tuple) -> tuple:
        value, times = Counter(values).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{value:g} is given twice")
        return values


class Training(Recipe):
    """The recipe, and where it runs: the device changes no key."""

    device: Literal["auto", "cpu", "cuda"] = "auto"

    def recipe(self) -> Recipe:
        return Recipe(**self.model_dump(exclude={"device"}))


class Ray(Section):
    address: str | None = Field(None, description="a running cluster; without it RAY_ADDRESS, else an embedded Ray")
    cpus: int | None = Field(None, ge=1, strict=True, description="cores of the embedded Ray; all without it")
    cpus_per_pack: float = Field(1, gt=0, allow_inf_nan=False, description="may be a fraction: packs share a core")
    gpus_per_pack: float = Field(
        0, ge=0, allow_inf_nan=False, description="may be a fraction: packs share a GPU; 0: one each on a GPU"
    )
    pack_size: int | None = Field(None, ge=1, strict=True, description="most trainings in a pack; chosen without it")
    storage: str | None = Field(
        None, description="shared folder or s3://bucket/prefix for workers' results; without it the sweep's folder"
    )
    checkpoint_seconds: float = Field(
        60, ge=0, allow_inf_nan=False, description="between two checkpoints of a running pack; 0: none"
    )
    max_failures: int = Field(2, ge=0, strict=True, description="times that a pack whose worker dies is started again")

    @field_validator("cpus_per_pack", "gpus_per_pack")
    @classmethod
    def _whole_above_one(cls, number: float) -> float:
        if number > 1 and number != int(number):
            raise ValueError(f"{number:g}: above 1, Ray gives whole ones only")
        return number


class Mlflow(Section):
    enabled: bool = True
    tracking_uri: str | None = Field(
        None,
        description="tracking server; without it MLFLOW_TRACKING_URI, else mlflow.db in the sweep's folder",
    )
    experiment: str = Field("hyperphase", min_length=1)
    drawings: bool = Field(True, description="log a drawing of every training's network")
    models: bool = Field(True, description="log every training's hypernetwork as an MLflow model")


class Config(Section):
    """Everything that a sweep needs to know."""

    grid: Grid
    training: Training = Training()
    ray: Ray = Ray()
    mlflow: Mlflow = Mlflow()

    @model_validator(mode="after")
    def _betas_lie_in_the_range(self):
        low, high = self.training.beta_range
        beyond = [beta for beta in self.grid.betas if not low <= beta <= high]
        if self.training.trainable == "pareto" and beyond:
            raise ValueError(f"β = {beyond[0]:g} of grid.betas lies beyond training.beta_range, {low:g} to {high:g}")
        return self


def preset_names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def read_toml(path: Path, *, name: str | None = None) -> dict:
    """The tables of a TOML file. `name` is what messages call it."""
    name = name or str(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{name}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: TOML syntax error: {_one_line(str(error))}") from None


def read_preset(name: str) -> dict:
    if name not in preset_names():
        raise ConfigError(f"unknown preset {name!r}; known: {', '.join(preset_names())}")
    return read_toml(PRESETS / f"{name}.toml", name=f"preset {name}")


def apply_setting(tables: dict, setting: str) -> dict:
    """`tables` with one `section.key=value` on top, value in TOML (a bare word is a string)."""
    path, equals, text = setting.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or len(keys) < 2 or not all(keys):
        raise ConfigError(f"--set {setting}: expected section.key=value, as in --set training.steps=500")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if not BARE_WORD.fullmatch(text.strip()):
            raise ConfigError(f"--set {setting}: {text.strip()!r} is not a TOML value") from None
        value = text.strip()

    def put(table: Any, keys: list[str]) -> dict:
        table = table if isinstance(table, dict) else {}
        return {**table, keys[0]: value if len(keys) == 1 else put(table.get(keys[0]), keys[1:])}

    return put(tables, keys)


def parse(tables: dict, *, name: str = "config") -> Config:
    """Validates; the message of the ConfigError names every wrong place, on one line."""
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(f"{name}: {'; '.join(_explain(error.errors()))}") from None


def load(*, preset: str | None = None, file: Path | None = None, settings: list[str] = ()) -> Config:
    """The config of a preset or a file, with `settings` on top."""
    if (preset is None) == (file is None):
        raise ConfigError("give either a preset (--preset NAME) or a config file (--config FILE)")
    name = f"preset {preset}" if file is None else str(file)
    tables = read_preset(preset) if file is None else read_toml(file)
    for setting in settings:
        tables = apply_setting(tables, setting)
    return parse(tables, name=name)


def dump(config: Config) -> str:
    """The resolved config as TOML: `parse(tomllib.loads(dump(config))) == config`."""
    lines = []
    for section, fields in config.model_dump().items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {_toml(value)}" for key, value in fields.items() if value is not None]
        lines.append("")
    return "\n".join(lines)


def ray_address(config: Config) -> str | None:
    """The cluster to join; None: start an embedded Ray."""
    return config.ray.address or os.environ.get("RAY_ADDRESS") or None


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        # TOML's basic strings escape as JSON does, without its surrogate pairs; DEL must be escaped too
        body = "".join(
            f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c for c in re.sub(r'(["\\])', r"\\\1", value)
        )
        return f'"{body}"'
    return f"[{', '.join(_toml(item) for item in value)}]"


def _explain(problems: list[dict]) -> list[str]:
    """One clause per mistake. A list whose elements are wrong also counts as too short: that is no news."""
    places = [problem["loc"] for problem in problems]
    empty_by_errors = {place[:-1] for place in places if place and isinstance(place[-1], int)}
    return [
        _explain_one(problem)
        for problem in problems
        if problem["type"] != "too_short" or problem["loc"] not in empty_by_errors
    ]


def _explain_one(problem: dict) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    place = re.sub(r"\.(\d+)", r"[\1]", place)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return f"unknown key {place!r} ({hint})"
    if problem["type"] == "too_short":
        return f"{place} is empty"
    if problem["type"] == "missing":
        return f"{place} is missing"
    if problem["type"] == "value_error":  # raised by our own validators: it names the value itself
        text = _one_line(str(problem["ctx"]["error"]))
        return f"{place}: {text}" if place else text
    message = _one_line(problem["msg"]).removeprefix("Input ").replace("a valid tuple", "a list")
    shown = repr(problem["input"])
    return f"{place} {message}" + (f", not {shown}" if len(shown) <= 60 else "")


def _known_keys(place: tuple) -> list[str]:
    if not place:
        return list(Config.model_fields)
    fields = Config.model_fields.get(place[0])
    if fields is None or len(place) > 1:
        return ["from", "to", "count"]
    return list(fields.annotation.model_fields)


def _one_line(text: str) -> str:
    return " ".join(text.split())
