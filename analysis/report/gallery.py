"""Which trainings to draw in the report, and their cards."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.algorithms.names import OTHER
from analysis.errors import UserError
from analysis.sweeps.load import Sweep
from analysis.sweeps.sample import stratified_sample

if TYPE_CHECKING:
    import pandas as pd


PER_ALGORITHM = 6
FEWER = {"constant": 3}  # drawings that show next to nothing
MAX_DRAWINGS = 1000
DRAW = "hyperphase draw networks/KEY.npz --out report/drawings/KEY.svg"  # in the sweep's folder
WORST_PURITY = 0.5  # a training whose draws disagree more than this shows its algorithm badly


def choose(done: "pd.DataFrame", algorithm: str, most: int = PER_ALGORITHM) -> "pd.DataFrame":
    """The trainings to draw for one algorithm: an equal share from each dimension, each from another β if possible.

    Best first: the purest (rounded, so that a draw more or less doesn't matter), then the nearest to the typical
    (median) error of the algorithm in this dimension.
    """
    import pandas as pd

    mine = done[done["algorithm"] == algorithm]
    purity = mine["purity"].fillna(0) if "purity" in mine else pd.Series(1.0, index=mine.index)
    typical = mine.groupby("dimension")["relative_error"].transform("median")
    rank = pd.DataFrame(
        {
            "mixed": purity < WORST_PURITY,
            "purity": -purity.round(1),
            "distance": (mine["relative_error"] - typical).abs(),
            "dimension": mine["dimension"],
            "beta": mine["beta"],
        }
    ).sort_values(["purity", "distance"], kind="stable")
    rank["repeat"] = rank.groupby(["dimension", "beta"]).cumcount()  # 0: the best at this β
    rank = rank.sort_values(["mixed", "repeat", "purity", "distance"], kind="stable")
    rank["turn"] = rank.groupby("dimension").cumcount()  # each dimension gives its best, then each its second, …
    spread = _spread(sorted(mine["dimension"].unique()), most)
    best = rank[rank["dimension"].isin(spread)].sort_values(["turn", "dimension"], kind="stable").index[:most]
    return mine.loc[best].sort_values(["dimension", "beta", "seed"])


def _spread(values: list, most: int) -> list:
    """At most `most` of the values, evenly spread from the first to the last."""
    if len(values) <= most:
        return values
    return [values[round(i * (len(values) - 1) / max(1, most - 1))] for i in range(most)]


@dataclass(frozen=True)
class Gallery:
    """Drawings of a sweep's trainings."""

    groups: list[dict]  # label, cards: the chosen ones, by algorithm
    pages: dict[str, str]  # key -> SVG text, of every training that was drawn
    formulas: dict[str, str]  # key -> closed formula, likewise
    remark: str  # HTML: on what is not drawn


def draw_gallery(sweep: Sweep, folder: Path, wanted: Collection[str] = ()) -> Gallery:
    """Draw the trainings' networks as SVG files into `folder`: those to show at once, then a share of all others.

    wanted: keys of trainings to draw in any case.
    In those shown at once that no known algorithm describes, every type of neuron has one colour.
    A network file that is absent or damaged costs its drawing, never the report; the remark counts them.
    """
    from analysis.drawing.svg import draw_svg
    from analysis.network import Network
    from analysis.patterns.explain import explain

    folder.mkdir(parents=True, exist_ok=True)
    done = sweep.done
    has_network = done["key"].map(lambda key: sweep.network_path(key).is_file())
    there, pages, formulas = done[has_network], {}, {}
    chosen = {label: choose(there, label, FEWER.get(label, PER_ALGORITHM)) for label in done["algorithm"].unique()}
    first = [row for rows in chosen.values() for row in rows.to_dict("records")]
    first += there[there["key"].isin(set(wanted) - {row["key"] for row in first})].to_dict("records")
    at_once = {row["key"] for row in first}
    others = there[~there["key"].isin(at_once)]
    others = others.iloc[stratified_sample(others, max(0, MAX_DRAWINGS - len(first)))]
    cards, damaged = {}, 0
    for row in [*first, *others.to_dict("records")]:
        try:
            network = Network.load(sweep.network_path(row["key"]))
        except UserError:
            damaged += 1
            continue
        typed = row["key"] in at_once and row["algorithm"] == OTHER  # of all of them it would take too long
        markings = explain(network).markings if typed else ()
        pages[row["key"]] = draw_svg(network, legend=False, markings=markings)
        card = row | _labels(row, network)
        cards[row["key"]], formulas[row["key"]] = card, card["formula"]
        (folder / f"{row['key']}.svg").write_text(pages[row["key"]], encoding="utf-8")
    nats = done.groupby("algorithm")["complexity_nats"].median()
    groups = [
        {"label": label, "cards": shown}
        for label in sorted(nats.index, key=lambda label: (-nats[label], label))  # the most intricate first
        if (shown := [cards[key] for key in chosen[label]["key"] if key in cards])
    ]
    absent = damaged + int((~has_network).sum())
    remark = f"{absent} trainings have no readable network file and could not be drawn. " if absent else ""
    if len(pages) < len(there) - damaged:
        remark += (
            f"Of {len(there):,} trainings {len(pages):,} are drawn, a share of every (n, β, algorithm); "
            f"any other is drawn by <code>{DRAW}</code> in the sweep’s folder."
        )
    return Gallery(groups, pages, formulas, remark.strip())


def _labels(row: dict, network) -> dict:
    """The formula and its faithfulness: the table's if it has them, else read off the drawn network now."""
    import pandas as pd

    text, faithful = row.get("formula"), row.get("faithfulness")
    if row["algorithm"] == OTHER and isinstance(row.get("pattern_formula"), str):  # says more than the nearest one
        text, faithful = row["pattern_formula"], row["pattern_r_squared"]
    if not isinstance(text, str) or not text:
        from analysis.algorithms.formula import faithfulness, formula

        closed = formula(network, row["algorithm"])
        text = closed.text if closed else ""
        faithful = faithfulness(network, closed) if pd.isna(faithful) else faithful
    return {"formula": text, "faithfulness": None if pd.isna(faithful) else faithful}
