"""What the report's scripts read: trainings, live charts and tips, drawings, and the library; each packed."""

import base64
import gzip
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.algorithms.names import colours, display_name
from analysis.report import context
from analysis.sweeps.experiment import HYPERNETWORK, Experiment

if TYPE_CHECKING:
    import pandas as pd

    from analysis.charts.chart import Tip
    from analysis.report.gallery import Gallery
    from analysis.report.page import Figure


LIBRARY = Path(__file__).parent / "vendor" / "plotly-basic-4.1.1.min.js.gz"  # MIT licence, see LICENSE.plotly
MAX_DRAWINGS = 2_500_000  # characters of all drawings that the page holds; it looks for others in its folder
# What tips and cards say of a training, beside the table's columns.
COLUMNS = ("key", "seed", "algorithm", "relative_error", "complexity_nats", "faithfulness")
PLACES = 10_000  # that a picture's width and height are divided into


def page_data(
    shown: "pd.DataFrame",
    gallery: "Gallery | None",
    links: dict[str, str],
    figures: Iterable["Figure"],
    experiment: Experiment = HYPERNETWORK,
) -> dict[str, str]:
    """What the page's scripts need, as the template's values.

    shown: the trainings that the page tells one by one; live charts refer to them by row.
    """
    columns, figures = context.table_columns(shown, experiment), list(figures)
    axes = [axis.name for axis in reversed(experiment.axes)]
    names = dict.fromkeys(
        [*(column["name"] for column in columns), *axes, *(name for name in COLUMNS if name in shown)]
    )
    formulas = gallery.formulas if gallery else {}
    live = {figure.name: figure.live for figure in figures if figure.live}
    data = {
        "trainings": {name: _plain(shown[name], digits=6 if name in axes else 4) for name in names}
        | {
            "formula": [formulas.get(key, "") for key in shown["key"]],
            "link": [links.get(key, "") for key in shown["key"]],
        },
        "columns": columns,
        "axes": [[axis.name, axis.short] for axis in reversed(experiment.axes)],
        "title": {label: display_name(label) for label in shown["algorithm"].dropna().unique()},
        "colour": colours(shown["algorithm"].dropna()),
        "charts": live,
        "tips": {figure.name: _packed_tips(figure.tips) for figure in figures if figure.tips},
    }
    return {
        "data_packed": _packed(data),
        "drawings_packed": _packed(_some(gallery.pages if gallery else {})),
        "library_packed": base64.b64encode(LIBRARY.read_bytes()).decode() if live else "",
    }


def _some(drawings: dict[str, str]) -> dict[str, str]:
    """The first of them, up to the page's limit."""
    kept, size = {}, 0
    for key, svg in drawings.items():
        size += len(svg)
        if size > MAX_DRAWINGS:
            break
        kept[key] = svg
    return kept


def _packed_tips(tips: list["Tip"]) -> dict[str, list]:
    boxes = [round(PLACES * value) for tip in tips for value in (tip.left, tip.top, tip.width, tip.height)]
    return {"boxes": boxes, "texts": [tip.text for tip in tips]}


def _plain(column: "pd.Series", *, digits: int) -> list:
    """So many digits and null for gaps: what JSON can say."""
    from pandas.api.types import is_float_dtype

    if is_float_dtype(column):
        return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in column]
    return column.astype(object).where(column.notna(), None).tolist()


def _packed(value: Any) -> str:
    """JSON, compressed, as text that may stand in a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()
