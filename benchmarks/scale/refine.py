"""What a refinement costs beside its trainings: taking over what the sweep knows, and every further suggestion.

    python -m benchmarks.scale.refine [--start 3000 30000] [--trials 500 5000 10000]

Made-up trainings at places of their own, as after a long refinement. Prints processor seconds of the start (an empty
study in an SQLite file, as `hyperphase refine` keeps it, all trainings handed over, the first suggestion), and
milliseconds of the suggestion that follows a `tell`, median: in a study in memory, and in that file, with all that
Optuna writes into it for an ask. A suggestion at which settings are chosen anew (when trials are 1.3 times as many as
the last time) costs what the first one does.
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from benchmarks.scale.synthetic import FINISHED_AT, config_of, label_at
from search.driver.refine import Goal, Refinement
from search.sweep import folder as folders

DIMENSIONS = (4, 16)
SUGGESTIONS = 9


def made_up_row(number: int, beta: float, dimension: int, rng: np.random.Generator) -> dict[str, Any]:
    """The row of a finished training, as far as a refinement reads it."""
    label = label_at(beta, dimension, rng)
    return {
        "key": f"made-up-{number}",
        "status": "done",
        "beta": beta,
        "dimension": dimension,
        "seed": number,
        "algorithm": label,
        f"fraction_{label}": 1.0,
        "relative_error": 0.02,
        "complexity_nats": 40.0,
        "finished_at": FINISHED_AT + number,
    }


def made_up_rows(trainings: int, rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """key -> row."""
    rows = [
        made_up_row(i, float(10 ** rng.uniform(-9, 0)), int(rng.integers(DIMENSIONS[0], DIMENSIONS[1] + 1)), rng)
        for i in range(trainings)
    ]
    return {row["key"]: row for row in rows}


def suggestion_ms(trials: list[FrozenTrial], sampler: BaseSampler, space: dict[str, BaseDistribution]) -> float:
    """Of a study in memory with these trials, after each of some tells."""
    study = optuna.create_study(sampler=sampler)
    study.add_trials(trials)
    rng, spent = np.random.default_rng(1), []
    for _ in range(SUGGESTIONS):
        started = time.process_time()
        trial = study.ask(space)
        spent.append(1e3 * (time.process_time() - started))
        trial.set_user_attr("phase", label_at(trial.params["beta"], trial.params["dimension"], rng))
        study.tell(trial, 0.0)
    return float(np.median(spent[1:]))


def measure(trainings: int) -> dict[str, float]:
    """seconds: of the start. first_ms, file_ms, memory_ms: of the first suggestion, and of later ones."""
    rng = np.random.default_rng(0)
    rows = made_up_rows(trainings, rng)
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = folders.create(Path(temporary) / "sweep")
        refinement = Refinement(config_of(240), folder, Goal(dimensions=tuple(range(DIMENSIONS[0], DIMENSIONS[1] + 1))))
        before = time.process_time()
        refinement.tell(rows)
        start, spent = time.process_time() - before, []
        for number in range(SUGGESTIONS):
            before = time.process_time()
            [point] = refinement.ask(1, rows)
            spent.append(1e3 * (time.process_time() - before))
            row = made_up_row(trainings + number, point.beta, point.dimension, rng)
            rows[point.key] = row | {"key": point.key, "seed": point.seed}
            refinement.tell(rows)
        study = refinement.study
        asked = study.get_trials(deepcopy=False)
        in_memory = suggestion_ms(asked, study.sampler, asked[-1].distributions)
    return {
        "seconds": start + spent[0] / 1e3,
        "first_ms": spent[0],
        "file_ms": float(np.median(spent[1:])),
        "memory_ms": in_memory,
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.refine",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--start", type=int, nargs="*", default=[3_000, 30_000], help="trainings handed over")
    parser.add_argument("--trials", type=int, nargs="*", default=[500, 5_000, 10_000], help="in a study that is asked")
    options = parser.parse_args(arguments)
    print(f"{'trainings':>10}{'start, s':>10}{'first, ms':>11}{'then, ms':>10}{'in the file':>13}")
    for trainings in sorted({*options.start, *options.trials}):
        found = measure(trainings)
        cells = f"{found['first_ms']:>11.0f}{found['memory_ms']:>10.0f}{found['file_ms']:>13.0f}"
        print(f"{trainings:>10,}{found['seconds']:>10.1f}{cells}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
