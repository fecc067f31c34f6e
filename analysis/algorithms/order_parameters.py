"""Order parameters: numbers that tell the algorithms of a network apart.

They rest on what every neuron adds to the output, a mean slope at each input and a nonlinear rest (neurons.py): exactly
for normal inputs, on a sample for others.

A *one-input* neuron has more than 80 % of its row's squared norm in one weight (see `one_input_share`). A neuron
a little below that counts in part, so that small changes of weights are small changes here. Its *kink* is the slope of
relu(±x_i) that it adds: the least-squares projection of its nonlinear rest on that of relu. A pass-through neuron
(large bias) has no kink; a relu(x_i) of outgoing slope 2 has kink 2; a soft swish has what it really contributes.
p_i and q_i are the summed kinks of the one-input neurons of input i that fire on x_i > 0 and on x_i < 0.
"""

import math

import numpy as np

from analysis.algorithms.neurons import TINY, contributions, directions
from analysis.distributions import DISTRIBUTIONS
from analysis.network import Network

PASS_THROUGH_BEND = 0.05  # a pass-through neuron has less of its variance in its nonlinear rest (relu: 0.27)
COUNTED = 0.1  # a neuron is counted if it carries this share of a typical circuit
NEGLIGIBLE = 0.2  # amplitudes below this share of the network's whole nonlinear part are not divided by
CHUNK = 128  # networks at a time, so that the (chunk, m, m) overlaps stay small

# name -> (lowest, highest, meaning). `n` inputs, `m` hidden neurons.
RANGES: dict[str, tuple[float, float, str]] = {
    "locality": (
        0,
        1,
        "share of nonlinear variance carried by one-input neurons: convexity 0, others about 1",
    ),
    "sidedness": (-1, 1, "mean over inputs of (p - q) / (p + q): puddings +1 and -1, double-sided 0"),
    "sidedness_spread": (0, 1, "its standard deviation over inputs: 0 for one algorithm, more for mixtures"),
    "sidedness_min": (-1, 1, "its lowest value over inputs"),
    "sidedness_max": (-1, 1, "its highest value over inputs"),
    "amplitude": (-math.inf, math.inf, "mean over inputs of (p + q) / 2, the slope of |x_i|: ideally 1"),
    "amplitude_min": (-1, 1, "lowest amplitude over the (lower) median one: 0 when an input is missed"),
    "amplitude_max": (
        1,
        9,
        "highest amplitude over the (lower) median one, at most 9: 2 when an input is doubled",
    ),
    "coverage": (0, 1, "share of inputs with an amplitude within 50 % of the median one"),
    "linear_rest": (
        0,
        9,
        "largest |mean slope| left at an input, over the median amplitude, at most 9: ideally 0",
    ),
    "positivity": (0, 1, "share of the neurons' nonlinear deviations with a positive outgoing weight"),
    "participation": (
        0,
        math.inf,
        "inputs that a neuron reads, 1 / Σ share², averaged by nonlinear deviation",
    ),
    "pass_through": (
        0,
        1,
        "squared mean slopes in pass-through neurons over all: puddings about 1/2, others 0",
    ),
    "one_input_neurons": (0, math.inf, "number of one-input neurons with a kink"),
    "pass_through_neurons": (0, math.inf, "number of neurons that pass a linear term through"),
}


def one_input_share(dimension: int) -> tuple[float, float]:
    """Share of a row's squared norm in one weight: not a one-input neuron up to the first, one from the second on.

    Stricter at the fewest inputs, where a random direction is near an axis too often.
    """
    return {1: (0.0, 0.8), 2: (0.85, 0.95), 3: (0.75, 0.9), 4: (0.65, 0.85)}.get(dimension, (0.55, 0.8))


def one_input_membership(share: np.ndarray) -> np.ndarray:
    """How much each neuron is a one-input neuron, 0 to 1, (*batch, m) from squared shares (*batch, m, n)."""
    low, high = one_input_share(share.shape[-1])
    membership: np.ndarray = np.clip((share.max(-1) - low) / (high - low), 0, 1)
    return membership


def order_parameters(network: Network) -> dict[str, np.ndarray]:
    """Every order parameter of RANGES for each network of a batch (k,); arrays of shape (k,)."""
    flat = network.flat()
    count = len(flat.output_bias)
    parts = [_chunk(flat[start : start + CHUNK]) for start in range(0, max(count, 1), CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in RANGES}


def _chunk(network: Network) -> dict[str, np.ndarray]:
    network = network.map(lambda array: np.asarray(array, np.float64))
    norm = np.linalg.norm(network.hidden_weight, axis=-1)  # (k, m)
    direction = directions(network)  # (k, m, n)
    share = direction**2
    top = share.argmax(-1)  # (k, m) the input that a neuron reads most
    one_input = one_input_membership(share)  # (k, m)
    adds = contributions(network, np.stack([one_input, 1 - one_input], -1))
    linear, deviation = adds.linear, adds.deviation  # (k, m)
    on_top = np.take_along_axis(direction, top[..., None], -1)[..., 0]
    kink = one_input * adds.kinks

    serves = np.arange(network.dimension) == top[..., None]  # (k, m, n)
    p = (np.where(on_top > 0, kink, 0.0)[..., None] * serves).sum(1)  # (k, n)
    q = (np.where(on_top < 0, kink, 0.0)[..., None] * serves).sum(1)
    slopes = adds.slopes.sum(1)  # (k, n) mean slope of the whole network at each input
    local_variance, dense_variance = adds.variances.T
    total_variance = np.maximum(local_variance + dense_variance, TINY**2)  # (k,)
    # The amplitude that all inputs would have if the whole nonlinear variance were theirs, |x_i| each.
    spread = DISTRIBUTIONS[network.inputs].spread
    whole = np.sqrt(total_variance / network.dimension) / spread if spread else np.zeros_like(total_variance)
    least = np.maximum(NEGLIGIBLE * whole, TINY)[:, None]  # (k, 1)

    bend = deviation**2 / np.maximum(deviation**2 + linear**2, TINY**2)
    passes = (bend < PASS_THROUGH_BEND) & (linear != 0)
    return {
        **_sides(p, q, least),
        **_amplitudes((p + q) / 2, slopes, least),
        "locality": local_variance / total_variance,
        "positivity": _weighted_mean(network.output_weight > 0, deviation),
        "participation": _weighted_mean(1 / np.maximum((share**2).sum(-1), TINY) * (norm > 0), deviation),
        "pass_through": _pass_through(adds.slopes, passes),
        "one_input_neurons": (
            kink / np.maximum(one_input, TINY) * (one_input > 0.5)
            > COUNTED * np.maximum(((p + q) / 2).mean(-1), TINY)[:, None]
        ).sum(-1),
        "pass_through_neurons": (passes & (linear > COUNTED * linear.max(-1, keepdims=True))).sum(-1),
    }


def _sides(p: np.ndarray, q: np.ndarray, least: np.ndarray) -> dict[str, np.ndarray]:
    sidedness = np.clip((p - q) / np.maximum(p + q, 2 * least), -1, 1)  # (k, n)
    return {
        "sidedness": sidedness.mean(-1),
        "sidedness_spread": sidedness.std(-1),
        "sidedness_min": sidedness.min(-1),
        "sidedness_max": sidedness.max(-1),
    }


def _amplitudes(amplitude: np.ndarray, slopes: np.ndarray, least: np.ndarray) -> dict[str, np.ndarray]:
    """`amplitude` and `slopes` (k, n); everything is relative to the typical input, so a rescaled f reads alike."""
    n = amplitude.shape[-1]
    # The lower median: of two inputs with amplitudes 1 and 2 the second is doubled, of 0 and 1 the first is missed.
    typical = np.maximum(np.partition(amplitude, (n - 1) // 2, -1)[:, (n - 1) // 2, None], least)  # (k, 1)
    relative = np.clip(amplitude / typical, -1, 9)
    return {
        "amplitude": amplitude.mean(-1),
        "amplitude_min": np.minimum(relative.min(-1), 1),
        "amplitude_max": np.maximum(relative.max(-1), 1),
        "coverage": (np.abs(relative - 1) < 0.5).mean(-1),
        "linear_rest": np.minimum((np.abs(slopes) / typical).max(-1), 9),
    }


def _pass_through(slopes: np.ndarray, passes: np.ndarray) -> np.ndarray:
    """Mean slopes through pass-through neurons, squared, over those of all rising and all falling neurons.

    Rising and falling slopes are summed apart, so that a network whose slopes cancel has no 0 / 0 here.
    """
    rising, falling = np.maximum(slopes, 0).sum(1), np.minimum(slopes, 0).sum(1)  # (k, n)
    through = ((slopes * passes[..., None]).sum(1) ** 2).sum(-1)
    share: np.ndarray = through / np.maximum((rising**2 + falling**2).sum(-1), TINY**2)
    return share


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mean: np.ndarray = (values * weights).sum(-1) / np.maximum(weights.sum(-1), TINY)
    return mean
