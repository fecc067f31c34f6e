"""Order parameters: numbers that tell the algorithms of a network apart, exactly and without sampling.

Each neuron reads x ~ N(0, I) through one Gaussian number u = ŵ·x ~ N(0, 1), so everything about it is a 1-D
integral. With He_d the normalised Hermite polynomials (Gauss–Hermite quadrature),

    v swish(|w| u + b) = Σ_d a_d He_d(u),      d = 0 constant, d = 1 linear part, d ≥ 2 nonlinear rest,

and two neurons with the angle cosine ρ overlap by Σ_d a_d a'_d ρ^d (Mehler's formula). So the variance of any
*circuit* (a set of neurons) has a closed form, and splitting a neuron into copies changes nothing.

A *one-input* neuron has more than 80 % of its row's squared norm in one weight (see `one_input_share`). A neuron
a little below that counts in part, so that small changes of weights are small changes here. Its *kink* is the slope of
relu(±x_i) that it adds: the least-squares projection of its nonlinear rest on that of relu. A pass-through neuron
(large bias) has no kink; a relu(x_i) of outgoing slope 2 has kink 2; a soft swish has what it really contributes.
p_i and q_i are the summed kinks of the one-input neurons of input i that fire on x_i > 0 and on x_i < 0.
"""

import math

import numpy as np

from analysis.network import Network, swish

ORDER = 8  # Hermite orders kept: 98.5 % of relu's nonlinear variance, nearly all of a soft swish's
PASS_THROUGH_BEND = 0.05  # a pass-through neuron has less of its variance in its nonlinear rest (relu: 0.27)
COUNTED = 0.1  # a neuron is counted if it carries this share of a typical circuit
NEGLIGIBLE = 0.2  # amplitudes below this share of the network's whole nonlinear part are not divided by
TINY = 1e-12
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


def _relu_kink(order: int) -> np.ndarray:
    """Hermite coefficients (order - 1,) of relu's nonlinear rest |u|/2, d = 2…order; zero for odd d.

    E[|u| He_2k(u)] = sqrt(2/π) (-1)^(k+1) (2k-3)!!, over sqrt((2k)!) for normalised polynomials.
    """
    coefficients = np.zeros(order - 1)
    for k in range(1, order // 2 + 1):
        odd_product = math.prod(range(1, 2 * k - 2, 2))
        coefficients[2 * k - 2] = (-1) ** (k + 1) * odd_product / math.sqrt(2 * math.pi * math.factorial(2 * k))
    return coefficients


def _hermite_basis(order: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature nodes u (nodes,) and weights × normalised He_d(u) for d = 1…order: (nodes, order)."""
    u, weight = np.polynomial.hermite_e.hermegauss(nodes)
    norms = np.sqrt([math.factorial(d) for d in range(order + 1)])
    basis = np.polynomial.hermite_e.hermevander(u, order) / norms
    return u, (weight / weight.sum())[:, None] * basis[:, 1:]


_RELU_KINK = _relu_kink(ORDER)
_NODES, _BASIS = _hermite_basis(ORDER, 64)


def neuron_spectra(network: Network) -> np.ndarray:
    """Hermite coefficients a_d of every neuron's contribution, d = 1…ORDER: (*batch, m, ORDER)."""
    norm = np.linalg.norm(network.hidden_weight, axis=-1)  # (*batch, m)
    activation = swish(norm[..., None] * _NODES + network.hidden_bias[..., None])  # (*batch, m, nodes)
    spectra: np.ndarray = network.output_weight[..., None] * (activation @ _BASIS)
    return spectra


def nonlinear_deviation(network: Network) -> np.ndarray:
    """Standard deviation of every neuron's nonlinear rest, (*batch, m)."""
    deviation: np.ndarray = np.sqrt((neuron_spectra(network)[..., 1:] ** 2).sum(-1))
    return deviation


def neuron_kinks(spectra: np.ndarray) -> np.ndarray:
    """The relu slope that each neuron adds, were all of it on one input: (*batch, m)."""
    kinks: np.ndarray = spectra[..., 1:] @ (_RELU_KINK / (_RELU_KINK**2).sum())
    return kinks


def _chunk(network: Network) -> dict[str, np.ndarray]:
    network = Network(*(np.asarray(a, np.float64) for a in vars(network).values()))
    weight = network.hidden_weight  # (k, m, n)
    norm = np.linalg.norm(weight, axis=-1, keepdims=True)
    direction = weight / np.maximum(norm, TINY)
    share = direction**2
    spectra = neuron_spectra(network)  # (k, m, ORDER)
    linear = spectra[..., 0]  # (k, m)
    deviation = np.sqrt((spectra[..., 1:] ** 2).sum(-1))  # nonlinear standard deviation of each neuron

    top = share.argmax(-1)  # (k, m) the input that a neuron reads most
    one_input = one_input_membership(share)  # (k, m)
    on_top = np.take_along_axis(direction, top[..., None], -1)[..., 0]
    kink = one_input * neuron_kinks(spectra)

    serves = np.arange(network.dimension) == top[..., None]  # (k, m, n)
    p = (np.where(on_top > 0, kink, 0.0)[..., None] * serves).sum(1)  # (k, n)
    q = (np.where(on_top < 0, kink, 0.0)[..., None] * serves).sum(1)
    slopes = np.einsum("kj,kji->ki", linear, direction)  # mean slope of the whole network at each input
    local_variance, dense_variance = _nonlinear_variances(direction, spectra[..., 1:], one_input)
    total_variance = np.maximum(local_variance + dense_variance, TINY**2)  # (k,)
    # The amplitude that all inputs would have if the whole nonlinear variance were theirs, |x_i| each.
    whole = np.sqrt(total_variance / network.dimension) / (2 * np.linalg.norm(_RELU_KINK))
    least = np.maximum(NEGLIGIBLE * whole, TINY)[:, None]  # (k, 1)

    bend = deviation**2 / np.maximum(deviation**2 + linear**2, TINY**2)
    passes = (bend < PASS_THROUGH_BEND) & (linear != 0)
    return {
        **_sides(p, q, least),
        **_amplitudes((p + q) / 2, slopes, least),
        "locality": local_variance / total_variance,
        "positivity": _weighted_mean(network.output_weight > 0, deviation),
        "participation": _weighted_mean(1 / np.maximum((share**2).sum(-1), TINY) * (norm[..., 0] > 0), deviation),
        "pass_through": _pass_through(linear, direction, passes),
        "one_input_neurons": (
            kink / np.maximum(one_input, TINY) * (one_input > 0.5)
            > COUNTED * np.maximum(((p + q) / 2).mean(-1), TINY)[:, None]
        ).sum(-1),
        "pass_through_neurons": (passes & (np.abs(linear) > COUNTED * np.abs(linear).max(-1, keepdims=True))).sum(-1),
    }


def _nonlinear_variances(
    direction: np.ndarray, spectra: np.ndarray, one_input: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Nonlinear variance (k,) of the circuit of one-input neurons, and of the circuit of all others."""
    cosine = direction @ np.swapaxes(direction, 1, 2)  # (k, m, m)
    circuits = np.stack([spectra * one_input[..., None], spectra * (1 - one_input[..., None])], -1)
    variances = np.zeros((len(spectra), 2))
    overlap = cosine
    for d in range(spectra.shape[-1]):
        overlap = overlap * cosine  # ρ^(d + 2)
        both = circuits[:, :, d]  # (k, m, 2)
        variances += (both * (overlap @ both)).sum(1)
    return tuple(np.maximum(variances, 0).T)


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


def _pass_through(linear: np.ndarray, direction: np.ndarray, passes: np.ndarray) -> np.ndarray:
    """Mean slopes through pass-through neurons, squared, over those of all rising and all falling neurons.

    Rising and falling slopes are summed apart, so that a network whose slopes cancel has no 0 / 0 here.
    """
    slopes = linear[..., None] * direction  # (k, m, n)
    rising, falling = np.maximum(slopes, 0).sum(1), np.minimum(slopes, 0).sum(1)  # (k, n)
    through = ((slopes * passes[..., None]).sum(1) ** 2).sum(-1)
    share: np.ndarray = through / np.maximum((rising**2 + falling**2).sum(-1), TINY**2)
    return share


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mean: np.ndarray = (values * weights).sum(-1) / np.maximum(weights.sum(-1), TINY)
    return mean
