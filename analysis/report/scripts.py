"""What the report's scripts read: the trainings, the live charts, and packed away the drawings and the library."""

import base64
import gzip
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.algorithms.names import colours, display_name

if TYPE_CHECKING:
    import pandas as pd

    from analysis.report.gallery import Gallery


LIBRARY = Path(__file__).parent / "vendor" / "plotly-basic-4.1.1.min.js.gz"  # MIT licence, see LICENSE.plotly
COLUMNS = ("key", "dimension", "beta", "seed", "algorithm", "relative_error", "complexity_nats", "faithfulness")


def page_data(done: "pd.DataFrame", gallery: "Gallery | None", links: dict[str, str], live: dict) -> dict[str, str]:
    """What the page's scripts need: trainings by columns and live charts as JSON; drawings and library packed."""
    data: dict[str, Any] = {name: _plain(done[name]) for name in COLUMNS if name in done}
    data["title"] = {label: display_name(label) for label in done["algorithm"].unique()}
    data["colour"] = colours(done["algorithm"])
    data["link"] = [links.get(key, "") for key in data["key"]]
    data["formula"] = [gallery.formulas.get(key, "") if gallery else "" for key in data["key"]]
    pages = gallery.pages if gallery else {}
    drawings = json.dumps([pages.get(key, "") for key in data["key"]])
    return {
        "data_json": _for_script({"trainings": data, "charts": live}),
        "drawings_packed": base64.b64encode(gzip.compress(drawings.encode(), 9, mtime=0)).decode(),
        "library_packed": base64.b64encode(LIBRARY.read_bytes()).decode() if live else "",
    }


def _plain(column: "pd.Series") -> list:
    """Five digits and null for gaps: what JSON can say."""
    from pandas.api.types import is_float_dtype

    if column.name == "beta" or not is_float_dtype(column):
        return column.tolist()
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in column]


def _for_script(value) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
