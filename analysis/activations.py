"""The activations of target networks, and all that reading one needs of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True)
class Activation:
    """An activation; its functions are elementwise and keep the dtype of floats.

    name: what recipes and network files call it.
    value, value_and_slope: act(z), and with it act'(z).
    python: source of act(z), with np and scipy.special's ndtr at hand.
    gate: of those that are z·gate(z), the gate's sign in formulas: swish is z·σ(z), gelu z·Φ(z).
    unbends: act(s·u) / s tends to relu(u) as s → ∞, and act(z) − act(−z) = z. Without, the activation saturates.
    """

    name: str
    value: Callable[[Floats], Floats]
    value_and_slope: Callable[[Floats], tuple[Floats, Floats]]
    python: str
    gate: str = ""
    unbends: bool = True

    def expression(self, z: Any) -> Any:
        """act(z) in sympy."""
        import sympy  # slow to import, needed by nobody else

        return {
            "swish": lambda: z / (1 + sympy.exp(-z)),
            "relu": lambda: sympy.Max(z, 0),
            "tanh": lambda: sympy.tanh(z),
            "gelu": lambda: z * (1 + sympy.erf(z / sympy.sqrt(2))) / 2,
        }[self.name]()


def swish(x: np.ndarray) -> np.ndarray:
    """x · sigmoid(x), elementwise; safe for any finite x."""
    x = np.asarray(x)
    # in one array's memory: what is large would cost more to allocate than to compute
    below = np.asarray(np.negative(x, dtype=x.dtype if x.dtype.kind == "f" else float))
    with np.errstate(over="ignore"):  # exp(-x) may overflow to inf, and x / inf = 0 is the right answer
        np.exp(below, out=below)
        below += 1
        return np.divide(x, below, out=below)[()]


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


def _relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0)


def _relu_and_slope(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(z, 0), (z > 0).astype(z.dtype)


def _tanh_and_slope(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value = np.tanh(z)
    return value, 1 - value**2


def _gelu(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr  # slow to import, needed by this activation alone

    value: np.ndarray = z * ndtr(z)  # Hendrycks & Gimpel 2016, arXiv 1606.08415, without the approximation by tanh
    return value


def _gelu_and_slope(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import ndtr

    gate = ndtr(z)
    bell = np.exp(-0.5 * np.minimum(z * z, 200)) / z.dtype.type(np.sqrt(2 * np.pi))
    return z * gate, gate + z * bell


ACTIVATIONS = {
    one.name: one
    for one in (
        Activation("swish", swish, _swish_and_slope, "{z} / (1 + np.exp(-{z}))", gate="σ"),
        Activation("relu", _relu, _relu_and_slope, "np.maximum({z}, 0)"),
        Activation("tanh", np.tanh, _tanh_and_slope, "np.tanh({z})", unbends=False),
        Activation("gelu", _gelu, _gelu_and_slope, "{z} * ndtr({z})", gate="Φ"),
    )
}
