"""Read the algorithm out of networks: labels, margins, order parameters, errors and faithfulness.

`read` takes a batch of networks, `summarise` turns a training's draws into one row, `describe` reads one file.
"""

import math
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.algorithms import order_parameters
from analysis.algorithms.algorithm import Algorithm, OrderParameters
from analysis.algorithms.builtin import BUILTIN, isotropic_error
from analysis.algorithms.closed_form import Floats
from analysis.algorithms.formula import explained, faithfulness, fit_formulas, formula, fresh_features, predictions
from analysis.algorithms.names import OTHER, Named, labels_of, resolve
from analysis.errors import UserError
from analysis.network import Network, read_file

Target = Callable[[np.ndarray], np.ndarray]  # inputs (samples, n) -> (samples,)

RANGES = order_parameters.RANGES | {
    "shape_error": (0, math.inf, "relative error with the outputs' mean put right (sampled)"),
    "correlation": (-1, 1, "correlation of the output with the target (sampled)"),
    "output_variance": (0, math.inf, "variance of the output over that of the target (sampled)"),
}


@dataclass(frozen=True, eq=False)
class Readings:
    """What was read off k networks; every array has shape (k,)."""

    algorithm: np.ndarray  # str, one of `labels`
    margin: np.ndarray  # in [0, 1]: distance to the nearest threshold, see analysis.algorithms.builtin
    relative_error: np.ndarray  # mean squared error / variance of the target
    faithfulness: np.ndarray  # of the label's closed formula, see analysis.algorithms.formula
    order_parameters: dict[str, np.ndarray]  # the names and ranges of RANGES
    labels: tuple[str, ...] = labels_of(BUILTIN)  # that the networks might have had, in the usual order

    def __len__(self) -> int:
        return len(self.algorithm)

    def __getitem__(self, some: slice) -> "Readings":
        """The readings of some of the networks."""
        parameters = {name: values[some] for name, values in self.order_parameters.items()}
        return Readings(
            self.algorithm[some],
            self.margin[some],
            self.relative_error[some],
            self.faithfulness[some],
            parameters,
            self.labels,
        )


def read(
    network: Network,
    target: Target,
    *,
    names: Collection[Named] | None = None,
    rng_seed: int = 0,
    samples: int = 1024,
) -> Readings:
    """Read a batch (k,) of networks against the target, on inputs of the networks' distribution.

    names: the algorithms that are known to compute the target, by name or as objects, by default the built-in ones;
    labels are these, `constant` and `other`. UserError if one is unknown, or if the target is constant on such inputs.
    Labels rest on closed forms except for two errors, which come from `samples` fresh inputs. Half of these fit
    each formula's constants, the other half measures its faithfulness.
    """
    algorithms = resolve(names)
    # float32 is plenty, and sorting makes the readings of a permuted network the same to the last bit.
    network = network.flat().map(lambda array: np.asarray(array, np.float32)).in_order()
    n, inputs = network.dimension, network.inputs
    fitted, tested = (fresh_features(n, samples // 2, 2 * rng_seed + half, inputs=inputs) for half in range(2))
    x = np.concatenate([fitted.x, tested.x])
    wanted = np.asarray(target(x), np.float64)  # (samples,)
    outputs = network(x).astype(np.float64)  # (k, samples)

    variance = wanted.var()
    if inputs != "normal" and variance <= 1e-12 * (wanted**2).mean():
        raise UserError(f"the task is constant on {inputs} inputs of n = {n}: errors have no unit")
    relative_error = ((outputs - wanted) ** 2).mean(-1) / variance
    parameters = order_parameters.order_parameters(network)
    parameters["shape_error"] = (outputs - wanted).var(-1) / variance
    parameters["output_variance"] = outputs.var(-1) / variance
    covariance = (outputs - outputs.mean(-1, keepdims=True)) @ (wanted - wanted.mean()) / len(wanted)
    parameters["correlation"] = covariance / np.sqrt(np.maximum(outputs.var(-1) * variance, 1e-30))
    labels, margins = decide(parameters, n, algorithms, inputs=inputs)

    split = len(fitted.x)
    closed = fit_formulas(network, labels, fitted, outputs[:, :split])
    faithful = explained(closed, outputs[:, split:], predictions(closed, tested))
    return Readings(labels, margins, relative_error, faithful, parameters, labels_of(algorithms))


def decide(
    parameters: OrderParameters, dimension: int, algorithms: Sequence[Algorithm] = BUILTIN, *, inputs: str = "normal"
) -> tuple[np.ndarray, Floats]:
    """Labels (k,) and margins (k,) in [0, 1]: 1 ideal (or, for `other`, hopelessly far), 0 on a threshold.

    parameters: order parameters, (k,) each. algorithms: to choose from, besides `other`. inputs: their distribution.
    """
    networks = len(next(iter(parameters.values())))
    parameters = {**parameters, "isotropic_error": np.full(networks, isotropic_error(dimension, inputs))}
    score = np.stack([one.scores(parameters, dimension, networks) for one in algorithms], -1)  # (k, algorithms)
    best = score.max(-1)
    labels = np.where(best > 0, np.array([one.name for one in algorithms])[score.argmax(-1)], OTHER)
    return labels, np.minimum(np.abs(best), 1.0)


def summarise(readings: Readings) -> dict[str, float | int | str]:
    """One row for a training from its draws.

    algorithm: the majority label, ties going to the one earlier in the labels; purity: its share of the draws;
    fraction_<algorithm> for all; medians over the draws of the majority of every order parameter, margin and
    faithfulness; relative_error: the median over *all* draws; representative: the index of the majority's draw
    whose relative error is its (lower) median.
    """
    counts = {name: int((readings.algorithm == name).sum()) for name in readings.labels}
    majority = max(readings.labels, key=counts.__getitem__)  # max keeps the first of equals
    chosen = np.flatnonzero(readings.algorithm == majority)
    by_error = chosen[np.argsort(readings.relative_error[chosen], kind="stable")]
    row: dict[str, float | int | str] = {
        "algorithm": majority,
        "purity": counts[majority] / len(readings),
        "representative": int(by_error[(len(by_error) - 1) // 2]),
        "relative_error": float(np.median(readings.relative_error)),
    }
    row |= {f"fraction_{name}": counts[name] / len(readings) for name in readings.labels}
    numbers = {"margin": readings.margin, "faithfulness": readings.faithfulness} | readings.order_parameters
    together = np.stack([np.asarray(values[chosen], np.float64) for values in numbers.values()])
    return row | dict(zip(numbers, np.median(together, axis=1).tolist(), strict=True))


def describe(
    network: Network | str | os.PathLike[str],
    target: Target,
    *,
    names: Collection[Named] | None = None,
    samples: int = 16384,
    rng_seed: int = 0,
) -> dict[str, Any]:
    """Everything about one network or network file. Raises NetworkFileError on a bad file.

    names: as of `read`. Where the algorithm has no closed formula, `formula` is None and faithfulness not a number.
    assumed: what a network file does not say, of `activation` and `inputs`; then they are swish and normal.
    """
    file, assumed = None, tuple[str, ...]()
    if not isinstance(network, Network):
        file, (network, assumed) = str(network), read_file(network)
    batch = network.map(lambda array: array[None])
    readings = read(batch, target, names=names, rng_seed=rng_seed, samples=samples)
    algorithm = str(readings.algorithm[0])
    closed = formula(network, algorithm)
    return {
        "file": file,
        "algorithm": algorithm,
        "margin": float(readings.margin[0]),
        "formula": closed.text if closed else None,
        "formula_latex": closed.latex if closed else None,
        "constants": closed.constants if closed else {},
        "faithfulness": faithfulness(network, closed),
        "faithfulness_at_twice_the_scale": faithfulness(network, closed, scale=2.0),
        "relative_error": float(readings.relative_error[0]),
        "dimension": network.dimension,
        "hidden": network.hidden,
        "activation": network.activation,
        "inputs": network.inputs,
        "assumed": list(assumed),
        "order_parameters": {name: float(values[0]) for name, values in readings.order_parameters.items()},
    }
