"""Refined or uniform? The same cost of real trainings, spent in two ways, scored on trainings that neither has seen.

    python -m benchmarks.refined_or_uniform sweeps/quick --out sweeps/refined_or_uniform

Starts from a finished sweep over few dimensions. *Uniform*: the sweep and a regular grid over the wider range of
dimensions. *Refined*: the sweep and what `hyperphase refine` asks for over that range, in rounds, until its trainings
have cost as much as the grid's (in seconds as estimated for packs of eight: measured ones depend on what else the
machine does). *Held back*: trainings with seeds of their own, at β and n that no design was told of. Scores: log-loss
of the held-back labels, the share of them named wrongly, and the widths of the boundaries' bands. What is done is not
done again, so that a killed run goes on.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from search.sweep import folder as folders
from search.sweep.hypernetworks import REFINED_PACK as PACK
from search.sweep.packs import pack_seconds

LEAST = 1e-3  # probability that a label is given at least: one that a map has never seen would cost infinity


def run(*arguments) -> None:
    """A hyperphase command; ends the whole if it fails."""
    print("hyperphase", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "search.cli", *map(str, arguments)], check=True)


def design(low: float, high: float, count: int, dimensions, seed: int) -> list[str]:
    """The `--set` options of a regular grid."""
    values = (
        f"grid.dimensions=[{', '.join(map(str, dimensions))}]",
        f"grid.betas={{from={low:g}, to={high:g}, count={count}}}",
        f"grid.seeds=[{seed}]",
    )
    return [word for value in values for word in ("--set", value)]


def seconds(trainings, recipe):
    """(trainings,) estimated seconds of each."""
    return np.array([pack_seconds(recipe, int(n), PACK) / PACK for n in trainings["dimension"]])


def scores(seen, held) -> dict:
    """The map of the trainings `seen`, on the trainings `held`, and its bands."""
    from analysis.algorithms.names import mirror_images
    from analysis.phases.boundaries import boundaries
    from analysis.sweeps.phases import read_phases
    from analysis.sweeps.rounds import widths

    phase_map = read_phases(seen).phase_map
    probability = phase_map.probabilities(held["beta"].to_numpy(), held["dimension"].to_numpy())  # (held, labels)
    merge = mirror_images()
    labels = [merge.get(label, label) for label in held["algorithm"]]
    columns = [phase_map.labels.index(label) if label in phase_map.labels else None for label in labels]
    given = np.array([0.0 if column is None else row[column] for row, column in zip(probability, columns, strict=True)])
    named = np.array(phase_map.labels)[probability.argmax(axis=1)]
    table = boundaries(phase_map, np.arange(held["dimension"].min(), held["dimension"].max() + 1))
    loss = -np.log(np.maximum(given, LEAST))
    return {
        "trainings": len(seen),
        "log_loss": float(loss.mean()),
        "log_losses": [round(float(each), 4) for each in loss],  # paired: the same trainings in all designs
        "wrong": float((named != np.array(labels)).mean()),
        "boundaries": len(table),
        "width": float(np.median(widths(table))),
        "wide": float((widths(table) > 1).mean()),
        "table": table,
    }


def main(arguments=None) -> None:
    import pandas as pd

    import analysis

    parser = argparse.ArgumentParser(description="Refinement against a uniform grid of equal cost.")
    parser.add_argument("sweep", type=Path, help="a finished sweep, which is left as it is")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dimensions", type=int, nargs=2, default=(4, 16), metavar=("FROM", "TO"))
    parser.add_argument("--betas", type=int, default=9, help="of the uniform grid, at every second dimension")
    parser.add_argument("--held", type=int, default=8, help="held-back trainings at every dimension")
    parser.add_argument("--batch", type=int, default=16, help="trainings a round of the refinement")
    chosen = parser.parse_args(arguments)
    folder, out = folders.existing(chosen.sweep), chosen.out
    config = folders.read_config(folder)
    recipe, (low, high) = config.training.recipe(), (min(config.grid.values["beta"]), max(config.grid.values["beta"]))
    first, last = chosen.dimensions
    every, second = range(first, last + 1), range(first, last + 1, 2)
    run("sweep", "--config", folder.config, *design(low, high, chosen.betas, second, 500), "--out", out / "uniform")
    run(
        "sweep",
        "--config",
        folder.config,
        *design(3 * low, 0.3 * high, chosen.held, every, 1000),
        "--out",
        out / "held",
    )
    if not (out / "refined").exists():
        # MLflow's store knows its own folder: the copy gets one of its own
        shutil.copytree(
            chosen.sweep, out / "refined", ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts", "links.json")
        )
    base, uniform, held = (analysis.load_sweep(path).done for path in (chosen.sweep, out / "uniform", out / "held"))
    budget = seconds(uniform, recipe).sum()
    while True:
        done = analysis.load_sweep(out / "refined").done
        added = done[~done["key"].isin(base["key"])].sort_values(["finished_at", "key"])
        if seconds(added, recipe).sum() >= budget:
            break
        run("refine", out / "refined", "--width", 0.01, "--trainings", chosen.batch, "--batch", chosen.batch,
            "--dimensions", *every)  # fmt: skip
    # the last round may go over the budget: of its trainings those count that fit
    added = added[seconds(added, recipe).cumsum() <= budget]
    designs = {"sweep alone": base, "uniform": pd.concat([base, uniform]), "refined": pd.concat([base, added])}
    found = {name: scores(seen, held) | {"seconds": seconds(seen, recipe).sum() - seconds(base, recipe).sum()}
             for name, seen in designs.items()}  # fmt: skip
    print(report(found))
    draw(found, designs, base, out / "refined_or_uniform.png")
    for each in found.values():
        each["table"] = each["table"].to_dict("records")
    (out / "scores.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def report(found: dict[str, dict]) -> str:
    """A line a design; differences of paired log-losses from the uniform grid's with their standard error."""
    lines = [
        "| design | trainings | their seconds | log-loss, held back | less than uniform's | named wrongly |"
        " boundaries found | median band | bands over a decade |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        gain = np.subtract(found["uniform"]["log_losses"], each["log_losses"])
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        lines.append(
            f"| {name} | {each['trainings']} | {each['seconds']:.0f} | {each['log_loss']:.3f}"
            f" | {gain.mean():+.3f} ± {error:.3f} | {each['wrong']:.1%} | {each['boundaries']}"
            f" | {each['width']:.2f} decades | {each['wide']:.0%} |"
        )
    return "\n".join(lines)


def draw(found, designs, base, path: Path) -> None:
    """Where both designs put their trainings, and the boundaries that they found."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, name in zip(panels, ("uniform", "refined"), strict=True):
        new = ~designs[name]["key"].isin(base["key"])
        for part, colour, size in ((designs[name][~new], "0.8", 6), (designs[name][new], "#c2410c", 12)):
            axes.scatter(part["beta"], part["dimension"], s=size, color=colour, linewidth=0)
        for _, rows in found[name]["table"].groupby(["lower_phase", "upper_phase"]):
            axes.hlines(rows["y"], rows["x_low"], rows["x_high"], color="0.1", linewidth=2, alpha=0.75)
            axes.plot(rows["x"], rows["y"], color="0.1", linewidth=0, marker="|", markersize=7)
        axes.set(xscale="log", xlabel="β", title=f"{name}: median band {found[name]['width']:.2f} decades")
    panels[0].set_ylabel("input dimension n")
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
