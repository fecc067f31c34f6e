"""The registry of algorithms: their names, and how labels are shown, the same in every picture.

Whatever reads labels finds here the algorithms of analysis/algorithms/builtin.py and those that were added with
`register` or named by a task, an option or a config. A label that no algorithm here has is shown all the same.
"""

import colorsys
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Protocol, TypeAlias

from analysis.algorithms.algorithm import Algorithm
from analysis.algorithms.builtin import BUILTIN, CONSTANT
from analysis.errors import UserError

Named: TypeAlias = str | Algorithm


class Shown(Protocol):
    """How a label is shown. merged: the phase that it forms with its mirror image."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def colour(self) -> str: ...
    @property
    def merged(self) -> str: ...


OTHER = "other"  # the label of networks that no algorithm describes
OTHER_COLOUR = "#5b4a78"
SPARE = ("#228833", "#aa3377", "#66ccee", "#ee7733", "#004488", "#997700", "#44aa99", "#882255", "#999933", "#332288")
GOLDEN = 0.618034  # of a turn: hues that many steps apart stay apart

_known: dict[str, Algorithm] = {algorithm.name: algorithm for algorithm in BUILTIN}
_shown: dict[str, Shown] = {}  # labels of experiments of a user's own
_given: dict[str, str] = {}  # label -> the spare colour that it was given when it was first shown


def register(algorithm: Algorithm) -> Algorithm:
    """Makes an algorithm known by its name; an added one of the same name gives way. Returns it.

    UserError if its name is a built-in algorithm's or a merged phase's, or its merged phase has an algorithm's name or
    two images already.
    """
    if not isinstance(algorithm, Algorithm):
        raise UserError(f"{algorithm!r} is not an algorithm (analysis.Algorithm)")
    others = [one for one in _known.values() if one.name != algorithm.name]
    taken = {one.name for one in BUILTIN} | {one.merged for one in others}
    if algorithm not in BUILTIN and (algorithm.name in taken or algorithm.merged in {one.name for one in others}):
        raise UserError(f"algorithm {algorithm.name!r}: a phase of this name is known already")
    if algorithm.merged and sum(one.merged == algorithm.merged for one in others) > 1:
        raise UserError(f"algorithm {algorithm.name!r}: {algorithm.merged!r} has two mirror images already")
    _known[algorithm.name] = algorithm
    return algorithm


def show(labels: Iterable[Shown]) -> None:
    """Makes known how labels of a user's own experiment are shown; a built-in algorithm keeps its own look."""
    taken = {algorithm.name for algorithm in BUILTIN}
    _shown.update({label.name: label for label in labels if label.name not in taken})


def known() -> tuple[Algorithm, ...]:
    """All algorithms: the built-in ones, then those that were added."""
    return tuple(_known.values())


def find(name: str) -> Algorithm | None:
    """The algorithm called `name`, None if there is none."""
    return _known.get(name)


def get_algorithm(name: str) -> Algorithm:
    """The algorithm called `name`. Raises UserError, naming the known ones, if there is none."""
    if name not in _known:
        raise UserError(f"unknown algorithm {name!r}; known: {', '.join(_known)}")
    return _known[name]


def resolve(names: Collection[Named] | None) -> tuple[Algorithm, ...]:
    """The algorithms that a network may be named after, in the registry's order: these, and `constant`.

    names: names or objects, which are registered; None: all built-in ones.
    """
    if names is None:
        return BUILTIN
    wanted = {CONSTANT.name} | {
        (register(one) if isinstance(one, Algorithm) else get_algorithm(one)).name for one in names
    }
    return tuple(algorithm for algorithm in known() if algorithm.name in wanted)


def labels_of(algorithms: Iterable[Algorithm]) -> tuple[str, ...]:
    """Every label that a network may have where these are known, `other` last; built-in ones always have columns."""
    return tuple(dict.fromkeys([*(one.name for one in BUILTIN), *(one.name for one in algorithms), OTHER]))


def mirror_images() -> dict[str, str]:
    """Algorithm -> the phase that it forms with its mirror image (x -> -x).

    Which of them a seed finds is a coin flip, so there is no boundary between. One whose image nobody knows is itself.
    """
    everything = (*known(), *_shown.values())
    pairs = Counter(one.merged for one in everything)
    return {one.name: one.merged for one in everything if one.merged and pairs[one.merged] == 2}


def palette() -> dict[str, str]:
    """Label -> hex colour ("" where it has none of its own), in the usual order: roughly the cheapest first."""
    found: dict[str, str] = {}
    for one in (*known(), *_shown.values()):
        if one.merged:
            found.setdefault(one.merged, one.colour)
        found[one.name] = one.colour
    return found | {OTHER: OTHER_COLOUR}


def colours(labels: Iterable[str]) -> dict[str, str]:
    """Label -> hex colour. Algorithms have their own; other labels get spare ones, no two the same, for good."""
    wanted, own = list(labels), palette()
    for label in sorted({label for label in wanted if not own.get(label)} - set(_given)):
        _given[label] = _spare({*own.values(), *_given.values()})
    return {label: own.get(label) or _given[label] for label in wanted}


def _spare(taken: Collection[str]) -> str:
    """A colour that is not taken: one of SPARE, then hues all around the circle in several shades."""
    step = 0
    for colour in SPARE:
        if colour not in taken:
            return colour
    while True:
        hue, light = step * GOLDEN % 1, 0.35 + 0.1 * (step // 5 % 4)
        colour = "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, light, 0.65))
        if colour not in taken:
            return colour
        step += 1


def task_title(task: str) -> str:
    """A task as people read it: l1_norm -> the L1 norm, my/tasks.py:HARMONIC_MEAN -> the harmonic mean."""
    name = str(task).rpartition(":")[2]
    return "the " + ("L1 norm" if name == "l1_norm" else name.replace("_", " ").lower())


def display_name(label: str) -> str:
    """A label as people read it: double_sided -> double-sided."""
    known_label = find(label) or _shown.get(label)
    return (known_label.title if known_label else "") or str(label).replace("_", " ")


def in_order(labels: Iterable[str]) -> list[str]:
    """The labels in the palette's order, roughly cheapest algorithm first; unknown ones come last, sorted."""
    place = {label: number for number, label in enumerate(palette())}
    return sorted(set(labels), key=lambda label: (place.get(label, len(place)), label))
