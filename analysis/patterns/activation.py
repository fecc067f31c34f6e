"""What a pattern needs of a network's activation: its value, its slope and its sharp limit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.network import Network, swish


@dataclass(frozen=True)
class Activation:
    """An activation as formulas need it; every function is elementwise."""

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    value_and_slope: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    unbends: bool = True  # act(s·u) / s tends to relu(u) as s → ∞, and act(z) − act(−z) = z


def _swish_and_slope(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gate = np.negative(z)
    with np.errstate(over="ignore"):  # exp may overflow to inf, and 1 / inf = 0 is the right answer
        np.exp(gate, out=gate)
    gate += 1
    np.reciprocal(gate, out=gate)  # σ(z)
    value = z * gate
    slope = 1 - gate
    slope *= value
    slope += gate
    return value, slope


def _relu_and_slope(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(z, 0), (z > 0).astype(z.dtype)


def _tanh_and_slope(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value = np.tanh(z)
    return value, 1 - value**2


SWISH = Activation("swish", swish, _swish_and_slope)
ACTIVATIONS = {
    "swish": SWISH,
    "relu": Activation("relu", lambda z: np.maximum(z, 0), _relu_and_slope),
    "tanh": Activation("tanh", np.tanh, _tanh_and_slope, unbends=False),
}


def activation_of(network: Network) -> Activation:
    """The activation of a network; the one place that has to know it."""
    return ACTIVATIONS[getattr(network, "activation", "swish")]
