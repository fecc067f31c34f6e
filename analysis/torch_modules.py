"""Networks out of PyTorch modules. Nothing here imports PyTorch: whoever has a module has it."""

from typing import Any

import numpy as np

from analysis.errors import UserError

LAYERS = {"SiLU": "swish", "ReLU": "relu", "Tanh": "tanh", "GELU": "gelu"}  # a module's class -> its activation
IDLE = ("Identity", "Dropout", "Flatten")  # modules that change nothing of what a trained network computes


def weights_of(module: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]:
    """(W, b, v, c, activation) of an nn.Sequential of Linear (n, m), SiLU, ReLU, Tanh or GELU, and Linear (m, 1).

    As of `analysis.network.Network`. Modules may be nested, and Identity, Dropout and Flatten may stand between.
    Raises UserError, naming the layer, for anything else.
    """
    layers = [layer for layer in _flat(module) if type(layer).__name__ not in IDLE]
    names = [type(layer).__name__ for layer in layers]
    if len(names) != 3 or (names[0], names[2]) != ("Linear", "Linear"):
        raise UserError(
            f"a network is a Sequential of Linear, activation, Linear, not of {', '.join(names) or 'nothing'}"
        )
    first, bend, last = layers
    if names[1] not in LAYERS:
        raise UserError(f"layer {names[1]}: the activation must be one of {', '.join(LAYERS)}")
    if getattr(bend, "approximate", "none") != "none":
        raise UserError(f"layer GELU: approximate={bend.approximate!r} is another function; only 'none' can be read")
    W, V = _array(first.weight), _array(last.weight)  # (m, n), (1, m)
    if len(V) != 1:
        raise UserError(f"layer Linear: a network has one output, not {len(V)}")
    if V.shape[1] != len(W):
        raise UserError(f"layer Linear: takes {V.shape[1]} inputs, but the layer before gives {len(W)}")
    b, c = (np.zeros(len(weight)) if layer.bias is None else _array(layer.bias)
            for layer, weight in ((first, W), (last, V)))  # fmt: skip
    for array in (W, b, V, c):
        if not np.isfinite(array).all():
            raise UserError("a network's weights must be finite")
    return W, b, V[0], c[0], LAYERS[names[1]]


def _flat(module: Any) -> list[Any]:
    """The layers of a Sequential in their order, those of Sequentials in it included."""
    if type(module).__name__ != "Sequential":
        return [module]
    return [layer for child in module for layer in _flat(child)]


def _array(tensor: Any) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().double().numpy()
    return array
