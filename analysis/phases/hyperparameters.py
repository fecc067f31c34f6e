"""Settings of the phase map's Gaussian process: what is known of them beforehand, and which the labels speak for.

Laplace's evidence compares settings; a climb along ladders of values finds the good ones. Odd labels have two readings:
crossovers so wide that odd labels belong to them, or sharp ones and a floor of label noise. Between them lies a valley
that no single step crosses, so that the climb begins on both sides of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analysis.phases.arrays import Floats
from analysis.phases.softmax_gp import Basis, FieldFit, Hyperparameters, laplace

LADDERS = {  # the values that each setting may take; neighbours differ enough to matter
    "trend": (3.0, 6.0, 12.0, 24.0, 48.0, 96.0, 192.0, 384.0, 768.0),
    "tilt": (0.03, 0.06, 0.12, 0.25, 0.5, 1.0),
    "ripple": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
    "length_x": (0.25, 0.35, 0.5, 0.7, 1.0),
    "length_y": (0.35, 0.5, 0.7, 1.0, 1.4, 2.0),
    "noise": (0.003, 0.01, 0.03, 0.06, 0.1, 0.2),
}
PRIOR_CENTRE = Hyperparameters(trend=24.0, tilt=0.12, ripple=2.0, length_x=0.5, length_y=1.4, noise=0.02)
# the prior's spread, in nats of the setting
PRIOR_LOG_SD = {"trend": 1.2, "tilt": 0.5, "ripple": 1.2, "length_x": 0.25, "length_y": 0.25, "noise": 1.2}
STARTS = replace(PRIOR_CENTRE, noise=0.01), replace(PRIOR_CENTRE, noise=0.06)
NEGLIGIBLE_ODDS = 4.0  # nats below the best at which settings are dropped from a mixture


def ascend_evidence(
    basis: Basis,
    features: Floats,
    counts: Floats,
    *,
    centre: Hyperparameters = PRIOR_CENTRE,
    log_sd: Mapping[str, float] = PRIOR_LOG_SD,
    starts: Sequence[Hyperparameters] = STARTS,
) -> list[tuple[float, FieldFit]]:
    """Coordinate ascent on the ladders from each start -> (log posterior, fit) of the settings worth keeping, the best
    first: those at most NEGLIGIBLE_ODDS below it.

    features: (places, size); counts: (places, phases); centre, log_sd: of the prior; starts: rungs of every ladder.
    """
    tried: dict[Hyperparameters, tuple[float, FieldFit]] = {}

    def score(settings: Hyperparameters, start: FieldFit | None) -> tuple[float, FieldFit]:
        if settings not in tried:
            found = laplace(basis, features, counts, settings, start=start)
            tried[settings] = (found.evidence + log_prior(settings, centre, log_sd), found)
        return tried[settings]

    names = [name for name in LADDERS if any(basis.used[1:]) or name not in ("tilt", "length_y")]
    for settings in starts:
        best, moved = score(settings, None), True
        while moved:
            moved = False
            for name in names:
                ladder = LADDERS[name]
                place = ladder.index(getattr(settings, name))
                for step in (1, -1):
                    while 0 <= place + step < len(ladder):
                        candidate = replace(settings, **{name: ladder[place + step]})
                        found = score(candidate, best[1])
                        if found[0] <= best[0]:
                            break
                        best, settings, place, moved = found, candidate, place + step, True
    ranked = sorted(tried.values(), key=lambda item: -item[0])
    return [item for item in ranked if item[0] > ranked[0][0] - NEGLIGIBLE_ODDS]


def log_prior(
    settings: Hyperparameters, centre: Hyperparameters = PRIOR_CENTRE, log_sd: Mapping[str, float] = PRIOR_LOG_SD
) -> float:
    """Log density of the settings, log-normal around the centre, up to a constant."""
    squares = [
        (np.log(getattr(settings, name) / getattr(centre, name)) / spread) ** 2 for name, spread in log_sd.items()
    ]
    return -0.5 * float(sum(squares))
