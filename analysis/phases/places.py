"""Labels counted by place: replicates cost nothing, and a table of any length costs no more than a full map."""

import numpy as np

from analysis.phases.arrays import Floats

MANY_PLACES = 1000  # beyond so many, places closer than 1 / FINENESS half-ranges count as one
FINENESS = 60


def gather(scaled: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """scaled (rows, axes), counts (rows, labels) -> the same of the distinct places, counts summed."""
    places, place = np.unique(scaled, axis=0, return_inverse=True)
    if len(places) > MANY_PLACES:
        places, place = np.unique(np.round(scaled * FINENESS) / FINENESS, axis=0, return_inverse=True)
    gathered = np.zeros((len(places), counts.shape[1]))
    np.add.at(gathered, place.ravel(), counts)
    return places, gathered
