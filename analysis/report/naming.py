"""From a cluster of networks without a name to a name: the file that would give it one."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.sweeps.clusters import PER_INPUT, QUALITY, comparable
from analysis.sweeps.statistics import order_parameters

if TYPE_CHECKING:
    import pandas as pd

    from analysis.sweeps.clusters import Cluster

MAX_CRITERIA = 3
TURNED = ("sidedness_min", "sidedness_max")  # change places under x -> -x: no criterion for a cluster of mirror images


def algorithm_file(cluster: "Cluster", done: "pd.DataFrame") -> str:
    """A file with an Algorithm whose criteria keep the cluster's trainings and leave out the others, as far as three
    can. done: all completed trainings, named ones too.
    """
    found = _criteria(done, done["key"].isin(cluster.keys).to_numpy())
    numpy = ["import numpy as np", ""] if any("np." in text for text in found) else []
    name = f"cluster_{cluster.number}"
    return "\n".join(
        [
            *numpy,
            "from analysis import Algorithm, beyond, worst",
            "",
            "",
            "def score(p, n):  # order parameters, (networks,) each; inputs",
            f"    return worst({', '.join(found)})",
            "",
            "",
            f'{name.upper()} = Algorithm("{name}", score, title="a name of your own")',
        ]
    )


def _criteria(done: "pd.DataFrame", mine: np.ndarray) -> list[str]:
    """One at a time, the one that leaves out most of the others that are left, its edge halfway to the nearest."""
    names = [name for name in order_parameters(done) if name not in (*QUALITY, *TURNED)]
    values = dict(zip(names, comparable(done, names).T, strict=True))
    left, found = ~mine, list[str]()
    while left.any() and len(found) < MAX_CRITERIA:
        sides = [(name, column, sign) for name, column in values.items() for sign in (1, -1)]
        name, column, sign = max(sides, key=lambda side: int((_beyond(side[1], side[2], mine) & left).sum()))
        out = _beyond(column, sign, mine) & left
        if not out.any():
            break
        edge = ((sign * column[mine]).min() + (sign * column[out]).max()) / 2 * sign
        found.append(f"beyond({_value(name)}, {edge:.3g}, {np.median(column[mine]):.3g})")
        left &= ~out
    return found or [f"beyond({_value(names[0])}, -1, 1)"]


def _beyond(column: np.ndarray, sign: int, mine: np.ndarray) -> np.ndarray:
    """(rows,) which lie below all of mine (sign 1) or above them (-1)."""
    return sign * column < (sign * column[mine]).min()


def _value(name: str) -> str:
    if name in PER_INPUT:
        return f'p["{name}"] / n'
    return f'np.abs(p["{name}"])' if name == "sidedness" else f'p["{name}"]'
