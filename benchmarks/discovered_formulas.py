"""Formulas that nobody listed: what sweeps for other tasks than the L1 norm found, and where it is the ground state.

    python -m benchmarks.discovered_formulas SWEEP… [--out DIR]

Explains the network of every training anew and prints, for each sweep: how many good trainings have a short and
faithful formula, the patterns with the best training of each, at every n the patterns with the lowest objective from
small to large β, the patterns' constants in n, and the good trainings whose formula falls short. With --out also
DIR/TASK.csv, a row a training with its phase, which `hyperphase boundaries` takes, and a drawing of every pattern's
best network.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING

from analysis.algorithms.builtin import CONSTANT
from analysis.errors import UserError
from analysis.network import Network
from analysis.patterns.across import SharedFormula, shared_formula
from analysis.patterns.explain import explain
from analysis.patterns.explanation import Explanation
from analysis.patterns.pattern_text import mirror_image
from analysis.phases.equilibrium import Equilibrium, equilibrium
from analysis.sweeps.load import load_sweep
from trainables.tasks.registry import get_task

if TYPE_CHECKING:
    import pandas as pd

GOOD, FAITHFUL, CONSTANTS = (
    0.05,
    0.98,
    6,
)  # relative error of a good training; R² and constants a type of a good formula
BEST = 3  # trainings at each n that a formula in n is made of
FREQUENT = 4  # trainings of a pattern that is shown though it is nowhere the ground state
UNDECIDED = 3.0  # decades of a boundary's band beyond which two phases are as good as equal
COLUMNS = ["key", "dimension", "beta", "seed", "relative_error", "complexity_nats"]


@dataclass(frozen=True)
class Discovery:
    """A sweep's trainings, a row each with its `phase`; their explanations by key; what is best where."""

    task: str
    rows: "pd.DataFrame"
    found: dict[str, Explanation]
    best: Equilibrium


def discover(folder: Path) -> Discovery:
    """Mirror images are one phase: the one that stands first."""
    sweep = load_sweep(folder)
    rows = sweep.done[COLUMNS].copy()
    task = sweep.done["task"].iloc[0]
    target = get_task(task).target
    found = {key: explain(Network.load(sweep.network_path(key)), target) for key in rows["key"]}
    explained = [found[key] for key in rows["key"]]
    rows["phase"] = [min(one.pattern, mirror_image(one.pattern)) for one in explained]
    rows["r_squared"] = [one.r_squared for one in explained]
    rows["r_squared_at_twice_the_scale"] = [one.r_squared_at_twice_the_scale for one in explained]
    rows["most_constants"] = [max((len(kind.constants) for kind in one.types), default=0) for one in explained]
    rows["formula"] = [one.text for one in explained]
    axes = (rows[name] for name in ("beta", "dimension", "phase", "relative_error", "complexity_nats"))
    best = equilibrium(*axes, seeds=rows["seed"], log_x=True, x_name="β", y_name="n")
    return Discovery(task, rows, found, best)


def good_ones(discovery: Discovery) -> tuple["pd.DataFrame", "pd.Series"]:
    """The trainings with a small error, and which of them have a short and faithful formula."""
    good = discovery.rows[discovery.rows["relative_error"] <= GOOD]
    return good, (good["r_squared"] >= FAITHFUL) & (good["most_constants"] <= CONSTANTS)


def report(discovery: Discovery) -> str:
    """Markdown."""
    good, short = good_ones(discovery)
    counted = (
        f"; of these {int(short.sum())} ({short.mean():.0%}) with R² ≥ {FAITHFUL} and at most {CONSTANTS} constants "
        "a type"
        if len(good)
        else ""
    )
    letters = {phase: ascii_uppercase[place] for place, phase in enumerate(phases(discovery))}
    lines = [
        f"### {discovery.task}\n",
        f"{len(discovery.rows)} trainings, {len(good)} with error ≤ {GOOD}{counted}.\n",
        "| | pattern | trainings, at n | best formula | n, β, error | R², at twice the scale |",
        "|---|---|---|---|---|---|",
        *(_told(discovery, phase, letter) for phase, letter in letters.items()),
        "\n| n | lowest objective, from small β to large |",
        "|---|---|",
        *(f"| {n:g} | {_stretches(discovery, n, letters)} |" for n in sorted(discovery.best.fronts)),
        "",
        *(f"{letter} in n: {law}\n" for phase, letter in letters.items() if (law := _told_in_n(discovery, phase))),
        *(f"not so: {row.key}, n = {row.dimension}, β = {row.beta:g}, error {row.relative_error:.3g}, R² "
          f"{row.r_squared:.3f}: {row.formula}" for row in good[~short].itertuples()),
    ]  # fmt: skip
    return "\n".join(lines)


def phases(discovery: Discovery) -> list[str]:
    """The patterns that have the lowest objective somewhere and other frequent ones, by how many trainings have them;
    `constant` aside."""
    bounds = discovery.best.boundaries
    states = {*discovery.best.ground_states["ground_state"], *bounds["lower_phase"], *bounds["upper_phase"]}
    often = discovery.rows["phase"].value_counts()
    return [phase for phase in often.index if phase != CONSTANT.name and (phase in states or often[phase] >= FREQUENT)]


def best_of(discovery: Discovery, phase: str) -> str:
    """Key of the training with the lowest error, at n = 4 if it was found there, so that it can be drawn and read."""
    mine = discovery.rows[discovery.rows["phase"] == phase]
    here = mine[mine["dimension"] == 4]
    return str((mine if here.empty else here).sort_values("relative_error")["key"].iloc[0])


def _told(discovery: Discovery, phase: str, letter: str) -> str:
    """A row of the table of patterns."""
    mine = discovery.rows[discovery.rows["phase"] == phase].set_index("key")
    key = best_of(discovery, phase)
    row, found = mine.loc[key], discovery.found[key]
    where = ", ".join(f"{n}: {count}" for n, count in mine["dimension"].value_counts().sort_index().items())
    place = f"{row['dimension']}, {row['beta']:g}, {row['relative_error']:.2g}"
    faithful = f"{found.r_squared:.4f}, {found.r_squared_at_twice_the_scale:.4f}"
    return f"| {letter} | {phase} | {len(mine)}; {where} | {found.text} | {place} | {faithful} |"


def in_n(discovery: Discovery, phase: str) -> SharedFormula | None:
    """A pattern's formula in n, from its best trainings at every n; None with one n, or rows without structure."""
    rows = discovery.rows.sort_values("relative_error")
    mine = rows[(rows["phase"] == phase) & (rows["r_squared"] >= FAITHFUL)]
    if mine["dimension"].nunique() < 2:
        return None
    law = shared_formula([discovery.found[key] for key in mine.groupby("dimension").head(BEST)["key"]])
    return law if law.complete and len(law.dimensions) > 1 else None


def _told_in_n(discovery: Discovery, phase: str) -> str:
    law = in_n(discovery, phase)
    if law is None:
        return ""
    scores = ", ".join(f"{n}: {score:.3f}" for n, score in law.r_squared().items())
    return f"`{law.text}`; R² at n = {scores}."


def _stretches(discovery: Discovery, n: float, letters: dict[str, str]) -> str:
    """`A to 0.01 (0.005 … 0.02), B or C to …, constant`: or, where the band of their boundary is hardly a place."""
    bounds = discovery.best.boundaries
    here = bounds[bounds["y"] == n].sort_values("x")
    if here.empty:
        states = discovery.best.ground_states
        return _named([str(states[states["y"] == n]["ground_state"].iloc[0])], letters)
    steps, alike = [], [str(here["lower_phase"].iloc[0])]
    for row in here.itertuples():
        if row.x_high / row.x_low <= 10**UNDECIDED:
            steps.append(f"{_named(alike, letters)} to {row.x:.2g} ({row.x_low:.2g} … {row.x_high:.2g})")
            alike = []
        alike.append(str(row.upper_phase))
    return ", ".join([*steps, _named(alike, letters)])


def _named(alike: Sequence[str], letters: dict[str, str]) -> str:
    return " or ".join(dict.fromkeys(letters.get(phase, phase) for phase in alike))


def write(discovery: Discovery, out: Path) -> None:
    """DIR/TASK.csv and DIR/TASK_1.svg, …, in the order of `phases`."""
    out.mkdir(parents=True, exist_ok=True)
    discovery.rows.to_csv(out / f"{discovery.task}.csv", index=False)
    for number, phase in enumerate(phases(discovery), start=1):
        found = discovery.found[best_of(discovery, phase)]
        found.draw(out / f"{discovery.task}_{number}.svg", title=found.pattern)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovered_formulas",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sweeps", type=Path, nargs="+", metavar="SWEEP")
    parser.add_argument("--out", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)
    for folder in options.sweeps:
        try:
            discovery = discover(folder)
        except UserError as error:
            parser.error(str(error))
        print(report(discovery) + "\n", flush=True)
        if options.out:
            write(discovery, options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
