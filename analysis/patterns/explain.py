"""Explain a network: its neuron types, the shortest formula that is faithful to it, and its pattern.

    explain(network)        one Network or network file
    explain_all(networks)   a batch (k,), sharing the inputs: about 10 ms a network at n = 16, m = 48

The neurons are sorted into types (types.py), the types' constants are fitted to the network's own output (fit.py),
what hardly matters is taken out (simplify.py), and other inputs say how faithful the result is.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from analysis.activations import ACTIVATIONS, Activation
from analysis.algorithms.inputs import fresh_inputs
from analysis.algorithms.order_parameters import PASS_THROUGH_BEND
from analysis.network import Network
from analysis.patterns.explanation import Explanation
from analysis.patterns.fit import Fit, Inputs, Model, Term, fit
from analysis.patterns.linear import linear_groups
from analysis.patterns.names import is_constant
from analysis.patterns.simplify import Short, description_bits, simplify
from analysis.patterns.types import NeuronType, Structure, find_structure

Target = Callable[[np.ndarray], np.ndarray]  # inputs (samples, n) -> (samples,)
SAMPLES = 1024  # inputs that constants are fitted on, and again as many to test the formula on
PROBES = 256  # inputs that show the spread of an output
LONGEST = 1e12  # weight beyond which a row's length is of no account
FLAT = 1e-20  # share of the mean square below which an output doesn't vary
STRONG = 0.4  # share of another type's amplitude
SMALL = 0.05  # a type that bends the output by less than this share of its variance may be left out
RADIAL = 0.01  # what dense rows may lose, as a share of the output's variance, by becoming a function of ‖x‖
CLEARER = 0.85  # share of what types leave unexplained that √(‖x‖² + e) may leave in place of them all …
POOR_RADIAL = 0.05  # … but no more than this of the output's variance: noisy types are no rows without structure …
MAY_BE_RADIAL = 2.0  # … and that a first guess of it may leave
SOFT_RADII = (0.01, 0.03, 0.1, 0.3, 1.0)  # e of √(‖x‖² + e) by the number of inputs, to start from
SHARP = 10.0  # s times the spread of u from which on a bend may count as a kink
CHANCE = 0.02  # share of the output's variance that types must explain beyond what dense rows do, if they may be chance
MAX_TYPES = 16  # beyond them, as in hundreds of rows without structure, types are chance, and to fit them takes long
FINE = 1.15  # factor between amplitudes that makes types of their own where larger ones are poor …
CLEAN = 0.1  # … and these leave at most this share of what those left
POOR = 0.02  # share left unexplained beyond which neurons with a slight bend are no longer taken for linear


def explain(network: Network | str | os.PathLike[str], target: Target | None = None, *, samples: int = SAMPLES,
            rng_seed: int = 0) -> Explanation:  # fmt: skip
    """Explain one network or network file. Raises NetworkFileError on a bad file.

    target: what the network was to compute, inputs (samples, n) -> (samples,); with it a network that is no better
    than a constant is explained as one, and convexity is told from other unstructured rows.
    """
    network = network if isinstance(network, Network) else Network.load(network)
    if network.batch_shape:
        raise ValueError("explain takes one network; explain_all takes a batch")
    return explain_all(network.flat(), target, samples=samples, rng_seed=rng_seed)[0]


def explain_all(networks: Network, target: Target | None = None, *, samples: int = SAMPLES,
                rng_seed: int = 0) -> list[Explanation]:  # fmt: skip
    """Explain every network of a batch (k,). The order of hidden neurons doesn't matter, to the last bit."""
    flat = networks.flat()
    samples = samples + samples % 2
    fitted, tested, wide = (
        _inputs(flat.dimension, samples, 3 * rng_seed + part, 2.0 if part == 2 else 1.0, flat.inputs)
        for part in range(3)
    )
    wanted = None if target is None else np.asarray(target(fitted.x), np.float64)
    found = []
    for index in range(len(flat.output_bias)):
        given, offset, unit = _in_units_of_its_spread(flat[index])
        network = given.in_order()
        outputs = [network(inputs.x).astype(np.float64) + offset for inputs in (fitted, tested, wide)]
        explained = _explain(network, fitted, outputs[0], [(tested, outputs[1]), (wide, outputs[2])],
                             None if wanted is None else wanted / unit)  # fmt: skip
        found.append(_of_given(explained, flat[index], given.order()[0], unit))
    return found


def _in_units_of_its_spread(network: Network) -> tuple[Network, float, float]:
    """The network without its offset and with a spread of about 1, in float32; its offset in these units; the unit.

    So the scale of a network's output can neither overflow nor vanish. Of rows too long for float32 the outgoing
    weight takes a part: at that length every bend is a kink.
    """
    W, b, v = (np.asarray(a, np.float64) for a in (network.hidden_weight, network.hidden_bias, network.output_weight))
    excess = np.maximum(np.maximum(np.abs(W).max(1), np.abs(b)) / LONGEST, 1.0)  # (m,)
    W, b, v = W / excess[:, None], b / excess, v * excess if ACTIVATIONS[network.activation].unbends else v
    largest = max(np.abs(v).max(), 1e-300)  # squares of what is larger than 1e154 overflow
    probed = replace(network, hidden_weight=W, hidden_bias=b, output_weight=v / largest, output_bias=np.array(0.0))
    spread = float(probed(_inputs(network.dimension, PROBES, 0, 1.0, network.inputs).x).std())
    unit = largest * spread if spread > 0 else 1.0
    v = v / unit if spread > 0 else np.zeros_like(v)
    weight, bias, out, zero = (np.asarray(array, np.float32) for array in (W, b, v, 0.0))
    scaled = replace(network, hidden_weight=weight, hidden_bias=bias, output_weight=out, output_bias=zero)
    return scaled, float(network.output_bias / unit), unit


def _of_given(explanation: Explanation, network: Network, order: np.ndarray, unit: float) -> Explanation:
    """In the network's own unit, and with the neurons counted as they came, not as they were explained."""

    def given(neurons: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(order[list(neurons)].tolist()))

    def scaled(kind: NeuronType) -> NeuronType:
        constants = kind.constants | {"A": kind.constants["A"] * unit}
        return replace(kind, neurons=given(kind.neurons), constants=constants)

    structure = replace(
        explanation.structure,
        types=tuple(map(scaled, explanation.structure.types)),
        linear=explanation.structure.linear * unit,
        linear_neurons=given(explanation.structure.linear_neurons),
        idle=given(explanation.structure.idle),
    )
    return replace(
        explanation,
        network=network,
        types=tuple(map(scaled, explanation.types)),
        structure=structure,
        slopes=tuple(slope * unit for slope in explanation.slopes),
        offset=explanation.offset * unit,
        mean_slopes=explanation.mean_slopes * unit,
        spread=explanation.spread * unit,
    )


@lru_cache(maxsize=6)
def _inputs(dimension: int, samples: int, rng_seed: int, scale: float, inputs: str) -> Inputs:
    return Inputs(fresh_inputs(dimension, samples, rng_seed, scale=scale, inputs=inputs))


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A fitted description of one network."""

    structure: Structure
    model: Model
    short: Short

    @property
    def bits(self) -> float:
        members = sum(kind.bits(self.structure.dimension) for kind in self.model.types)
        return description_bits(self.short.fit.cost, self.short.count) + members


def _explain(network: Network, inputs: Inputs, output: np.ndarray, tests: Sequence[tuple[Inputs, np.ndarray]],
             wanted: np.ndarray | None) -> Explanation:  # fmt: skip
    activation = ACTIVATIONS[network.activation]
    best = _best_candidate(network, inputs, output, wanted)
    types, slopes, offset = best.model.read_back(best.short.fit.constants)
    scores = [_r_squared(values, Model(best.model.types, best.model.groups, x, activation).values(
        best.short.fit.constants)) for x, values in tests]  # fmt: skip
    return Explanation(
        network=network,
        structure=best.structure,
        types=types,
        groups=best.model.groups,
        slopes=tuple(slopes.tolist()),
        offset=offset,
        constants=best.short.count,
        r_squared=scores[0],
        r_squared_at_twice_the_scale=scores[1],
        mean_slopes=output @ inputs.x / len(output),
        unexplained_of_target=None if wanted is None else _unexplained(output, wanted),
        spread=float(output.std()),
        bends=tuple(_bend(term, best.short.fit.constants[part]) / max(output.var(), 1e-300)
                    for term, part in zip(best.model.terms, best.model.parts, strict=True)),
    )  # fmt: skip


def _best_candidate(network: Network, inputs: Inputs, output: np.ndarray, wanted: np.ndarray | None) -> _Candidate:
    """The first structure, or another one that describes the network in fewer bits."""
    activation = ACTIVATIONS[network.activation]
    structure = find_structure(network)
    if len(structure.types) > MAX_TYPES:
        structure = find_structure(network, whole=True)
    flat = output.var() <= FLAT * (output**2).mean() or is_constant(output, wanted)
    if flat:
        structure = replace(structure, types=(), linear=np.zeros(network.dimension))
    best = _describe(structure, inputs, output, activation)

    def tried(settings: dict[str, Any]) -> _Candidate | None:
        other = find_structure(network, **settings)
        return _describe(other, inputs, output, activation) if len(other.types) <= MAX_TYPES else None

    for settings in [] if flat else _other_structures(best):  # a shorter description may be had with fewer types
        other = tried(settings)
        best = min(best, other, key=lambda candidate: candidate.bits) if other else best
    for settings in [] if flat else _finer_structures(best):
        other = tried(settings)
        clean = other and other.short.fit.unexplained < CLEAN * best.short.fit.unexplained
        best = other if other and clean and other.bits < best.bits else best  # no noise that finer types would follow
    if _stands_among_dense_rows(best):
        other = tried({"whole": True})
        if other and other.short.fit.unexplained <= best.short.fit.unexplained + CHANCE:
            best = other
    for radial in [] if flat else _radial_structures(best, inputs, output):
        other = _describe(radial, inputs, output, activation)
        most = min(CLEARER * best.short.fit.unexplained, POOR_RADIAL)
        if other.short.fit.unexplained < most and other.bits < best.bits:
            best = other
    return best


def _other_structures(found: _Candidate) -> list[dict[str, Any]]:
    """Settings of find_structure that may allow a shorter description."""
    types = found.structure.types
    others: list[dict[str, Any]] = []
    if len({(kind.kind, kind.size, kind.side, kind.constants["A"] > 0) for kind in types}) < len(types):
        others.append({"split": False})
    poor = found.short.fit.unexplained > POOR
    if poor and found.structure.linear_neurons:
        others.append({"bend": 0.0})
    elif found.structure.doubtful:
        others.append({"bend": PASS_THROUGH_BEND / 2})
    if (poor and len(types) > 1) or len(types) > 3:
        others.append({"coarse": True})
    return others


def _finer_structures(found: _Candidate) -> list[dict[str, Any]]:
    """Settings that tell more types apart, worth a try where types are far from what the network does."""
    if found.short.fit.unexplained <= POOR / 2 or all(kind.kind in ("dense", "radial") for kind in found.model.types):
        return []
    several = found.structure.dimension > 2 and any(len(kind.members) > 1 for kind in found.model.types)
    return [{"uneven": FINE}] * several + [{"shared": True}] * (found.structure.dimension > 3)


def _stands_among_dense_rows(found: _Candidate) -> bool:
    """Whether there are types that may be chance: of few inputs some of many dense rows look structured."""
    types, n = found.model.types, found.structure.dimension
    dense = [kind.kind in ("dense", "radial") for kind in types]
    partial = [kind.kind == "all" or len(kind.members) < kind.possible(n) for kind in types]
    return any(dense) and any(one and not other for one, other in zip(partial, dense, strict=True))


def _radial_structures(found: _Candidate, inputs: Inputs, output: np.ndarray) -> Iterator[Structure]:
    """All that bends as a function of ‖x‖ or of how far the inputs are from their mean, where that may explain as much:
    rows that point everywhere, though a few inputs leave little room for rows without structure.
    """
    n, structure = found.structure.dimension, found.structure
    if n == 1 or len(found.model.types) == 0 or all(kind.kind == "radial" for kind in found.model.types):
        return
    even = (output + np.roll(output, len(output) // 2)) / 2
    for centred in filter(inputs.has_lengths, (False, True)[: n - 1]):
        kind = _radial(structure.types, inputs, even, centred)
        missed = _unexplained(even, np.sqrt(inputs.squared_length(centred) + kind.constants["e"])) * even.var()
        if missed < MAY_BE_RADIAL * found.short.fit.unexplained * output.var():
            yield replace(structure, types=(kind,), linear=output @ inputs.x / len(output))


def _describe(structure: Structure, inputs: Inputs, output: np.ndarray, activation: Activation) -> _Candidate:
    """The shortest description that this structure allows."""
    groups = linear_groups(structure.linear, max(output.var(), 1e-300))
    slopes = [float(structure.linear[list(group)].mean()) for group in groups]

    def fitted(types: Sequence[NeuronType]) -> tuple[Model, Fit]:
        model = Model(types, groups, inputs, activation)
        start = model.start(slopes, 0.0)
        start[-1] = (output - model.values(start)).mean()
        return model, fit(model, output, start)

    types: Sequence[NeuronType] = structure.types
    if activation.name == "relu":
        types = [_without_sharpness(kind) for kind in types]
    model, result = fitted(types)
    dense = [kind for kind in types if kind.kind == "dense"]
    centred = all(kind.centred for kind in dense)
    if dense and inputs.has_lengths(centred):
        radial = [kind for kind in types if kind.kind != "dense"] + [_radial(dense, inputs, output, centred)]
        other_model, other = fitted(radial)
        if other.unexplained <= result.unexplained + RADIAL:
            types, model, result = radial, other_model, other
    types, model, result = _without_small_types(types, model, result, fitted, structure.dimension)
    short = simplify(model, result, output)
    return _sharpened(structure, model, short, output, activation, inputs)


def _radial(types: Sequence[NeuronType], inputs: Inputs, output: np.ndarray, centred: bool) -> NeuronType:
    """√(‖x‖² + e), or centred √(Σ (xᵢ − x̄)² + e), in place of types, from a start that fits the output roughly."""
    squared = inputs.squared_length(centred)
    roots = {e: np.sqrt(squared + e) for e in (inputs.x.shape[1] * np.array(SOFT_RADII)).tolist()}
    e, root = min(roots.items(), key=lambda item: _unexplained(output, item[1]))
    A = float(np.cov(root, output)[0, 1] / root.var())
    neurons = tuple(sorted(j for kind in types for j in kind.neurons))
    return NeuronType("radial", 1, 0, ((),), neurons, {"A": A, "e": e}, centred=centred)


def _without_small_types(types: Sequence[NeuronType], model: Model, result: Fit,
                         fitted: Callable[[Sequence[NeuronType]], tuple[Model, Fit]], dimension: int,
                         ) -> tuple[Sequence[NeuronType], Model, Fit]:  # fmt: skip
    """Leave out, one by one, types that are not worth their constants."""
    variance = result.scale
    while len(types) > 0:
        shares = [_bend(term, result.constants[part]) / variance
                  for term, part in zip(model.terms, model.parts, strict=True)]  # fmt: skip
        small = min(range(len(types)), key=shares.__getitem__)
        if shares[small] > SMALL or _is_strong(types[small], types):
            break
        fewer = [kind for place, kind in enumerate(types) if place != small]
        other_model, other = fitted(fewer)
        saved = types[small].bits(dimension)
        if description_bits(other.cost, len(other.constants)) > saved + description_bits(
            result.cost, len(result.constants)
        ):
            break
        types, model, result = fewer, other_model, other
    return types, model, result


def _is_strong(kind: NeuronType, types: Sequence[NeuronType]) -> bool:
    """Whether a type does for few inputs what another does for many: then it is no noise, however few they are."""
    alike = [abs(other.constants["A"]) for other in types if (other.kind, other.size) == (kind.kind, kind.size)]
    return kind.kind == "one" and len(alike) > 1 and abs(kind.constants["A"]) > STRONG * max(alike)


def _bend(term: Term, constants: np.ndarray) -> float:
    """Variance that a term adds beyond a linear function of its own u, summed over members."""
    values = term.values(constants)
    even = (values + np.roll(values, len(values) // 2)) / 2  # inputs come in antithetic pairs
    return float(even.var())


def _sharpened(structure: Structure, model: Model, short: Short, output: np.ndarray, activation: Activation,
               inputs: Inputs) -> _Candidate:  # fmt: skip
    """With relu in place of soft bends, if the description gets shorter."""
    best = _Candidate(structure, model, short)
    types, slopes, offset = model.read_back(short.fit.constants)
    soft = [kind for kind in types if "s" in kind.constants and kind.kind != "dense"]
    if not activation.unbends or not soft or min(map(_sharpness, soft)) < SHARP:
        return best
    hard = [_without_sharpness(kind) if kind in soft else kind for kind in types]
    sharp = Model(hard, model.groups, inputs, activation)
    result = fit(sharp, output, sharp.start(slopes, offset))
    return min(best, _Candidate(structure, sharp, simplify(sharp, result, output)), key=lambda one: one.bits)


def _without_sharpness(kind: NeuronType) -> NeuronType:
    return replace(kind, constants={name: value for name, value in kind.constants.items() if name != "s"})


def _sharpness(kind: NeuronType) -> float:
    """How sharp a bend is at the scale of what it acts on."""
    return kind.constants["s"] * math.sqrt(max(kind.size, 1))


def _unexplained(output: np.ndarray, wanted: np.ndarray) -> float:
    """1 − squared correlation of an output with what is wanted; 1 where one of them doesn't vary."""
    spreads = float(output.std()) * float(wanted.std())
    covariance = float(((output - output.mean()) * (wanted - wanted.mean())).mean())
    return 1 - (covariance / spreads) ** 2 if spreads > 0 else 1.0


def _r_squared(output: np.ndarray, predicted: np.ndarray) -> float:
    """R², or of a constant prediction the share of the mean square that it explains, as in algorithms/formula.py."""
    error, variance, square = ((output - predicted) ** 2).mean(), output.var(), (output**2).mean()
    if predicted.max() == predicted.min() and variance > FLAT * square:
        return float(1 - error / square)
    if variance <= FLAT * square:
        return float(error <= 1e-6 * square)
    return float(1 - error / variance)
