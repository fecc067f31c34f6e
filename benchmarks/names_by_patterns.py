"""Do names by patterns agree with names by order parameters? python -m benchmarks.names_by_patterns SWEEP…

Explains the network of every training of sweeps for the L1 norm and compares the name that follows from its pattern
with the training's label. Every training in which they differ gets a line: the margin says how far its order
parameters are from another label.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from analysis.errors import UserError
from analysis.network import Network
from analysis.patterns.explain import explain
from analysis.patterns.explanation import Explanation
from analysis.sweeps.load import load_sweep
from trainables.tasks.registry import get_task


def explained(folder: Path) -> Iterator[tuple[dict, Explanation]]:
    """Every completed training's row, and what its network is explained as."""
    sweep = load_sweep(folder)
    for row in sweep.done.to_dict("records"):
        yield row, explain(Network.load(sweep.network_path(row["key"])), get_task(row["task"]).target)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.names_by_patterns", description=__doc__.splitlines()[0])
    parser.add_argument("sweeps", type=Path, nargs="+", metavar="SWEEP")
    for folder in parser.parse_args(arguments).sweeps:
        try:
            rows = list(explained(folder))
        except UserError as error:
            parser.error(str(error))
        differ = [(row, found) for row, found in rows if found.algorithm != row["algorithm"]]
        for row, found in differ:
            print(f"  {row['key']}: {row['algorithm']}, by its pattern {found.algorithm} (n = {row['dimension']}, "
                  f"β = {row['beta']:g}, error {row['relative_error']:.3g}, margin {row['margin']:.2g}): {found.text}, "
                  f"R² {found.r_squared:.3f}")  # fmt: skip
        agree = len(rows) - len(differ)
        print(f"{folder}: the same name in {agree} of {len(rows)} trainings ({agree / len(rows):.2%})", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
