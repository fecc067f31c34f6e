"""Scaling laws of boundaries: x*(y) = A · y^-γ, with the map's own uncertainty carried into γ.

Every posterior draw of the map has its own boundary; a straight line through it on log-log axes gives the draw's
(γ, A), weighted by how well the boundary is known at each y. The draws' quantiles are the intervals. The law is
refused, with the reason, where the data cannot support it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.phases.arrays import Floats
from analysis.phases.boundaries import MIN_CONTRAST, MIN_PROBABILITY, Crossings, crossings
from analysis.phases.phase_map import PhaseMap

MIN_YS = 3  # with two, any curve is a power law
MIN_FACTOR = 1.5  # of y from the smallest to the largest
WIDEST = 4.0  # width of the exponent's interval at which it says nothing


@dataclass(frozen=True)
class ScalingLaw:
    lower_phase: str
    upper_phase: str
    refused: str | None  # the reason, or None where the law holds
    exponent: float = np.nan  # γ in A · y^-γ, posterior median
    exponent_low: float = np.nan  # ends of the credible interval
    exponent_high: float = np.nan
    amplitude: float = np.nan  # A, in units of x
    amplitude_low: float = np.nan
    amplitude_high: float = np.nan
    bend: float = np.nan  # second-order term, decades per squared half-range of log y; its interval decides
    bend_low: float = np.nan
    bend_high: float = np.nan
    y: Floats | None = None  # (ys,) where the boundary was found
    x: Floats | None = None  # (ys,) boundary, posterior median
    x_low: Floats | None = None  # (ys,) band
    x_high: Floats | None = None
    residual: Floats | None = None  # (ys,) log10 of boundary over law, decades

    def predict(self, y: ArrayLike) -> Floats:
        """The law's x at y, of the same shape."""
        at: Floats = np.asarray(y, float)
        return self.amplitude * at**-self.exponent

    def __str__(self) -> str:
        return self.describe("y")

    def describe(self, y: str, *, title: Callable[[str], str] = str) -> str:
        """The law in a line, or why there is none. y: what the axis is called; title: label -> how to write it."""
        name = f"{title(self.lower_phase)} | {title(self.upper_phase)}"
        if self.refused:
            return f"{name}: no scaling law, {self.refused}"
        return (
            f"{name}: {self.amplitude:.3g} · {y}^{-self.exponent:.2f}"
            f" (γ = {self.exponent:.2f}, interval {self.exponent_low:.2f} to {self.exponent_high:.2f})"
        )


def scaling_laws(phase_map: PhaseMap, ys: ArrayLike | None = None, *, level: float = 0.9) -> list[ScalingLaw]:
    """One law, or refusal, for every boundary of the map. ys: where to read them, by default the data's own y."""
    ys = np.unique(phase_map.y) if ys is None else ys
    groups: dict[tuple[str, str], list[Crossings]] = {}
    for crossing in crossings(phase_map, ys):
        if crossing.probability >= MIN_PROBABILITY and crossing.contrast >= MIN_CONTRAST:
            groups.setdefault((crossing.lower_phase, crossing.upper_phase), []).append(crossing)
    return [_law(phase_map, pair, found, level) for pair, found in groups.items()]


def _law(phase_map: PhaseMap, pair: tuple[str, str], found: Sequence[Crossings], level: float) -> ScalingLaw:
    ys = np.array([crossing.y for crossing in found])
    reason = _unfit(phase_map, ys)
    if reason:
        return ScalingLaw(*pair, refused=reason)
    tails = [0.5, (1 - level) / 2, (1 + level) / 2]
    log_x = np.full((len(phase_map.weights), len(ys)), np.nan)  # (draws, ys)
    for column, crossing in enumerate(found):
        log_x[crossing.draw, column] = np.log10(phase_map.x_axis.unscale(crossing.scaled_x))
    weight = 1 / (np.nanvar(log_x, axis=0) + 1e-4)
    centre, half = (np.log10(ys).max() + np.log10(ys).min()) / 2, np.ptp(np.log10(ys)) / 2
    scaled = (np.log10(ys) - centre) / half
    whole = log_x[np.isfinite(log_x).sum(axis=1) >= MIN_YS]
    if len(whole) < 0.3 * len(log_x):
        return ScalingLaw(*pair, refused=f"it is found at {MIN_YS} values of {phase_map.y_axis.name} in few draws")
    lines = _polynomials(scaled, whole, weight, 1)  # (draws, 2)
    bends = _polynomials(scaled, whole, weight, 2)[:, 2] if len(ys) > 2 else np.zeros(len(whole))
    exponents = -lines[:, 1] / half
    amplitudes = lines[:, 0] + exponents * centre
    exponent, amplitude = np.quantile(exponents, tails), 10 ** np.quantile(amplitudes, tails)
    bend = np.quantile(bends, [0.5, 0.025, 0.975])
    middle, low, high = np.nanquantile(log_x, tails, axis=0)
    residual = middle - (np.median(lines[:, 0]) + np.median(lines[:, 1]) * scaled)
    # the amplitude that goes with the median exponent through the middle of the data
    through = 10 ** (np.median(lines[:, 0]) + exponent[0] * centre)
    refused = None
    if exponent[2] - exponent[1] > WIDEST:
        refused = f"the exponent is anywhere from {exponent[1]:.1f} to {exponent[2]:.1f}"
    elif bend[1] > 0 or bend[2] < 0:
        refused = (
            f"the boundary bends on log axes (by {bend[0]:+.2f} decades over half the range,"
            f" 95 % interval {bend[1]:+.2f} to {bend[2]:+.2f})"
        )
    return ScalingLaw(
        *pair,
        refused=refused,
        exponent=exponent[0],
        exponent_low=exponent[1],
        exponent_high=exponent[2],
        amplitude=through,
        amplitude_low=amplitude[1],
        amplitude_high=amplitude[2],
        bend=bend[0],
        bend_low=bend[1],
        bend_high=bend[2],
        y=ys,
        x=10**middle,
        x_low=10**low,
        x_high=10**high,
        residual=residual,
    )


def _unfit(phase_map: PhaseMap, ys: Floats) -> str | None:
    """Why no law can be read, before any fit; None if it can."""
    name = phase_map.y_axis.name
    if phase_map.y.min() <= 0 or phase_map.x.min() <= 0:
        return f"a power law needs positive {phase_map.x_axis.name} and {name}"
    if len(np.unique(ys)) < len(ys):
        return f"it is crossed more than once at {name} = {ys[np.flatnonzero(np.diff(ys) == 0)[0]]:g}"
    if len(ys) < MIN_YS:
        return f"the boundary is seen at {len(ys)} value{'s' * (len(ys) != 1)} of {name} only, it needs {MIN_YS}"
    if ys.max() / ys.min() < MIN_FACTOR:
        return f"{name} spans a factor of {ys.max() / ys.min():.2f} only, it needs {MIN_FACTOR}"
    return None


def _polynomials(scaled: Floats, log_x: Floats, weight: Floats, degree: int) -> Floats:
    """Weighted least squares for every draw, over the ys that it has: (draws, degree + 1), constant first."""
    design = np.vander(scaled, degree + 1, increasing=True)  # (ys, degree + 1)
    known = np.isfinite(log_x) * weight  # (draws, ys)
    normal = np.einsum("dy,yi,yj->dij", known, design, design)
    normal += 1e-9 * np.eye(degree + 1) * weight.mean()
    right = np.einsum("dy,yi->di", known * np.nan_to_num(log_x), design)
    return np.linalg.solve(normal, right[:, :, None])[:, :, 0]
