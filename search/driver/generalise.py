"""`hyperphase generalise`: what stored hypernetworks draw at dimensions that they were never trained at."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.errors import UserError
from analysis.files import replaced
from analysis.sweeps.generalisation import FILE
from search.config.schema import Config
from search.ledger import ledger
from search.ledger.record import Record
from search.objects import algorithms
from search.sweep import tables
from search.sweep.experiment import experiment_of, hypernetworks_only
from search.sweep.folder import SweepFolder

FACTORS = (0.5, 1, 1.5, 2, 3, 4)  # of the largest trained dimension, without a wish
GOOD_ERROR = 0.05  # relative error up to which a drawn network counts as good


def generalise(config: Config, folder: SweepFolder, dimensions: list[int], draws: int) -> Path:
    """Draws `draws` networks of every training at each dimension, reads them, and writes generalisation.csv.

    dimensions: without any, the trained ones and `FACTORS` times the largest.
    """
    import pandas as pd

    experiment, recipe = experiment_of(config), hypernetworks_only(config, folder.path).training.recipe()
    if not recipe.kind.has_hypernetwork:
        raise UserError(f"{folder.path}: trainings of a network itself have nothing to draw at other dimensions")
    rows: list[dict] = []

    def visit(record: Record) -> None:
        if tables.matches_recipe(record.row, experiment.recipe) and record.hypernetwork:
            rows.extend(measure(record, dimensions, draws, config.analysis.algorithms))

    ledger.read_all(folder.ledger, visit, hypernetwork=True, whole_row=True)
    if not rows:
        raise UserError(f"{folder.path}: no training has left a hypernetwork yet")
    path = folder.path / FILE
    with replaced(path) as temporary:
        pd.DataFrame(rows).sort_values(["beta", "seed", "key", "dimension"]).to_csv(temporary, index=False)
    return path


def measure(record: Record, dimensions: list[int], draws: int, more: Sequence[str] = ()) -> Iterator[dict]:
    """A row a dimension for one training; its right algorithm is the one that it has at its own dimension."""
    from analysis.algorithms import classify
    from search.ledger.draw import draw, recipe_of
    from trainables.tasks.check import check_target
    from trainables.tasks.registry import get_task
    from trainables.training.curriculum import Curriculum

    row, recipe = record.row, recipe_of(record)
    trained, task = Curriculum(recipe, row["dimension"]).dimensions, get_task(recipe.task)
    named = algorithms(task, more)
    for n in dimensions or sorted({*trained, *(max(1, round(factor * trained[-1])) for factor in FACTORS)}):
        check_target(recipe.task, n, recipe.inputs)
        readings = classify.read(draw(record, n, draws=draws), task.target, names=named)
        found = classify.summarise(readings)
        yield {
            "key": row["key"],
            "beta": row["beta"],
            "seed": row["seed"],
            "trained_algorithm": row["algorithm"],
            "trained_low": trained[0],
            "trained_high": trained[-1],
            "dimension": n,
            "draws": draws,
            "relative_error": found["relative_error"],
            "good": float((readings.relative_error <= GOOD_ERROR).mean()),
            "algorithm": found["algorithm"],
            "right": float((readings.algorithm == row["algorithm"]).mean()),
            "faithfulness": found["faithfulness"],
        }
