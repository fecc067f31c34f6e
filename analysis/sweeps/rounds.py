"""Where a refinement's trainings went, and what they did to the boundaries: SWEEP/refinement.json and its picture."""

import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.files import read_bytes

if TYPE_CHECKING:
    import pandas as pd


FILE = "refinement.json"


@dataclass(frozen=True)
class Round:
    """The state after a round; the first one is the state before the refinement."""

    trainings: int  # in all, by then
    keys: tuple[str, ...]  # of the round's own
    boundaries: "pd.DataFrame"  # as `analysis.phases.boundaries.boundaries` gives them
    kind: str = "found"  # of the boundaries: where found phases change, or at "equilibrium"


def widths(table: "pd.DataFrame", *, log: bool = True):
    """From end to end of every 90 % band, in decades if x is logarithmic; infinite where an end is open."""
    low, high = (table[name].to_numpy(float) for name in ("x_low", "x_high"))
    width = np.log10(high / low) if log else high - low
    return np.where(table["low_is_open"].astype(bool) | table["high_is_open"].astype(bool), np.inf, width)


def write_rounds(folder: Path | str, rounds: list[Round]) -> None:
    """Replaces SWEEP/refinement.json: a reader finds the old one or the new one."""
    path = Path(folder) / FILE
    temporary = path.with_name(f".{FILE}.{os.getpid()}.tmp")
    parts = [
        {
            "trainings": each.trainings,
            "keys": list(each.keys),
            "boundaries": each.boundaries.to_dict("records"),
            "kind": each.kind,
        }
        for each in rounds
    ]
    temporary.write_text(json.dumps({"rounds": parts}, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_rounds(folder: Path | str) -> list[Round]:
    """[] for a sweep that was not refined; also, with a warning, if the file is damaged."""
    import pandas as pd

    from analysis.phases.boundaries import COLUMNS

    path = Path(folder) / FILE
    try:
        if not path.exists():
            return []
        parts = json.loads(read_bytes(path, most=2**28))["rounds"]
        return [
            Round(
                part["trainings"],
                tuple(part["keys"]),
                pd.DataFrame(part["boundaries"], columns=COLUMNS),
                part.get("kind", "found"),
            )
            for part in parts
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:100]
        warnings.warn(f"{path.name} is damaged and ignored ({reason})", stacklevel=2)
        return []
