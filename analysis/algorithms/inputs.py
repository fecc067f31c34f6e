"""Fresh inputs for whatever has to be measured by sampling."""

import numpy as np

from analysis.distributions import DISTRIBUTIONS


def fresh_inputs(
    dimension: int, samples: int, rng_seed: int, *, scale: float = 1.0, inputs: str = "normal"
) -> np.ndarray:
    """(samples, dimension) float32, in antithetic pairs: row i + samples / 2 is minus row i.

    inputs: their distribution, a name of `analysis.distributions`. Pairing makes every odd statistic of the sample
    exactly zero, so a network and its mirror image f(-x) read exactly alike, and linear terms add no sampling noise to
    a mean.
    """
    half = DISTRIBUTIONS[inputs].sample(np.random.default_rng(rng_seed), ((samples + 1) // 2, dimension))
    half *= np.float32(scale)
    return np.concatenate([half, -half])
