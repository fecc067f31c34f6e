"""One colour per phase, the same in every picture."""

from collections.abc import Iterable

# Tol's "bright" and "muted" schemes, which stay apart for colour-blind readers; mirror phases are shades of one hue.
PHASES = {
    "constant": "#9aa3ad",
    "convexity": "#e3a21a",
    "pudding": "#2a7fb8",
    "pudding_positive": "#2a7fb8",
    "pudding_negative": "#7cc4e8",
    "double_sided": "#c8385a",
    "other": "#5b4a78",
}
TITLES = {
    "pudding_positive": "positive pudding",
    "pudding_negative": "negative pudding",
    "double_sided": "double-sided",
}
SPARE = ("#228833", "#aa3377", "#66ccee", "#ee7733", "#004488", "#997700", "#44aa99", "#882255", "#999933", "#332288")


def colours(labels) -> dict[str, str]:
    """label -> hex colour. Known phases have their own; others take the spare ones in alphabetical order."""
    unknown = sorted(set(labels) - set(PHASES))
    spare = {label: SPARE[index % len(SPARE)] for index, label in enumerate(unknown)}
    return {label: PHASES.get(label) or spare[label] for label in labels}


def task_title(task: str) -> str:
    """A task as people read it: l1_norm -> the L1 norm."""
    return "the " + ("L1 norm" if task == "l1_norm" else str(task).replace("_", " "))


def title(label: str) -> str:
    """A label as people read it: double_sided -> double-sided."""
    return TITLES.get(label) or str(label).replace("_", " ")


# Mirror images (x -> -x) of one algorithm: which of them a seed finds is a coin flip, so there is no boundary between.
MERGE = {"pudding_positive": "pudding", "pudding_negative": "pudding"}


def in_order(labels: Iterable[str]) -> list[str]:
    """The labels in the palette's order, roughly cheapest algorithm first; unknown ones come last, sorted."""
    known = list(PHASES)
    return sorted(set(labels), key=lambda label: (known.index(label) if label in PHASES else len(known), label))
