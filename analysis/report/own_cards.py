"""Cards of a user's own experiment: pictures that trainings left, and clusters of `other` with how to name them."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.algorithms.names import in_order
from analysis.formatting import format_number, quoted

if TYPE_CHECKING:
    import pandas as pd

    from analysis.report.section import ReportData

PER_LABEL = 6
MAX_PICTURE_BYTES = 300_000  # larger ones stay files beside the report
KINDS = {".svg": "image/svg+xml", ".png": "image/png"}


def picture_of(folder: Path, key: str) -> str:
    """The first picture that a training left as a data: address; "" if it left none that a page can hold."""
    for path in sorted((folder / "files" / key).glob("*")):
        kind = KINDS.get(path.suffix.lower())
        if kind and path.is_file() and path.stat().st_size <= MAX_PICTURE_BYTES:
            return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return ""


def pictures(data: "ReportData") -> list[dict[str, Any]]:
    """For each label a few trainings' pictures, evenly spread over the first axis."""
    if not data.experiment.own or not (data.sweep.folder / "files").is_dir():
        return []
    groups = []
    for label in in_order(data.done["algorithm"]):
        rows = data.done[data.done["algorithm"] == label].sort_values([axis.name for axis in data.experiment.axes])
        spread = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, PER_LABEL).round().astype(int))]
        cards = [card for row in spread.to_dict("records") if (card := _card(data, row))["image"]]
        if cards:
            groups.append({"label": label, "cards": cards})
    return groups


def cluster_context(data: "ReportData") -> dict[str, Any]:
    """A card for every cluster of trainings labelled `other`: where it lives, what sets it apart, how to name it."""
    found, score = data.clusters
    shown = []
    for cluster in found:
        rows = data.done[data.done["key"].isin(cluster.keys)]
        typical = rows[rows["key"] == cluster.typical].iloc[0].to_dict()
        shown.append(
            _card(data, typical)
            | {
                "number": cluster.number,
                "count": len(rows),
                "where": " · ".join(
                    f"{axis.short} = {' … '.join(dict.fromkeys(axis.number(v) for v in _ends(rows[axis.name])))}"
                    for axis in data.experiment.axes
                ),
                "told": [
                    {"name": name.replace("_", " "), "here": format_number(here), "there": format_number(there)}
                    for name, here, there in cluster.distinguishing
                ],
                "code": _naming(cluster.distinguishing, cluster.number),
            }
        )
    return {
        "candidates": shown,
        "silhouette": format_number(score),
        "file": data.experiment.trainable.partition(":")[0],
        "command": f"hyperphase report {quoted(data.sweep.folder.name)} --relabel",
    }


def _ends(values: "pd.Series") -> tuple[float, float]:
    return values.min(), values.max()


def _card(data: "ReportData", row: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": row["key"],
        "link": data.links.get(row["key"], ""),
        "where": data.experiment.place(row),
        "image": picture_of(data.sweep.folder, row["key"]),
    }


def _naming(distinguishing: tuple[tuple[str, float, float], ...], number: int) -> str:
    """Lines for the experiment's function `label` that give this cluster a name."""
    name, here, there = distinguishing[0]
    edge = here / 2 if np.isnan(there) else (here + there) / 2
    sign = ">" if here > edge else "<"
    return f'if outcome.metrics["{name}"] {sign} {edge:.3g}:\n    return "kind_{number}"  # a name of your own'
