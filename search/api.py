"""Sweeps from Python: `import search` offers these."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import UserError
from search.config.load import load
from search.ledger import ledger
from search.ledger.record import Record
from search.sweep import folder as folders
from trainables.objects import also_look_in

if TYPE_CHECKING:
    from analysis.network import Network
    from search.config.schema import Config


def load_config(preset: str | None = None, file: Path | None = None, settings: Sequence[str] = ()) -> "Config":
    """The config of a preset or of a TOML file, with settings such as "grid.seeds=2" on top."""
    return load(preset=preset, file=Path(file) if file else None, settings=list(settings))


def check_dimensions(dimensions: list[int], name: str) -> None:
    """UserError for an input dimension that no network is drawn at."""
    from search.config.schema import MAX_DIMENSION

    for dimension in dimensions:
        if not 1 <= dimension <= MAX_DIMENSION:
            raise UserError(f"{name} must be at least 1 and at most {MAX_DIMENSION}, not {dimension}")


def run(config: "Config", folder: Path | str) -> int:
    """Trains what the folder lacks, then writes tables, MLflow and report; 0 if nothing is missing.

    The same call again continues an interrupted sweep.
    """
    from search.driver.sweep import sweep

    return sweep(config, Path(folder), command=["search.run"])


def read_training(folder: Path | str, start: str) -> Record:
    """Everything that is kept of the training whose key begins with `start`."""
    sweep = folders.existing(Path(folder))
    also_look_in(sweep.path)  # the copies of the user's own files that its recipe names
    found = sorted(key for key in ledger.keys(sweep.ledger) if key.startswith(start))
    if not start or not found:
        raise UserError(f"{sweep.path}: no training {start!r}")
    if len(found) > 1:
        raise UserError(f"{sweep.path}: {len(found)} trainings begin with {start!r}; give more of the key")
    record = ledger.read_or_set_aside(ledger.record_path(sweep.ledger, found[0]), whole_row=True)
    if record is None:
        raise UserError(f"{sweep.path}: the record of training {found[0]} is damaged")
    return record


def generate(folder: Path | str, start: str, dimension: int, *, seed: int = 0) -> "Network":
    """A network at any dimension from the hypernetwork of the training whose key begins with `start`.

    seed: of the draw.
    """
    check_dimensions([dimension], "--dimension")
    if not 0 <= seed < 2**32:
        raise UserError(f"--seed must be between 0 and {2**32 - 1}, not {seed}")
    record = read_training(folder, start)
    key, row = record.row["key"], record.row
    if row["status"] == "done" and not record.hypernetwork:
        raise UserError(f"training {key} is of a network itself: it has no hypernetwork to draw from")
    if not record.hypernetwork:
        raise UserError(f"training {key} failed ({row.get('reason')}): it has no hypernetwork")

    from search.ledger.draw import draw

    return draw(record, dimension, seed=seed)[0]
