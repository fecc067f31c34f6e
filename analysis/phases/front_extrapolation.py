"""How an algorithm's objective and complexity go on beyond its own trainings: as weights given up one by one."""

import numpy as np

from analysis.phases.arrays import Floats

APART = 1.0  # units of u: places so far apart say how complexity goes on; nearer by, extrapolation is safe
FALL_LOG_SD = 0.35  # of the power with which complexity falls beyond an algorithm's trainings, in nats
RATIOS = np.geomspace(1e-6, 1e12, 400)  # of λ to x, of which _law chooses


def extrapolate(
    x: Floats,
    places: Floats,
    u: Floats,
    count: Floats,
    seen: Floats,
    objective: Floats,
    nats: Floats,
    rng: np.random.Generator,
) -> None:
    """Writes how an algorithm's objective and complexity, (draws, points), go on beyond its own places along x.

    There they hold the values at the nearest end. places: x of its places, u their scale, count their trainings; seen:
    (draws, places) their complexities.

    A weight whose loss has curvature λ keeps ½ log(1 + λ/x) nats at the price x, so complexity goes on as
    N(x) = k log(1 + λ/x), and energy as dE = -x dN. k and λ follow from the complexities at its last places (`_law`).
    Where x or complexities are not positive, complexity stays.
    """
    lawful = bool((x > 0).all() and (seen >= 0).all())
    for first in (True, False):
        end = 0 if first else -1
        beyond = np.flatnonzero(x < places[0]) if first else np.flatnonzero(x > places[-1])
        if not len(beyond):
            continue
        value, complexity = objective[:, beyond[0], None], seen[:, end, None]
        if lawful:
            last, ratio = _law(places, u, count, np.maximum(seen, 1e-12), value[:, 0], first, rng)
            complexity = last[:, None]
            strength, curvature = complexity / np.log1p(ratio)[:, None], ratio[:, None] * places[end]
            nats[:, beyond] = strength * np.log1p(curvature / x[beyond])
            paid = strength * curvature * np.log1p((x[beyond] - places[end]) / (places[end] + curvature))
            energy = value - places[end] * complexity + paid
            # a law that would make errors negative is stopped there
            energy = np.where((value > 0) & first, np.maximum(energy, 0.0), energy)
            objective[:, beyond] = energy + x[beyond] * nats[:, beyond]
        else:
            nats[:, beyond] = complexity
            objective[:, beyond] = value + (x[beyond] - places[end]) * complexity


def _frozen(fall: Floats) -> Floats:
    """λ/x at which log(1 + λ/x) falls as x to the power -fall, fall in (0, 1)."""
    powers = RATIOS / ((1 + RATIOS) * np.log1p(RATIOS))
    return np.exp(np.interp(-fall, -powers, np.log(RATIOS)))


def _law(
    places: Floats, u: Floats, count: Floats, seen: Floats, value: Floats, first: bool, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """N and λ/x at the first or last place, (draws,) each, of the law N = k log(1 + λ/x).

    By least squares of log N at the places next to it, so far as they are `APART`; their power there, dlog N / dlog x,
    give or take a factor of e^FALL_LOG_SD. From one place alone, so that complexity's share of the objective stays.
    """
    end = 0 if first else len(u) - 1
    away = np.abs(u - u[end])
    nearest = np.argsort(away)[: 1 + int((away < min(APART, np.ptp(u))).sum())]
    last = np.log(seen[:, end])
    if len(u) == 1:
        steady = 1 - np.clip(places[end] * seen[:, end] / value, 0, 1)
        power = steady * rng.uniform(0.5, 1.5, len(steady))
    else:
        weight = count[nearest] / count[nearest].sum()
        shape = np.log(np.log1p(RATIOS[:, None] * places[end] / places[nearest]))  # (ratios, nearest) log N / k
        shape = shape - shape @ weight[:, None]
        apart = np.log(seen[:, nearest])
        middle = apart @ weight
        # squares of what is left, less those of log N itself
        best = ((shape**2) @ weight - 2 * (apart * weight) @ shape.T).argmin(axis=1)
        last = middle + shape[best, 0]
        power = RATIOS[best] / ((1 + RATIOS[best]) * np.log1p(RATIOS[best]))
        power = power * np.exp(FALL_LOG_SD * rng.standard_normal(len(power)))
    return np.exp(last), _frozen(np.clip(power, 1e-9, 1 - 1e-9))
