"""What a sweep is about: its axes and their words, and the labels that its trainings may have.

A sweep's manifest says it; without a word, a sweep is of hypernetworks over β and the input dimension n.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from analysis.errors import UserError
from analysis.formatting import format_beta
from analysis.phases.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd


class Axis(BaseModel):
    """An axis of a sweep. title: what people read; symbol: the same, in short."""

    model_config = ConfigDict(frozen=True)
    name: str
    title: str = ""
    symbol: str = ""
    log: bool = False
    integer: bool = False

    @property
    def heading(self) -> str:
        return self.title or self.name.replace("_", " ")

    @property
    def short(self) -> str:
        return self.symbol or self.heading

    def number(self, value: float, digits: int = 3) -> str:
        """A value as people read it."""
        text = f"{value:g}" if self.integer else format_beta(value, digits)
        return f"{value:.0f}" if "e+" in text and abs(value) < 1e6 else text.replace("e+0", "e")

    def says(self, value: float, digits: int = 2) -> str:
        """n = 4, β = 1e-9."""
        return f"{self.short} = {self.number(value, digits)}"

    def forward(self, values: ArrayLike) -> Floats:
        """Values -> decades where the axis is logarithmic, else unchanged."""
        numbers = np.asarray(values, dtype=float)
        return np.log10(numbers) if self.log else numbers

    def backward(self, values: ArrayLike) -> Floats:
        """Undoes `forward`."""
        numbers = np.asarray(values, dtype=float)
        return 10.0**numbers if self.log else numbers


class Label(BaseModel):
    """How a label is shown. merged: the phase that it forms with its mirror image."""

    model_config = ConfigDict(frozen=True)
    name: str
    title: str = ""
    colour: str = ""
    merged: str = ""


class Experiment(BaseModel):
    """What a sweep is about. trained: what its trainings train; kind: what a label is called."""

    model_config = ConfigDict(frozen=True)
    name: str = "hypernetwork"
    title: str = ""
    axes: tuple[Axis, ...]
    labels: tuple[Label, ...] = ()
    trainable: str = ""  # where the user's object is
    trained: str = ""
    kind: str = "phase"

    @property
    def x(self) -> Axis:
        return self.axes[0]

    @property
    def y(self) -> Axis:
        return self.axes[1]

    @property
    def own(self) -> bool:
        """Whether it is a user's own."""
        return bool(self.trainable)

    def place(self, row: Mapping[str, Any]) -> str:
        """Where a training is: "n = 4, β = 1e-9, seed 0"."""
        return ", ".join([*(axis.says(row[axis.name]) for axis in reversed(self.axes)), f"seed {row['seed']}"])


BETA = Axis(name="beta", title="β", symbol="β", log=True)
DIMENSION = Axis(name="dimension", title="input dimension n", symbol="n", log=True, integer=True)
HYPERNETWORK = Experiment(axes=(BETA, DIMENSION), trained="hypernetworks", kind="algorithm")


@dataclass(frozen=True)
class Slice:
    """The trainings of one phase map: those with one value of every axis beyond the first two."""

    title: str  # "" for the only one
    rows: "pd.DataFrame"
    at: Mapping[str, float]  # the other axes' values


def slices(done: "pd.DataFrame", experiment: Experiment) -> list[Slice]:
    """One for each value of the axes beyond the first two; the whole table where there are but two."""
    others = experiment.axes[2:]
    if not others:
        return [Slice("", done, {})]
    found = []
    for values, rows in done.groupby([axis.name for axis in others], sort=True):
        at = dict(zip(others, values, strict=True))
        title = ", ".join(axis.says(value, 3) for axis, value in at.items())
        found.append(Slice(title, rows, {axis.name: value for axis, value in at.items()}))
    return found


def bands(frame: "pd.DataFrame", axis: Axis, most: int = 9) -> "list[tuple[str, pd.DataFrame]]":
    """(title, rows) for every value of an axis or, of numbers that take many, for equally full ranges of it."""
    values = np.unique(frame[axis.name])
    if axis.integer or len(values) <= most:
        return [(axis.says(value, 3), frame[frame[axis.name] == value]) for value in values]
    found = []
    for part in np.array_split(values, most):
        rows = frame[(frame[axis.name] >= part[0]) & (frame[axis.name] <= part[-1])]
        ends = dict.fromkeys([axis.number(part[0]), axis.number(part[-1])])
        found.append((f"{axis.short} = {' … '.join(ends)}", rows))
    return found


def read_experiment(manifest: dict[str, Any]) -> Experiment:
    """What a manifest says that its sweep is about. UserError if what it says cannot be."""
    told = manifest.get("experiment")
    if not isinstance(told, dict) or "axes" not in told:
        return HYPERNETWORK
    try:
        found = Experiment.model_validate(told)
    except ValueError as error:
        raise UserError(f"manifest.json: its experiment is none: {' '.join(str(error).split())[:200]}") from None
    if len(found.axes) < 2:
        raise UserError("manifest.json: its experiment has fewer than two axes")
    return found


def columns(experiment: Experiment) -> Sequence[str]:
    """The axes' columns, the map's y before its x, as tables are sorted."""
    return [axis.name for axis in reversed(experiment.axes)]
