"""Refinement: rounds of ask → train → tell, where the boundaries of a sweep's phase map are least known.

The sweep's own Optuna study (refine.db in its folder) holds every training as a trial: the grid's, taken over from the
ledger, and those asked for. The ledger stays the truth: a trial is told what the ledger says, so that a round that was
killed goes on with what it lacks, and the study can be thrown away. After each round refinement.json says where the
boundaries lie by then; the report shows it.
"""

import hashlib
import itertools
import json
import math
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from analysis import formatting
from analysis.algorithms.names import mirror_images, show
from analysis.errors import UserError
from analysis.sweeps.experiment import HYPERNETWORK, Axis, Experiment, read_experiment, slices
from analysis.sweeps.phases import read_phases
from analysis.sweeps.rounds import Round, read_rounds, widths, write_rounds
from search.config.schema import MAX_TRAININGS, Config
from search.driver import sweep as driver
from search.driver.refine_axes import RefineAxes
from search.driver.refine_equilibrium import EquilibriumBoundaries
from search.driver.train import connected, train
from search.error_text import one_line
from search.sweep import folder as folders
from search.sweep.experiment import experiment_of
from search.sweep.folder import SweepFolder
from search.sweep.point import Point
from search.sweep.state import State, read_state
from search.tracking.local_store import sqlite_uri

BOUNDARIES = "found", "equilibrium"
STUDY_VERSION = 2  # of the study's parameters: Optuna refuses a trial whose axis was linear before


@dataclass(frozen=True)
class Goal:
    """When a refinement is done, and what it may ask for."""

    width: float = 0.1  # no boundary's 90 % band is to be wider: decades of x, of a linear x shares of its range
    trainings: int | None = None  # at most so many in this run
    seconds: float | None = None  # no round begins later than this
    batch: int = 32  # trainings a round
    dimensions: tuple[int, ...] = field(default=())  # all from the grid's smallest to its largest without it
    boundary: str = "found"  # whose bands are meant: of what trainings end in, or at "equilibrium", of what is best

    def check(self) -> "Goal":
        """UserError for what can't be."""
        for name, most in (("width", math.inf), ("trainings", MAX_TRAININGS), ("seconds", math.inf), ("batch", 1024)):
            value = getattr(self, name)
            if value is not None and not (0 < value <= most and value < math.inf):
                limit = "" if most == math.inf else f" and at most {most:,}"
                raise UserError(f"--{name} must be a number above 0{limit}, not {str(value)[:40]}")
        for dimension in self.dimensions:
            if not 1 <= dimension <= 1024:
                raise UserError(f"--dimensions must be between 1 and 1024, not {dimension}")
        if len(set(self.dimensions)) < len(self.dimensions):
            raise UserError("--dimensions names one twice")
        if self.boundary not in BOUNDARIES:
            raise UserError(f"--boundary must be {' or '.join(BOUNDARIES)}, not {self.boundary}")
        return self


def refine(config: Config, path: Path, goal: Goal, *, command: list[str]) -> int:
    """Refines the sweep in `path`. Returns the exit code."""
    goal.check()
    RefineAxes(config, goal.dimensions).check(path)
    folder = folders.existing(path)
    refinement = Refinement(config, folder, goal)
    return driver.drive(config, folder, driver.Job("refine", refinement.points, refinement.work), command=command)


class Refinement:
    """A sweep's study and the rounds on it."""

    def __init__(self, config: Config, folder: SweepFolder, goal: Goal):
        self.config, self.folder, self.goal = config, folder, goal
        self.experiment, self.axes = experiment_of(config), RefineAxes(config, goal.dimensions)
        self.equilibrium = EquilibriumBoundaries(self.axes, folder.path) if goal.boundary == "equilibrium" else None
        self.about = read_experiment({"experiment": self.experiment.describe()})
        self.rounds = read_rounds(folder.path)
        self._study = None
        self._asked: dict = {}  # key -> Trial, of this process's asks

    @property
    def study(self):
        """Made by the driver, before anybody else looks; one for each recipe."""
        if self._study is None:
            import optuna

            from search.sampling.sampler import PhaseBoundarySampler

            optuna.logging.set_verbosity(optuna.logging.ERROR)
            show(self.about.labels)
            sampler = PhaseBoundarySampler(
                self.axes.names, seed=0, cost=self.axes.cost, dimensions=self.axes.dimensions, merge=mirror_images()
            )
            text = json.dumps(self.experiment.recipe, sort_keys=True)
            name = f"refine-{STUDY_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
            self._study = open_study(self.folder.path / "refine.db", name, sampler)
        return self._study

    def points(self, rows: dict[str, dict]) -> list[Point]:
        """What is there and what was asked for."""
        there = [Point(self.axes.place(row), row["seed"], key) for key, row in rows.items()]
        return there + [point for point in self.unfinished() if point.key not in rows]

    def unfinished(self) -> list[Point]:
        """Asked for, not told yet."""
        found = [attributes for _, attributes in self._running() if attributes]
        return [Point(self.axes.place(one), one["seed"], one["key"]) for one in found]

    def work(self, state: State, tracking) -> list[str]:
        """The rounds. One line for every pack that failed for good."""
        if not any(row["status"] == "done" for row in state.rows.values()):
            raise UserError(
                f"{self.folder.path}: no training has completed successfully yet; `hyperphase resume` comes first"
            )
        started, asked = time.monotonic(), 0
        problems: list[str] = []
        self.tell(state.rows)
        self._close_the_rest()
        narrow = self._read(state.rows, [])
        if narrow and not self.unfinished():
            return []
        with connected(self.config, self.folder, state, tracking) as cluster:
            while not problems:
                batch = self.unfinished()
                if not batch:
                    left = self.goal.batch if self.goal.trainings is None else self.goal.trainings - asked
                    late = self.goal.seconds is not None and time.monotonic() - started > self.goal.seconds
                    if narrow or left <= 0 or late:
                        break
                    batch = self.ask(min(left, self.goal.batch), state.rows)
                asked += len(batch)
                problems = train(self.config, self.folder, cluster, State(batch, state.rows), tracking)
                state = read_state(self.config, self.folder, self.points)
                done = [point.key for point in batch if point.key in state.rows]
                if len(done) < len(batch) and not problems:
                    problems = ["a pack ended without all of its trainings"]
                self.tell(state.rows)
                narrow = self._read(state.rows, done)
        return problems

    def ask(self, count: int, rows: dict[str, dict]) -> list[Point]:
        """The next places, each with a seed that no training of the sweep has: repeats must not share their noise."""
        space = self.axes.space()
        seed = 1 + max([*self.config.grid.seeds, *(row["seed"] for row in rows.values())])
        points = []
        if self.equilibrium:
            self.equilibrium.enqueue(self.study, count, self.goal.width)
        for index in range(count):
            trial = self.study.ask(space)
            place = self.axes.place(trial.params)
            point = Point(place, seed + index, self.experiment.key(place, seed + index))
            trial.set_user_attr("training", place | {"seed": point.seed, "key": point.key})
            self._asked[point.key] = trial
            points.append(point)
        return points

    def tell(self, rows: dict[str, dict]) -> None:
        """The study is told what the ledger has. Asks of a driver that was killed are closed, their results added."""
        from optuna.trial import TrialState

        for number, attributes in self._running():
            key = (attributes or {}).get("key")
            if key not in rows:
                continue
            row, trial = rows[key], self._asked.pop(key, None)
            if trial is not None and row["status"] == "done":
                for name, value in _findings(row).items():
                    trial.set_user_attr(name, value)
                self.study.tell(trial, _value(row))
            else:
                self.study.tell(number, state=TrialState.FAIL)
        from search.sampling.study_file import add_finished

        told = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        known = {trial.user_attrs["training"]["key"] for trial in told}
        new = [
            row for key, row in rows.items() if row["status"] == "done" and key not in known and self.axes.holds(row)
        ]
        new.sort(key=lambda row: (row["finished_at"], row["key"]))
        add_finished(self.study, [self._trial(row) for row in new])

    def _trial(self, row: dict):
        from optuna.trial import create_trial

        place = {name: row[name] for name in self.axes.space()}
        return create_trial(
            params=place,
            distributions=self.axes.space(row),
            value=_value(row),
            user_attrs={"training": place | {"seed": row["seed"], "key": row["key"]}} | _findings(row),
        )

    def _running(self) -> list[tuple[int, dict | None]]:
        """Trials that are not told yet: number, what they asked for (None if the driver died before it could say)."""
        from optuna.trial import TrialState

        trials = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [(trial.number, trial.user_attrs.get("training")) for trial in trials]

    def _close_the_rest(self) -> None:
        """Asks that a killed driver left half made."""
        from optuna.trial import TrialState

        for number, attributes in self._running():
            if attributes is None:
                self.study.tell(number, state=TrialState.FAIL)

    def _read(self, rows: dict[str, dict], asked: list[str]) -> bool:
        """Reads the map, writes and prints the round. Whether all boundaries are as narrow as wanted."""
        import pandas as pd

        done, x, y = pd.DataFrame([row for row in rows.values() if row["status"] == "done"]), self.about.x, self.about.y
        if self.equilibrium:
            table = self.equilibrium.read(done)
        else:
            maps = [(part, read_phases(part.rows, experiment=self.about)) for part in slices(done, self.about)]
            table = pd.concat([phases.boundaries.assign(**part.at) for part, phases in maps], ignore_index=True)
        if asked or not any(each.kind == self.goal.boundary for each in self.rounds):
            self.rounds = [*self.rounds, Round(len(done), tuple(asked), table, self.goal.boundary)]
            write_rounds(self.folder.path, self.rounds)
        where = Counter(rows[key][y.name] for key in asked) if y.integer else Counter()
        counted = ", ".join(f"{y.says(value)}: {count}" for value, count in sorted(where.items()))
        number = len(self.rounds) - 1
        by_y = f" ({counted})" if counted else ""
        print(f"round {number}: {formatting.trainings(len(asked))}{by_y}, {len(done)} in all" if asked else
              f"{formatting.trainings(len(done))} so far", flush=True)  # fmt: skip
        span = float(np.ptp(x.forward(self.config.grid.values[x.name])))
        print("\n".join(describe(table, self.about, span)) or "  no boundary is certain enough to report", flush=True)
        complete = self.equilibrium is None or self.equilibrium.is_complete
        return complete and len(table) > 0 and bool((relative_widths(table, x, span) <= self.goal.width).all())


def relative_widths(table, x: Axis, span: float):
    """Of the boundaries' bands: in decades on a logarithmic axis, on a linear one as shares of the grid's span."""
    return widths(table, log=x.log) / (1.0 if x.log else span)


def open_study(path: Path, name: str, sampler):
    """The study in an SQLite file. One that cannot be read is set aside: the ledger is what counts."""
    import optuna
    from sqlalchemy.exc import DatabaseError

    from search.sampling.study_file import StudyFile

    def opened():
        storage = StudyFile(sqlite_uri(path))
        return optuna.create_study(storage=storage, study_name=name, sampler=sampler, load_if_exists=True)

    try:
        return opened()
    except (DatabaseError, optuna.exceptions.StorageInternalError, RuntimeError, AssertionError) as error:
        names = (path.with_name(f"{path.name}{number or ''}.torn") for number in itertools.count())
        aside = next(other for other in names if not other.exists())
        path.rename(aside)
        warnings.warn(f"damaged {path.name} set aside as {aside.name} ({one_line(error)})", stacklevel=2)
        return opened()


def describe(table, about: Experiment = HYPERNETWORK, span: float = 1.0) -> list[str]:
    """A line a boundary: its x (β) and the width of its band, over y (the dimensions). span: of the grid's x."""
    x, y, lines = about.x, about.y, []
    width = relative_widths(table, x, span)
    for (lower, upper), rows in table.assign(width=width).groupby(["lower_phase", "upper_phase"]):
        widest = rows.loc[rows["width"].idxmax()]
        lines.append(f"  {lower.replace('_', ' ')} | {upper.replace('_', ' ')}: {y.short} = {_range(rows['y'])}, "
                     f"{x.short} = {_range(rows['x'])}, widest band {_width(widest['width'], x)} "
                     f"({y.says(widest['y'])}), median {_width(rows['width'].median(), x)}")  # fmt: skip
    return lines


def _range(values: Iterable[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.2g}" if low == high else f"{low:.2g}…{high:.2g}"


def _width(width: float, x: Axis) -> str:
    if not np.isfinite(width):
        return "open"
    return f"{width:.2f} decades" if x.log else f"{width:.1%} of the range"


def _findings(row: dict) -> dict:
    """A finished training's user attributes: its phase, and the shares of the networks that it draws."""
    shares = {name.removeprefix("fraction_"): value for name, value in row.items() if name.startswith("fraction_")}
    shares = {name: float(value) for name, value in shares.items() if value and np.isfinite(value)}
    return {"phase": row["algorithm"]} | ({"phase_shares": shares} if shares else {})


def _value(row: dict) -> float:
    """Optuna wants a number: the relative error, for whoever looks at the study; the sampler doesn't."""
    error = row.get("relative_error", 0.0)
    return float(error) if np.isfinite(error) else 1e9
