"""An experiment: one object that says what is varied, what is trained at a point, and what its outcomes are called.

    def train(run: Run) -> Outcome:
        model = fit(width=run["width"], decay=run["decay"], seed=run.seed, epochs=run.settings.epochs)
        return Outcome("overfits" if model.gap > 0.1 else "fits", metrics={"gap": model.gap})

    AXES = Axis("decay", 1e-6, 1, log=True), Axis("width", 1, 64, integer=True)
    WIDTHS = Experiment("widths", axes=AXES, train=train)

`[experiment] trainable = "path/file.py:WIDTHS"` in a sweep's config runs it (docs/experiments.md).
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from trainables.errors import TrainableError
from trainables.experiments.outcome import Outcome, Shares, check_label

if TYPE_CHECKING:
    from trainables.experiments.run import Run

NAME = re.compile(r"[A-Za-z]\w*")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
# columns that every table has: no axis, metric or setting can be called so
RESERVED = frozenset(
    (
        *("key", "experiment", "version", "seed", "step", "status", "reason", "label", "algorithm", "purity"),
        *(
            "seconds",
            "finished_at",
            "host",
            "recipe",
            "representative",
            "formula",
            "formula_latex",
            "start",
            "task",
            "files",
        ),
    )
)


class NoSettings(BaseModel):
    """Of an experiment that has none."""


@dataclass(frozen=True)
class Axis:
    """What a sweep varies.

    name: a word; the column of tables, the key of `[grid.axes]`.
    low, high: its range, where it has one.
    log: it is varied and drawn by factors, so its values are positive.
    integer: its values are whole numbers.
    values: the only ones that it has, if it is no range.
    title: what people read; the name with spaces by default.

    Raises TrainableError if one of these cannot be.
    """

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    values: tuple[float, ...] = ()
    title: str = ""

    def __post_init__(self) -> None:
        _check_name("axis", self.name)
        object.__setattr__(self, "values", tuple(self.values))
        if self.values and (self.low is not None or self.high is not None):
            raise TrainableError(f"axis {self.name!r}: give either a range or values, not both")
        if None not in (self.low, self.high) and not self.low < self.high:  # type: ignore[operator]
            raise TrainableError(f"axis {self.name!r}: its range must rise, not {self.low} to {self.high}")
        for value in (*self.values, self.low, self.high):
            if value is not None:
                self.check(value)

    def check(self, value: object) -> float:
        """The value, a whole one as int; TrainableError for one that the axis cannot have."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise TrainableError(f"axis {self.name!r}: {value!r} is not a finite number")
        if self.integer and value != int(value):
            raise TrainableError(f"axis {self.name!r}: {value:g} is not a whole number")
        if self.log and value <= 0:
            raise TrainableError(f"axis {self.name!r} is logarithmic: {value:g} is not positive")
        if self.values and value not in self.values:
            raise TrainableError(f"axis {self.name!r}: {value:g} is none of {', '.join(f'{v:g}' for v in self.values)}")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise TrainableError(f"axis {self.name!r}: {value:g} is out of its range, {_range(self.low, self.high)}")
        return int(value) if self.integer else value

    def spread(self, low: float, high: float, count: int) -> list[float]:
        """`count` values from low to high, both included, evenly spaced as the axis is drawn.

        In six digits: the same decimals, hence the same keys, whatever the machine's libm does in the last place.
        """
        ends = [math.log10(low), math.log10(high)] if self.log else [low, high]
        places = [ends[0] + (ends[1] - ends[0]) * i / (count - 1) for i in range(count)]
        found = [float(f"{10**place if self.log else place:.6g}") for place in places]
        return list(dict.fromkeys(round(value) for value in found)) if self.integer else found


@dataclass(frozen=True)
class Label:
    """How an outcome is shown.

    name: as `train` gives it. title: what people read. colour: #rrggbb. merged: the phase that it forms with its mirror
    image, which has the same `merged`: which of the two a seed finds is a coin flip, and no boundary lies between them.
    """

    name: str
    title: str = ""
    colour: str = ""
    merged: str = ""

    def __post_init__(self) -> None:
        check_label(self.name)
        if self.merged:
            check_label(self.merged)
        if self.colour and not COLOUR.fullmatch(self.colour):
            raise TrainableError(f"label {self.name!r}: its colour must be like #1f77b4, not {self.colour!r}")


@dataclass(frozen=True)
class Experiment:
    """What a sweep varies, trains and calls what comes out.

    name: of the experiment. It is part of every training's key, so the file may move.
    axes: the first is the phase map's x, the second its y; the map is drawn anew for every value of the others.
    train: trains at one point -> Outcome. What it raises is the reason why this training failed.
    train_pack: trains at many points at once and yields their outcomes in order; instead of `train`.
    settings: a pydantic model of what is the same at all points: the config's `[training]`.
    label: outcome -> label or {label: share}, for outcomes without one. `report --relabel` asks it again.
    labels: those that are known, in the order in which they are shown; others get free colours.
    cost: point -> the relative cost of a training there; the same everywhere by default.
    timeout: seconds that a training may take; None: any.
    version: part of the key: raise it when old results no longer count. "content": the file's own hash.
    title: what the report calls it.

    Raises TrainableError if one of these cannot be.
    """

    name: str
    axes: Sequence[Axis]
    train: "Callable[[Run], Outcome] | None" = None
    train_pack: "Callable[[Sequence[Run]], Iterable[Outcome]] | None" = None
    settings: type[BaseModel] = NoSettings
    label: Callable[[Outcome], str | Shares] | None = None
    labels: Sequence[Label] = ()
    cost: Callable[[Mapping[str, float]], float] | None = None
    timeout: float | None = None
    version: int | str = 1
    title: str = ""

    def __post_init__(self) -> None:
        _check_name("experiment", self.name)
        object.__setattr__(self, "axes", tuple(self.axes))
        object.__setattr__(self, "labels", tuple(self.labels))
        for kind, given in ((Axis, self.axes), (Label, self.labels)):
            wrong = [one for one in given if not isinstance(one, kind)]
            if wrong:
                raise TrainableError(f"experiment {self.name!r}: {wrong[0]!r} is no {kind.__name__}")
            names = [one.name for one in given]
            if twice := [name for name in names if names.count(name) > 1]:
                raise TrainableError(f"experiment {self.name!r}: two of its {kind.__name__}s are called {twice[0]!r}")
        self._check_mirror_images()
        if len(self.axes) < 2:
            raise TrainableError(
                f"experiment {self.name!r}: a phase map needs at least two axes (one may have one value)"
            )
        if not (callable(self.train) or callable(self.train_pack)) or (self.train and self.train_pack):
            raise TrainableError(f"experiment {self.name!r}: needs a function as train, or one as train_pack")
        if not (isinstance(self.settings, type) and issubclass(self.settings, BaseModel)):
            raise TrainableError(f"experiment {self.name!r}: settings must be a pydantic model's class")
        if taken := sorted(RESERVED & set(self.settings.model_fields)):
            raise TrainableError(f"experiment {self.name!r}: a setting cannot be called {taken[0]!r}")
        if self.timeout is not None and not self.timeout > 0:
            raise TrainableError(f"experiment {self.name!r}: timeout must be positive")

    def _check_mirror_images(self) -> None:
        merged = [label.merged for label in self.labels if label.merged]
        for phase in merged:
            if merged.count(phase) > 2:
                raise TrainableError(
                    f"experiment {self.name!r}: {merged.count(phase)} labels have merged={phase!r}, but mirror images "
                    "are two"
                )
            if phase in {label.name for label in self.labels}:
                raise TrainableError(
                    f"experiment {self.name!r}: merged={phase!r} is a label's own name; a label and its mirror image "
                    "have the same third name as merged"
                )

    def relative_cost(self, point: Mapping[str, float]) -> float:
        """Of a training at this point. TrainableError if the experiment's own function gives no positive number."""
        if self.cost is None:
            return 1.0
        cost = self.cost(point)
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 < cost < math.inf:
            raise TrainableError(f"experiment {self.name!r}: its cost must be a positive number, not {cost!r}")
        return float(cost)


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise TrainableError(f"{what} {name!r}: its name must be a word of letters, digits and _")
    if name in RESERVED:
        raise TrainableError(f"{what} {name!r}: this name is taken by a column of every table")


def _range(low: float | None, high: float | None) -> str:
    return f"{'-∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"
