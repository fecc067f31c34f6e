"""How well are algorithms' objectives extrapolated beyond their trainings? Measured on a sweep's own trainings.

    python -m benchmarks.front_extrapolation sweeps/paper sweeps/quick

For every algorithm and n the trainings at the highest one, two or three β are hidden; those that are left say what
they should be. Error: how much the logarithm of the mean objective seen is above the one predicted.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import analysis
from analysis.algorithms.names import mirror_images
from analysis.phases.equilibrium import MIN_TRAININGS
from analysis.phases.fronts import fit_fronts

MIN_PLACES = 2  # that must be left
VISIBLE_SHARE = 0.05  # of the objective that must be paid for complexity where it is predicted: else noise is all


def predicted(folder: Path) -> Iterator[dict[str, float]]:
    """One row for every algorithm, n and hidden β: decades beyond the last training left, error, sd, inside."""
    done = analysis.load_sweep(folder).done
    done = done.assign(label=done["algorithm"].replace(mirror_images()), price=done["beta"] * done["complexity_nats"])
    done["objective"] = done["relative_error"] + done["price"]
    for _, rows in done.groupby(["dimension", "label"]):
        counts = rows.groupby("beta").size()
        betas = counts.index[counts >= MIN_TRAININGS].to_numpy()
        for hidden in range(1, min(4, len(betas) - MIN_PLACES + 1)):
            kept, gone = (rows[rows["beta"].isin(some)] for some in (betas[:-hidden], betas[-hidden:]))
            both = pd.concat([kept, gone.nlargest(1, "beta")])  # one, for the curve to reach so far
            names = ["kept"] * len(kept) + ["hidden"]
            columns = (both[name].to_numpy() for name in ("relative_error", "complexity_nats", "seed"))
            front = fit_fronts(both["beta"].to_numpy(), names, *columns, log_x=True)
            for beta, seen in gone.groupby("beta"):
                if (seen["price"] / seen["objective"]).median() < VISIBLE_SHARE:
                    continue
                at = int(np.abs(np.log(front.x / beta)).argmin())
                draws = np.log(front.objective[:, front.labels.index("kept"), at])
                actual = np.log(seen["objective"]).mean()
                low, high = np.quantile(draws, [0.05, 0.95])
                yield {
                    "decades": round(float(np.log10(beta / betas[-hidden - 1])), 1),
                    "error": actual - draws.mean(),
                    "sd": draws.std(),
                    "inside": low <= actual <= high,
                }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    rows = pd.DataFrame([row for folder in parser.parse_args().folders for row in predicted(folder)])
    print("decades beyond  cases  mean error  rms error  sd of draws  in 90 % band")
    for decades, group in rows.groupby("decades"):
        rms = np.sqrt((group["error"] ** 2).mean())
        print(
            f"{decades:<14}  {len(group):<5}  {group['error'].mean():+10.3f}  {rms:9.3f}  {group['sd'].mean():11.3f}"
            f"  {group['inside'].mean():12.0%}"
        )


if __name__ == "__main__":
    main()
