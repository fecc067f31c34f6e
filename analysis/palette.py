"""One colour and one name per algorithm, the same in every picture and page.

The colours are Okabe and Ito's colour-blind-safe set (grey for `constant`: nothing was learned). The two
puddings are mirror images and share a hue; `pudding` is their merger on the phase map. Labels that the palette
doesn't know (another task, a user's own table) take the spare colours in sorted order.
"""

from collections.abc import Iterable

PALETTE = {
    "constant": "#9aa0a6",
    "convexity": "#e69f00",
    "pudding_positive": "#0072b2",
    "pudding_negative": "#56b4e9",
    "pudding": "#2c93ce",
    "double_sided": "#009e73",
    "other": "#cc79a7",
}
TITLES = {
    "constant": "Constant",
    "convexity": "Convexity",
    "pudding_positive": "Positive pudding",
    "pudding_negative": "Negative pudding",
    "pudding": "Pudding",
    "double_sided": "Double-sided",
    "other": "Other",
}
SPARE = ("#d55e00", "#332288", "#ddcc77", "#882255", "#117733", "#44aa99", "#aa4499", "#661100")


def title(label: str) -> str:
    """The name of an algorithm as people read it."""
    return TITLES.get(label, str(label).replace("_", " ").capitalize())


def colours(labels: Iterable[str]) -> dict[str, str]:
    """label -> hex colour. Known algorithms keep theirs; the others share SPARE in sorted order."""
    labels = set(labels)
    unknown = sorted(label for label in labels if label not in PALETTE)
    spare = {label: SPARE[i % len(SPARE)] for i, label in enumerate(unknown)}
    return {label: PALETTE.get(label) or spare[label] for label in in_order(labels)}


def in_order(labels: Iterable[str]) -> list[str]:
    """The labels in the palette's order (cheapest algorithm first); labels that it doesn't know come last, sorted."""
    known = list(PALETTE)
    return sorted(set(labels), key=lambda label: (known.index(label), "") if label in PALETTE else (len(known), label))
