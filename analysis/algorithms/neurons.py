"""What every hidden neuron adds to a network's output: a mean slope at each input, and a nonlinear rest.

Of normal inputs a neuron reads one Gaussian number u = ŵ·x ~ N(0, 1), so everything about it is a 1-D integral. With
He_d the normalised Hermite polynomials (Gauss–Hermite quadrature; of relu in closed form),

    v act(|w| u + b) = Σ_d a_d He_d(u),      d = 0 constant, d = 1 linear part, d ≥ 2 nonlinear rest,

and two neurons with the angle cosine ρ overlap by Σ_d a_d a'_d ρ^d (Mehler's formula). So the variance of any
*circuit* (a set of neurons) has a closed form, and splitting a neuron into copies changes nothing. Of other inputs the
same is measured on a sample, because ŵ·x has another distribution for every direction.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.activations import ACTIVATIONS
from analysis.algorithms.inputs import fresh_inputs
from analysis.network import Network

ORDER = 8  # Hermite orders kept: 98.5 % of relu's nonlinear variance, nearly all of a soft swish's
SAMPLES = 2048  # inputs, at least, that stand for a distribution other than the normal one
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Contributions:
    """Of a batch (k,) of networks, in the units of the output."""

    slopes: np.ndarray  # (k, m, n) mean slope of each neuron at each input
    linear: np.ndarray  # (k, m) standard deviation of the linear part
    deviation: np.ndarray  # (k, m) standard deviation of the nonlinear rest
    kinks: np.ndarray  # (k, m) the relu slope that each neuron adds, were all of it on one input
    variances: np.ndarray  # (k, circuits) nonlinear variance of the circuits


def contributions(network: Network, circuits: np.ndarray | None = None) -> Contributions:
    """Of a batch (k,) of networks; circuits (k, m, c): how much each neuron is part of each circuit."""
    circuits = np.zeros((*network.hidden_bias.shape, 0)) if circuits is None else circuits
    if network.inputs == "normal":
        return _exact(network, circuits)
    parts = [_sampled(network[index], circuits[index]) for index in range(len(network.output_bias))]
    names = ("slopes", "linear", "deviation", "kinks", "variances")
    shapes = ((0, network.hidden, network.dimension), *3 * [(0, network.hidden)], (0, circuits.shape[-1]))
    return Contributions(
        **{name: np.stack([part[name] for part in parts]) if parts else np.zeros(shape)
           for name, shape in zip(names, shapes, strict=True)}
    )  # fmt: skip


def directions(network: Network) -> np.ndarray:
    """Rows over their lengths, (*batch, m, n)."""
    norm = np.linalg.norm(network.hidden_weight, axis=-1, keepdims=True)
    unit: np.ndarray = network.hidden_weight / np.maximum(norm, TINY)
    return unit


def _exact(network: Network, circuits: np.ndarray) -> Contributions:
    """Of normal inputs."""
    direction, spectra = directions(network), neuron_spectra(network)  # (k, m, n), (k, m, ORDER)
    cosine = direction @ np.swapaxes(direction, 1, 2)  # (k, m, m)
    variances = np.zeros((len(spectra), circuits.shape[-1]))
    overlap = cosine
    for d in range(1, ORDER) if circuits.shape[-1] else ():
        overlap = overlap * cosine  # ρ^(d + 1)
        both = spectra[..., d, None] * circuits  # (k, m, c)
        variances += (both * (overlap @ both)).sum(1)
    return Contributions(
        slopes=spectra[..., :1] * direction,
        linear=np.abs(spectra[..., 0]),
        deviation=np.sqrt((spectra[..., 1:] ** 2).sum(-1)),
        kinks=neuron_kinks(spectra),
        variances=np.maximum(variances, 0),
    )


def _sampled(network: Network, circuits: np.ndarray) -> dict[str, np.ndarray]:
    """Of one network, on inputs of its distribution."""
    n = network.dimension
    x = fresh_inputs(n, max(SAMPLES, 8 * n), 0, inputs=network.inputs).astype(np.float64)
    samples = len(x)
    values = ACTIVATIONS[network.activation].value(
        network.hidden_weight @ x.T + network.hidden_bias[:, None]
    )  # (m, samples)
    values = network.output_weight[:, None] * (values - values.mean(1, keepdims=True))
    square = x.T @ x / samples  # of few different inputs it may be singular
    slopes = np.linalg.solve(square + 1e-9 * np.eye(n), x.T @ values.T / samples).T  # (m, n)
    rest = values - slopes @ x.T
    bent = np.abs(directions(network) @ x.T) / 2  # the nonlinear rest of relu(u), and its mean
    bent -= bent.mean(1, keepdims=True)
    size = (bent**2).mean(1)
    return {
        "slopes": slopes,
        "linear": np.sqrt(((slopes @ x.T) ** 2).mean(1)),
        "deviation": np.sqrt((rest**2).mean(1)),
        "kinks": np.where(size > TINY, (rest * bent).mean(1) / np.maximum(size, TINY), 0.0),
        "variances": ((circuits.T @ rest) ** 2).mean(1),
    }


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
    return u, (weight / weight.sum())[:, None] * np.polynomial.hermite_e.hermevander(u, order)[:, 1:] / _norms(order)


def _norms(order: int) -> np.ndarray:
    """√d! for d = 1…order."""
    return np.sqrt([math.factorial(d) for d in range(1, order + 1)])


_RELU_KINK = _relu_kink(ORDER)
_NODES, _BASIS = _hermite_basis(ORDER, 64)


def neuron_spectra(network: Network) -> np.ndarray:
    """Hermite coefficients a_d of every neuron's contribution over normal inputs, d = 1…ORDER: (*batch, m, ORDER)."""
    norm = np.linalg.norm(network.hidden_weight, axis=-1)  # (*batch, m)
    out = np.asarray(network.output_weight)[..., None]
    if network.activation == "relu":
        return np.asarray(out * _relu_spectra(norm, network.hidden_bias))
    z = norm[..., None] * _NODES + network.hidden_bias[..., None]
    spectra: np.ndarray = out * (ACTIVATIONS[network.activation].value(z) @ _BASIS)
    return spectra


def _relu_spectra(norm: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Of relu(s u + b), whose kink no quadrature gets quite right.

    With t = -b / s, a_1 = s Φ(-t) and a_d = s φ(t) He_{d-2}(t) / √d!, by partial integration.
    """
    from scipy.special import ndtr

    t = -bias / np.maximum(norm, TINY)
    bell = np.exp(-0.5 * np.minimum(t * t, 700)) / math.sqrt(2 * math.pi)
    bends = bell[..., None] * np.polynomial.hermite_e.hermevander(np.clip(t, -40, 40), ORDER - 2)
    return np.asarray(norm[..., None] * np.concatenate([ndtr(-t)[..., None], bends], -1) / _norms(ORDER))


def nonlinear_deviation(network: Network) -> np.ndarray:
    """Standard deviation of every neuron's nonlinear rest over normal inputs, (*batch, m)."""
    deviation: np.ndarray = np.sqrt((neuron_spectra(network)[..., 1:] ** 2).sum(-1))
    return deviation


def neuron_kinks(spectra: np.ndarray) -> np.ndarray:
    """The relu slope that each neuron adds, were all of it on one input: (*batch, m)."""
    kinks: np.ndarray = spectra[..., 1:] @ (_RELU_KINK / (_RELU_KINK**2).sum())
    return kinks
