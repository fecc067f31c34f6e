"""Fresh inputs x ~ N(0, I_n) for whatever has to be measured by sampling."""

import numpy as np


def fresh_inputs(dimension: int, samples: int, rng_seed: int, *, scale: float = 1.0) -> np.ndarray:
    """(samples, dimension) float32, in antithetic pairs: row i + samples / 2 is minus row i.

    Pairing makes every odd statistic of the sample exactly zero, so a network and its mirror image
    f(-x) read exactly alike, and linear terms add no sampling noise to a mean.
    """
    half = np.random.default_rng(rng_seed).standard_normal(((samples + 1) // 2, dimension), dtype=np.float32)
    half *= np.float32(scale)
    return np.concatenate([half, -half])
