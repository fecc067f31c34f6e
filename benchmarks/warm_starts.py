"""Could equilibrium boundaries be had from trainings that go on from others? What an annealed sweep says.

    python -m benchmarks.warm_starts sweeps/quick          # after `hyperphase anneal sweeps/quick`

A rung of `hyperphase anneal` costs a fraction of a training, and tells of an algorithm also where trainings no longer
find it. It is of use only if its objective is a training's. Prints, for every algorithm, n and β that have both, the
difference of their mean log objectives in standard deviations of one training, and how far each equilibrium boundary
moves, in decades, if rungs count as trainings.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import mirror_images
from analysis.sweeps.equilibrium import read_equilibrium
from analysis.sweeps.load import load_sweep

if TYPE_CHECKING:
    import pandas as pd

RUNGS = "annealing.parquet"
FEWEST = 3  # trainings and rungs of an algorithm at one n and β
FORMS = ".2g", ".2f", ".2g", ".2f", "+.2f"
HERE = ["dimension", "beta", "label"]


def differences(trainings: "pd.DataFrame", rungs: "pd.DataFrame") -> "pd.DataFrame":
    """By n, β and label: rise (of log objective, from trainings to rungs), error, scatter (of one training)."""
    parts = []
    for table in (trainings, rungs):
        found = table.assign(
            label=table["algorithm"].replace(mirror_images()),
            objective=np.log(table["relative_error"] + table["beta"] * table["complexity_nats"]),
        )
        part = found.groupby(HERE)["objective"].agg(["mean", "std", "count"])
        parts.append(part[part["count"] >= FEWEST])
    one, other = (part.loc[parts[0].index.intersection(parts[1].index)] for part in parts)
    error = np.sqrt(one["std"] ** 2 / one["count"] + other["std"] ** 2 / other["count"])
    return (other["mean"] - one["mean"]).to_frame("rise").assign(error=error, scatter=one["std"])


def shifts(trainings: "pd.DataFrame", rungs: "pd.DataFrame") -> "pd.DataFrame":
    """By n and pair: x and width of the band from trainings alone, and with the rungs; shift, all in decades."""
    import pandas as pd

    keys, tables = ["y", "lower_phase", "upper_phase"], []
    for rows in (trainings, pd.concat([trainings, rungs], ignore_index=True)):
        table = read_equilibrium(rows).boundaries
        table = table.assign(x=np.log10(table["x"]), width=np.log10(table["x_high"] / table["x_low"]))
        tables.append(table.drop_duplicates(keys).set_index(keys)[["x", "width"]])
    found = tables[0].join(tables[1].add_suffix("_with_rungs"), how="outer")
    return found.assign(shift=found["x_with_rungs"] - found["x"])


def report(apart: "pd.DataFrame", moved: "pd.DataFrame") -> str:
    lines = [
        "| n | β | algorithm | log objective, rungs less trainings | in sd of one training |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {n:g} | {beta:.2g} | {label} | {row.rise:+.3f} ± {row.error:.3f} | {row.rise / row.scatter:+.1f} |"
        for (n, beta, label), row in apart.iterrows()
    ]
    lines += ["", "| n | boundary | β*, trainings | band | β*, with rungs | band | shift, decades |",
              "|---|---|---|---|---|---|---|"]  # fmt: skip
    for (n, lower, upper), row in moved.iterrows():
        cells = [10 ** row["x"], row["width"], 10 ** row["x_with_rungs"], row["width_with_rungs"], row["shift"]]
        texts = [format(cell, form) if np.isfinite(cell) else "" for cell, form in zip(cells, FORMS, strict=True)]
        lines.append(f"| {n:g} | {lower}, {upper} | {' | '.join(texts)} |")
    return "\n".join(lines)


def main(arguments=None) -> None:
    import pandas as pd

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, metavar="SWEEP")
    chosen = parser.parse_args(arguments)
    path = chosen.sweep / RUNGS
    if not path.exists():
        parser.error(f"{path} is missing: `hyperphase anneal {chosen.sweep}` makes it")
    trainings, rungs = load_sweep(chosen.sweep).done, pd.read_parquet(path)
    rungs = rungs[rungs["status"] == "done"]
    print(report(differences(trainings, rungs), shifts(trainings, rungs)))


if __name__ == "__main__":
    main()
