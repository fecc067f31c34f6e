"""One table of networks whose algorithm is known, because they were built by hand (or trained by Adam).

`TABLE` drives the tests of the classifier, the formulas and the drawings. Each entry is built from circuits:
tuples (rows (r, n), biases (r,), outgoing weights (r,)). A neuron of sharpness t computes swish(t x) / t.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from analysis.algorithms.inputs import fresh_inputs
from analysis.network import Network

Circuit = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Known:
    name: str
    network: Network
    algorithm: str
    converged: bool = False  # low error and little noise: its formula must explain 98 % of its output


def l1_norm(x: np.ndarray) -> np.ndarray:
    return np.abs(x).sum(1)


# --- circuits -------------------------------------------------------------------------------------------------


def kinks(n: int, sign: float, slope: float = 1.0, *, t: float = 4.0, inputs=None) -> Circuit:
    """slope · swish(± t x_i) / t for each of the inputs."""
    rows = sign * t * np.eye(n)[np.arange(n) if inputs is None else list(inputs)]
    return rows, np.zeros(len(rows)), np.full(len(rows), slope / t)


def pass_through(n: int, slope: float, *, neurons: int = 1, bias: float = 8.0, inputs=None) -> Circuit:
    """slope · Σ x_i by neurons with a bias so large that swish(C + s) - C is nearly s; inputs shared out evenly."""
    inputs = list(range(n)) if inputs is None else list(inputs)
    rows, out = np.zeros((neurons, n)), np.zeros(neurons)
    for neuron in range(neurons):
        mine = inputs[neuron::neurons] if neurons > 1 else inputs
        scale = 1.5 / np.sqrt(max(len(mine), 1))  # keeps the pre-activation well away from the bend
        rows[neuron, mine] = np.sign(slope) * scale
        out[neuron] = abs(slope) / scale
    # The sign sits on the row for a rising and on the outgoing weight for a falling term: both occur in drawn networks.
    if slope < 0:
        rows, out = np.abs(rows), -out
    return rows, np.full(neurons, bias), out


def unstructured(n: int, rows: int, rng: np.random.Generator, *, t: float = 3.0) -> Circuit:
    """Random directions in antipodal pairs where they fit, no one-input neuron among them."""
    direction = rng.standard_normal((20 * rows, n))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction = direction[np.argsort((direction**2).max(1), kind="stable")][: 5 * rows]
    direction = rng.permutation(direction)[:rows]
    direction[rows // 2 : 2 * (rows // 2)] = -direction[: rows // 2]
    return t * direction, np.zeros(rows), np.full(rows, 1 / t)


def dead(n: int, neurons: int, rng: np.random.Generator) -> Circuit:
    """Neurons that do nothing: half without a row, half without an outgoing weight."""
    rows = rng.standard_normal((neurons, n))
    rows[: neurons // 2] = 0
    out = np.where(np.arange(neurons) < neurons // 2, 1.0, 0.0)
    return rows, rng.standard_normal(neurons), out


def assemble(*circuits: Circuit, offset: float | None = None, slope: float | None = 1.0) -> Network:
    """One network from circuits. offset=None puts the mean right; slope=None the scale as well (least squares)."""
    rows, biases, out = (np.concatenate(parts) for parts in zip(*circuits, strict=True))
    network = Network(rows, biases, out, np.array(0.0 if offset is None else offset))
    if offset is not None:
        return network
    x = fresh_inputs(network.dimension, 8192, 99)
    outputs, wanted = network(x), l1_norm(x)
    if slope is None:
        slope = np.cov(outputs, wanted)[0, 1] / outputs.var()
    return Network(rows, biases, slope * out, np.array(wanted.mean() - slope * outputs.mean()))


# --- algorithms -----------------------------------------------------------------------------------------------


def double_sided(n: int, *extra: Circuit, t: float = 4.0) -> Network:
    return assemble(kinks(n, 1, t=t), kinks(n, -1, t=t), *extra)


def pudding(n: int, sign: int, *extra: Circuit, t: float = 4.0, neurons: int = 1, bias: float = 8.0) -> Network:
    through = pass_through(n, -float(sign), neurons=neurons, bias=bias)
    return assemble(kinks(n, sign, 2.0, t=t), through, *extra)


def convexity(n: int, rows: int, seed: int = 0, *extra: Circuit, t: float = 3.0) -> Network:
    return assemble(unstructured(n, rows, np.random.default_rng(seed), t=t), *extra, slope=None)


def constant(n: int, rows: int, seed: int = 0, scale: float = 0.0) -> Network:
    """c alone, with what is left of the prior's noise: random neurons whose output is `scale` of the target's."""
    rng = np.random.default_rng(seed)
    noise = (rng.standard_normal((rows, n)), rng.standard_normal(rows), rng.standard_normal(rows))
    network = assemble(noise, offset=0.0)
    deviation = network(fresh_inputs(n, 4096, 98)).std()
    wanted = scale * np.sqrt(n * (1 - 2 / np.pi))
    return assemble((noise[0], noise[1], noise[2] * wanted / deviation))


# --- changes that leave the algorithm as it is ----------------------------------------------------------------


def permuted(network: Network, rng: np.random.Generator, *, inputs: bool = True) -> Network:
    hidden = rng.permutation(network.hidden)
    columns = rng.permutation(network.dimension) if inputs else np.arange(network.dimension)
    return replace(
        network,
        hidden_weight=network.hidden_weight[hidden][:, columns],
        hidden_bias=network.hidden_bias[hidden],
        output_weight=network.output_weight[hidden],
    )


def mirrored(network: Network) -> Network:
    """f(-x)."""
    return replace(network, hidden_weight=-network.hidden_weight)


def rescaled(network: Network, rng: np.random.Generator, spread: float = 1.5) -> Network:
    """Rows times a factor, outgoing weights over it: about the same for a sharp neuron without a bias."""
    factor = np.where(network.hidden_bias == 0, np.exp(rng.uniform(0, np.log(spread), network.hidden)), 1.0)
    return replace(
        network,
        hidden_weight=network.hidden_weight * factor[:, None],
        hidden_bias=network.hidden_bias * factor,
        output_weight=network.output_weight / factor,
    )


def duplicated(network: Network, rng: np.random.Generator, copies: int = 2) -> Network:
    """Some neurons (about half) as several copies that share the outgoing weight."""
    repeats = np.where(rng.random(network.hidden) < 0.5, copies, 1)
    return replace(
        network,
        hidden_weight=np.repeat(network.hidden_weight, repeats, 0),
        hidden_bias=np.repeat(network.hidden_bias, repeats),
        output_weight=np.repeat(network.output_weight / repeats, repeats),
    )


def padded(network: Network, rng: np.random.Generator, neurons: int) -> Network:
    rows, biases, out = dead(network.dimension, neurons, rng)
    return replace(
        network,
        hidden_weight=np.concatenate([network.hidden_weight, rows]),
        hidden_bias=np.concatenate([network.hidden_bias, biases]),
        output_weight=np.concatenate([network.output_weight, out]),
    )


def noisy(network: Network, rng: np.random.Generator, size: float = 0.02) -> Network:
    """Every weight shaken by `size` of its tensor's root mean square, biases by `size` of the rows' scale."""

    def shaken(array: np.ndarray, scale: float) -> np.ndarray:
        return array + size * scale * rng.standard_normal(array.shape)

    rms = [np.sqrt((a**2).mean()) for a in (network.hidden_weight, network.output_weight)]
    return replace(
        network,
        hidden_weight=shaken(network.hidden_weight, rms[0]),
        hidden_bias=shaken(network.hidden_bias, rms[0]),
        output_weight=shaken(network.output_weight, rms[1]),
    )


# --- the table ------------------------------------------------------------------------------------------------


def adam_trained(n: int, m: int, seed: int, steps: int = 1500) -> Network:
    """A plain dense network trained by Adam on ‖x‖₁: low error, and no algorithm that we have a name for."""
    rng = np.random.default_rng(seed)
    parameters = [rng.standard_normal((m, n)) / np.sqrt(n), np.zeros(m), rng.standard_normal(m) / np.sqrt(m),
                  np.array(n * np.sqrt(2 / np.pi))]  # fmt: skip
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    for step in range(1, steps + 1):
        W, b, v, c = parameters
        x = rng.standard_normal((256, n))
        z = x @ W.T + b  # (256, m)
        gate = 1 / (1 + np.exp(-z))
        error = (z * gate @ v + c - l1_norm(x)) / 128
        back = error[:, None] * v * (gate + z * gate * (1 - gate))
        gradients = [back.T @ x, back.sum(0), (z * gate).T @ error, error.sum()]
        rate = 0.03 * min(1.0, 2 * (1 - step / (steps + 1)))
        for i, (gradient, (first, second)) in enumerate(zip(gradients, moments, strict=True)):
            first, second = 0.9 * first + 0.1 * gradient, 0.99 * second + 0.01 * gradient**2
            moments[i] = first, second
            step_size = rate * first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-9)
            parameters[i] = parameters[i] - step_size
    return Network(*parameters)


@cache
def table() -> tuple[Known, ...]:
    rng = np.random.default_rng(7)
    known: list[Known] = []

    def add(name: str, network: Network, algorithm: str, *, converged: bool = False) -> None:
        known.append(Known(name, network, algorithm, converged))

    puddings = ((1, "pudding_positive"), (-1, "pudding_negative"))
    for n in (2, 3, 4, 6, 8, 16, 32, 64):
        add(f"double-sided, n={n}", double_sided(n), "double_sided", converged=True)
        add(f"double-sided, soft, n={n}", double_sided(n, t=1.0), "double_sided", converged=True)
        add(f"double-sided, sharp, n={n}", double_sided(n, t=20.0), "double_sided", converged=True)
        for sign, label in puddings:
            add(f"{label}, n={n}, m=n+1", pudding(n, sign), label, converged=True)
            add(f"{label}, soft, n={n}", pudding(n, sign, t=1.5), label, converged=True)
            add(f"{label}, sharp, n={n}", pudding(n, sign, t=20.0), label, converged=True)
            add(f"{label}, 2 through, n={n}", pudding(n, sign, neurons=2), label, converged=True)
            add(f"{label}, {n} through, n={n}", pudding(n, sign, neurons=n), label, converged=True)
        for rows in (n + 1, 3 * n, 5 * n):
            if n > 2:  # with two inputs and few rows, unstructured directions are one-input ones
                add(f"convexity, n={n}, m={rows}", convexity(n, rows, seed=rows), "convexity")
        add(f"constant, n={n}", constant(n, 3 * n), "constant")
        add(f"constant, prior noise, n={n}", constant(n, 3 * n, scale=0.1), "constant")

    for n in (2, 4, 8, 16, 64):
        base = {
            "double_sided": double_sided(n),
            **{label: pudding(n, sign, neurons=2) for sign, label in puddings},
        }
        for label, network in base.items():
            add(f"{label}, permuted, n={n}", permuted(network, rng), label, converged=True)
            add(f"{label}, uneven rows, n={n}", rescaled(network, rng), label, converged=True)
            add(f"{label}, duplicated, n={n}", duplicated(network, rng, 3), label, converged=True)
            add(
                f"{label}, dead, m=5n, n={n}",
                padded(network, rng, 5 * n - network.hidden),
                label,
                converged=True,
            )
            add(f"{label}, noise, n={n}", noisy(network, rng), label)
            messy = noisy(permuted(padded(duplicated(rescaled(network, rng), rng), rng, n), rng), rng, 0.03)
            add(f"{label}, all at once, n={n}", messy, label)

    for n in (4, 8, 16):
        half, rest = range(n // 2), range(n // 2, n)
        # Half of the inputs served by one algorithm, half by another.
        add(f"half positive, half negative pudding, n={n}", assemble(
            kinks(n, 1, 2.0, inputs=half), pass_through(n, -1.0, inputs=half),
            kinks(n, -1, 2.0, inputs=rest), pass_through(n, 1.0, inputs=rest)), "other")  # fmt: skip
        for sign, label in puddings:
            add(f"half double-sided, half {label}, n={n}", assemble(
                kinks(n, 1, inputs=half), kinks(n, -1, inputs=half),
                kinks(n, sign, 2.0, inputs=rest), pass_through(n, -float(sign), inputs=rest)), "other")  # fmt: skip
            add(f"{label} with one double-sided input, n={n}", assemble(
                kinks(n, 1, inputs=[0]), kinks(n, -1, inputs=[0]), kinks(n, sign, 2.0, inputs=range(1, n)),
                pass_through(n, -float(sign), inputs=range(1, n))), "other")  # fmt: skip
            add(f"{label} with a missed input, n={n}", assemble(
                kinks(n, sign, 2.0, inputs=range(1, n)), pass_through(n, -float(sign))), "other")  # fmt: skip
            add(f"{label} with a doubled input, n={n}",
                pudding(n, sign, kinks(n, sign, 2.0, inputs=[0])), "other")  # fmt: skip
            add(f"{label} without its linear term, n={n}", assemble(kinks(n, sign, 2.0)), "other")
            add(f"{label} with the linear term of half its inputs, n={n}", assemble(
                kinks(n, sign, 2.0), pass_through(n, -float(sign), inputs=half)), "other")  # fmt: skip
        everyone = [kinks(n, 1), kinks(n, -1)]
        add(f"double-sided with a missed input, n={n}",
            assemble(kinks(n, 1, inputs=range(1, n)), kinks(n, -1, inputs=range(1, n))), "other")  # fmt: skip
        add(
            f"double-sided with a missed side, n={n}",
            assemble(kinks(n, 1), kinks(n, -1, inputs=range(1, n))),
            "other",
        )
        add(f"double-sided with a doubled input, n={n}",
            assemble(*everyone, kinks(n, 1, inputs=[0]), kinks(n, -1, inputs=[0])), "other")  # fmt: skip
        add(f"double-sided with a linear term, n={n}", assemble(*everyone, pass_through(n, 1.0)), "other")
        dense = convexity(n, 3 * n)
        half_dense = (dense.hidden_weight, dense.hidden_bias, 0.5 * dense.output_weight)
        add(f"double-sided beside convexity, n={n}", assemble(
            kinks(n, 1, 0.5), kinks(n, -1, 0.5), half_dense), "other")  # fmt: skip
        add(f"random weights, n={n}", assemble(
            (rng.standard_normal((3 * n, n)), rng.standard_normal(3 * n), rng.standard_normal(3 * n)), offset=0.0),
            "other")  # fmt: skip
        add(f"a linear function, n={n}", assemble(pass_through(n, 1.0)), "other")
    for seed in range(3):
        add(f"Adam, n=6, seed {seed}", adam_trained(6, 18, seed), "other")
    return tuple(known)
