"""Where a refinement's trainings went, and what they did to the boundaries: SWEEP/refinement.json and its picture."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.pictures import Chart

FILE = "refinement.json"


@dataclass(frozen=True)
class Round:
    """The state after a round; the first one is the state before the refinement."""

    trainings: int  # in all, by then
    keys: tuple[str, ...]  # of the round's own
    boundaries: "pd.DataFrame"  # as `analysis.boundaries.boundaries` gives them


def widths(table: "pd.DataFrame"):
    """Decades from end to end of every 90 % band; infinite where an end is open."""
    width = np.log10(table["x_high"].to_numpy(float) / table["x_low"].to_numpy(float))
    return np.where(table["low_is_open"].astype(bool) | table["high_is_open"].astype(bool), np.inf, width)


def write_rounds(folder: Path | str, rounds: list[Round]) -> None:
    """Replaces SWEEP/refinement.json: a reader finds the old one or the new one."""
    path = Path(folder) / FILE
    temporary = path.with_name(f".{FILE}.{os.getpid()}.tmp")
    parts = [
        {"trainings": each.trainings, "keys": list(each.keys), "boundaries": each.boundaries.to_dict("records")}
        for each in rounds
    ]
    temporary.write_text(json.dumps({"rounds": parts}, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_rounds(folder: Path | str) -> list[Round]:
    """[] for a sweep that was not refined."""
    import pandas as pd

    from analysis.boundaries import COLUMNS

    path = Path(folder) / FILE
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))["rounds"]
        return [
            Round(part["trainings"], tuple(part["keys"]), pd.DataFrame(part["boundaries"], columns=COLUMNS))
            for part in parts
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}: {error}); remove it to begin anew") from None


def refinement_chart(rounds: list[Round], done: "pd.DataFrame") -> "Chart | None":
    """Before and after, side by side: trainings as dots, those of the refinement dark; boundaries with their bands."""
    from analysis.charts import WIDTH, new_chart, training_tips
    from analysis.palette import title
    from analysis.pictures import FAINT, INK

    asked = {key for each in rounds for key in each.keys}
    new = done["key"].isin(asked).to_numpy()
    if not new.any():
        return None
    chart = new_chart(WIDTH, 3.4)
    panels = chart.figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, each, shown, when in (
        (panels[0], rounds[0], done[~new], "before"),
        (panels[1], rounds[-1], done, f"after {len(asked)} more"),
    ):
        later = shown["key"].isin(asked)
        for part, colour, size in ((shown[~later], FAINT, 5), (shown[later], "#c2410c", 9)):
            if len(part):
                dots = axes.scatter(part["beta"], part["dimension"], s=size, color=colour, linewidth=0, zorder=3)
                chart.tip(dots, *training_tips(part))
        for (lower, upper), rows in each.boundaries.groupby(["lower_phase", "upper_phase"]):
            rows = rows.sort_values("y")
            low, high = rows["x_low"], rows["x_high"]
            bands = axes.hlines(rows["y"], low, high, color=INK, linewidth=2.4, alpha=0.75, zorder=4)
            name = f"{title(lower)} | {title(upper)}"
            chart.tip(
                bands,
                *(
                    f"{name}, n = {at.y:g}: β = {at.x:.2g}, {at.x_low:.2g} … {at.x_high:.2g}"
                    for at in rows.itertuples()
                ),
            )
            axes.plot(rows["x"], rows["y"], color=INK, linewidth=0.8, marker="|", markersize=7, zorder=5)
        axes.set_xscale("log")
        axes.set_xlabel("β")
        width = widths(each.boundaries)
        middle = f"{np.median(width):.2f} decades" if len(width) and np.isfinite(np.median(width)) else "open"
        axes.set_title(f"{when}: median band {middle}" if len(width) else f"{when}: no boundary yet")
    panels[0].set_ylabel("input dimension n")
    return chart
