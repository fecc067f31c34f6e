"""Cards of drawings for the report: chosen trainings by algorithm, and one of every cluster of `other`."""

import math
from typing import TYPE_CHECKING

from analysis.algorithms.names import display_name, in_order
from analysis.formatting import format_beta, format_number
from analysis.report import shared_formulas
from analysis.report.naming import algorithm_file

if TYPE_CHECKING:
    import pandas as pd

    from analysis.report.gallery import Gallery
    from analysis.sweeps.clusters import Cluster
    from analysis.sweeps.load import Sweep


MAX_CHOICES = 40  # values of β to filter the drawings by
MAX_SEEDS = 200  # likewise
MAX_CLUSTERS = 24  # cards, the largest clusters'
MAX_SHARED = 8  # of them with a formula in n, which takes a few explanations


def gallery_context(gallery: "Gallery | None", done: "pd.DataFrame", links: dict[str, str]) -> dict:
    """The chosen drawings as cards, and filters over all trainings."""
    if gallery is None:
        return {"gallery": [], "gallery_note": "", "gallery_filters": []}
    shown = [
        {"label": group["label"], "cards": [_card(card, links) for card in group["cards"]]} for group in gallery.groups
    ]
    seeds = sorted(done["seed"].unique())
    filters = [
        ("algorithm", "algorithm", [(label, display_name(label)) for label in in_order(done["algorithm"])]),
        ("n", "n", [(n, f"n = {n}") for n in sorted(done["dimension"].unique())]),
        ("beta", "β", beta_choices(done["beta"])),
        ("seed", "seed", [(seed, f"seed {seed}") for seed in seeds[:MAX_SEEDS]]),
    ]
    return {"gallery": shown, "gallery_note": gallery.remark, "gallery_filters": [f for f in filters if len(f[2]) > 1]}


def beta_choices(betas) -> list[tuple[str, str]]:
    """(range as "low high", text) of every β, or of every decade where there are too many to choose from."""
    values = sorted(set(betas))
    if len(values) <= MAX_CHOICES:
        return [(f"{beta!r} {beta!r}", f"β = {format_beta(beta)}") for beta in values]
    decades = sorted({math.floor(math.log10(beta)) for beta in values})
    return [
        (f"{10.0**d!r} {10.0 ** (d + 1)!r}", f"β = {format_beta(10.0**d)} … {format_beta(10.0 ** (d + 1))}")
        for d in decades
    ]


def cluster_context(
    found: "list[Cluster]", score: float, done: "pd.DataFrame", gallery: "Gallery | None", links, sweep: "Sweep"
) -> dict:
    """A card for every cluster: the drawing of its typical training, where it lives and what sets it apart."""
    shown: list[dict] = []
    for cluster in found[:MAX_CLUSTERS]:
        rows = done[done["key"].isin(cluster.keys)]
        card = rows[rows["key"] == cluster.typical].iloc[0].to_dict()
        if gallery is None or cluster.typical not in gallery.pages:
            continue
        betas = sorted(rows["beta"].unique())
        beta = " … ".join(format_beta(beta) for beta in dict.fromkeys([betas[0], betas[-1]]))
        dimensions = sorted(rows["dimension"].unique())
        shown.append(
            _card(card | {"formula": gallery.formulas.get(cluster.typical, "")}, links)
            | {
                "number": cluster.number,
                "pattern": cluster.pattern,
                "shared": shared_formulas.text(
                    shared_formulas.in_n(cluster, done, sweep) if len(shown) < MAX_SHARED else None
                ),
                "code": algorithm_file(cluster, done),
                "nearest": _median(rows, "faithfulness"),
                "explained": _median(rows, "pattern_r_squared"),
                "count": len(rows),
                "where": f"n = {', '.join(map(str, dimensions))} · β = {beta}",
                "medians": f"error {format_number(rows['relative_error'].median())} · "
                f"{format_number(rows['complexity_nats'].median())} nats (medians)",
                "told": [
                    {"name": name.replace("_", " "), "here": format_number(here), "there": format_number(there)}
                    for name, here, there in cluster.distinguishing
                ],
            }
        )
    return {"candidates": shown, "silhouette": format_number(score), "clusters": len(found)}


def _median(rows: "pd.DataFrame", column: str) -> str:
    """In three digits; "" where nothing is known."""
    median = rows[column].median() if column in rows else math.nan
    return f"{median:.3f}" if math.isfinite(median) else ""


def _card(card: dict, links: dict[str, str]) -> dict:
    faithful = card.get("faithfulness")
    return {
        "dimension": card["dimension"],
        "beta": format_beta(card["beta"]),
        "seed": card["seed"],
        "key": card["key"],
        "link": links.get(card["key"], ""),
        "formula": card["formula"],
        "file": f"drawings/{card['key']}.svg",
        "faithfulness": f"{faithful:.3f}" if faithful is not None and math.isfinite(faithful) else "",
        "error": format_number(card["relative_error"]),
        "nats": format_number(card["complexity_nats"]),
    }
