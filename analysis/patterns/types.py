"""Neuron types of one network, up to permuted inputs: neurons whose rows follow one template with the same constants.

A kinked neuron computes v·act(w·x + b) = A·r(±xᵢ + β·xⱼ + ρ·Σ rest + τ), r(u) = act(s·u)/s, with s = |w| of the input
set apart, A = v·s, τ = b/s and so on. A type's neurons share these constants; its *members* are the inputs, pairs or
subsets that they set apart. Several neurons of one member are split copies and add up. A neuron that bends too little
to matter is linear (swish(C + s) − C → s as C → ∞), one that moves nothing is idle.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from analysis.activations import ACTIVATIONS
from analysis.algorithms.neurons import contributions
from analysis.algorithms.order_parameters import PASS_THROUGH_BEND
from analysis.network import Network
from analysis.patterns.rows import MAX_REST, Row, choices, read_rows, saved_bits

NEGLIGIBLE = 0.003  # share of the output's variance that all bends taken for linear may have together, …
WEAK = 0.3  # … each of which bends less than this share of the neuron that bends most
IDLE = 0.01  # a neuron that moves the output by less than this share of its standard deviation is idle
APART = 0.6  # biases of one type follow each other within this, in standard deviations of the neurons' inputs
CANCELLED = 0.1  # what may be left of two opposite types, as a share of one of them
UNEVEN = 1.45  # members whose amplitudes differ by more than this factor, and by a gap, are different types
MAX_CLUSTERS = 3  # types that rows of one kind and side are sorted into before the others count as dense
TYPE_BITS = 8.0  # what it costs to say that there is one more type, and of which kind
CLEAR_BITS = 30.0  # evidence for a type of few members that stands among dense rows
NEARLY_ALL, EXACT = 0.9, 0.01  # share of all bending, and of its rows' squared norm that templates may leave
STRONG_ENOUGH = 0.15  # share of all bending that a complete type must do beside dense rows
CENTRED = 0.1  # of the share of a row's squared norm that its mean has by chance, 1/n: below it rows sum to zero
ROUND = 0.1  # a constant of a template is taken for 0, or for ±1, this near to it, or half as near
SHARED_BITS = 4.3  # what a constant of a template costs, to the precision of rows.py


@dataclass(frozen=True, eq=False)
class NeuronType:
    """Neurons that share one template and its constants.

    kind: one of rows.py's; for dense rows also `radial`, what they do together if they point everywhere:
    √(Σ xᵢ² + e), or, where every row sums to zero, √(Σ (xᵢ − x̄)² + e).
    constants: A, s, rho, beta, tau as above, without those that are 0 (or s = ∞); `radial` has A and e.
    """

    kind: str
    side: int  # sign of the weight on the input set apart; +1 where there is none
    size: int  # inputs set apart by each member: 1 for one, 2 for pair, 0 for all, dense and radial
    members: tuple[tuple[int, ...], ...]
    neurons: tuple[int, ...]  # indices of hidden neurons
    constants: dict[str, float]
    rows: np.ndarray | None = field(default=None, repr=False)  # (rows, n) of dense, else None
    centred: bool = False  # of dense or radial: only how far the inputs are from their mean counts

    def possible(self, dimension: int) -> int:
        """Members that the type has when it is complete."""
        return choices(self.kind, self.size, dimension)

    def bits(self, dimension: int) -> float:
        """What it costs to say which members the type has; its constants are counted apart."""
        return TYPE_BITS + math.log2(math.comb(self.possible(dimension), len(self.members)))


@dataclass(frozen=True, eq=False)
class Structure:
    """What a network is made of; the constants are still those read off its weights."""

    dimension: int
    types: tuple[NeuronType, ...]
    linear: np.ndarray  # (n,) mean slopes through the linear neurons
    linear_neurons: tuple[int, ...]
    idle: tuple[int, ...]
    doubtful: bool = False  # some linear neuron bends the output nearly as much as the kinked ones


def find_structure(
    network: Network,
    *,
    bend: float = PASS_THROUGH_BEND,
    coarse: bool = False,
    split: bool = True,
    whole: bool = False,
    shared: bool = False,
    uneven: float = UNEVEN,
) -> Structure:
    """Sort one network's neurons into types.

    A neuron is linear whose nonlinear share of variance is below `bend`. coarse: what belongs to no type of most
    inputs counts as `all`, on the side of the row's mean: noisy rows whose noise averages out. split: neurons of one
    template but different biases or amplitudes are different types. whole: rows of no complete type look structured by
    chance, and are dense; so are sums of all inputs that do less than half of the bending, and complete types that do
    little of it. shared: the constants of templates cost nothing, as if many rows shared them. uneven: members whose
    amplitudes differ by more than this factor are different types.
    """
    network = network.map(lambda array: np.asarray(array, np.float64))
    weight, bias, out = network.hidden_weight, network.hidden_bias, network.output_weight
    norm = np.linalg.norm(weight, axis=1)
    adds = contributions(network.flat())
    slopes, linear, nonlinear = adds.slopes[0], adds.linear[0], adds.deviation[0]  # (m, n), (m,), (m,)
    kinked = _kinked(slopes.sum(0), linear, nonlinear, bend) & (norm > 0)
    straight = ~kinked
    spread = max(np.linalg.norm(slopes.sum(0)), nonlinear[kinked].max(initial=0.0), 1e-300)
    idle = straight & (linear < IDLE * spread)

    chosen = np.flatnonzero(kinked)
    rows = read_rows(weight[chosen], shared=shared)
    neurons = [
        _Neuron(int(j), row, weight[j], float(norm[j]), float(bias[j]), float(out[j]), float(nonlinear[j]))
        for j, row in zip(chosen, rows, strict=True)
    ]
    types = list(_types(neurons, network.dimension, coarse, split, whole, uneven))
    unbends = ACTIVATIONS[network.activation].unbends
    types, more, unbent = _without_opposites(types, network.dimension) if unbends else (types, 0.0, [])
    return Structure(
        network.dimension,
        tuple(types),
        slopes[straight].sum(0) + more,
        tuple(sorted([*np.flatnonzero(straight & ~idle).tolist(), *unbent])),
        tuple(np.flatnonzero(idle).tolist()),
        bool((nonlinear > WEAK * nonlinear.max(initial=0.0))[straight & ~idle].any()),
    )


def _without_opposites(types: list[NeuronType], dimension: int) -> tuple[list[NeuronType], np.ndarray, list[int]]:
    """r(u) − r(−u) = u: two types that are each other's mirror image and cancel are linear.

    Returns the other types, slopes (n,) and the neurons of those that are gone.
    """
    slopes, gone = np.zeros(dimension), []
    for one in list(types):
        other = next((other for other in types if one in types and _cancel(one, other)), None)
        if other is None:
            continue
        types = [kind for kind in types if kind is not one and kind is not other]
        gone += [*one.neurons, *other.neurons]
        amplitude = (one.constants["A"] - other.constants["A"]) / 2
        given = one.constants
        for members in one.members:
            row = Row(one.kind, members, one.side, given.get("beta", 0.0), given.get("rho", 0.0))
            slopes += amplitude * row.weights(dimension)
    return types, slopes, gone


def _cancel(one: NeuronType, other: NeuronType) -> bool:
    if (one.kind, one.members, one.side) != (other.kind, other.members, -other.side) or one.kind == "dense":
        return False
    first, second = one.constants, other.constants
    sums = [first.get(name, 0.0) + second.get(name, 0.0) for name in ("beta", "rho", "tau")]
    scale = max(abs(first["A"]), abs(second["A"]))
    return bool(
        abs(first["A"] + second["A"]) < CANCELLED * scale
        and max(map(abs, sums)) < CANCELLED
        and abs(np.log(first["s"] / second["s"])) < 2 * CANCELLED
    )


@dataclass(frozen=True, eq=False)
class _Neuron:
    index: int
    row: Row
    weight: np.ndarray  # (n,)
    norm: float
    bias: float
    out: float
    deviation: float  # nonlinear standard deviation

    @property
    def amplitude(self) -> float:
        return self.out * abs(self.row.main)

    def misfit(self, template: Row) -> float:
        """Share of the row's squared norm that a template with this row's members leaves unexplained."""
        wanted = replace(template, members=self.row.members).weights(len(self.weight))
        return float(1 - (self.weight @ wanted / self.norm / max(np.linalg.norm(wanted), 1e-30)) ** 2)


def _kinked(slopes: np.ndarray, linear: np.ndarray, nonlinear: np.ndarray, bend: float) -> np.ndarray:
    """Which neurons bend enough to matter, by themselves and all together; slopes (n,): of the whole network."""
    total = (slopes**2).sum() + (nonlinear**2).sum()
    order = np.argsort(nonlinear, kind="stable")
    together = np.empty(len(order))
    together[order] = np.cumsum(nonlinear[order]) ** 2  # at most: as if they all bent the same way
    straight = nonlinear**2 < bend * (linear**2 + nonlinear**2)
    slight = together <= NEGLIGIBLE * total
    if not slight.all():
        slight &= nonlinear < WEAK * nonlinear.max(initial=0.0)  # one of many alike is not slight
    kinked: np.ndarray = ~slight & ~straight & (nonlinear > 0)
    return kinked


def _types(neurons: list[_Neuron], dimension: int, coarse: bool, split: bool, whole: bool,
           uneven: float) -> Iterator[NeuronType]:  # fmt: skip
    alike = defaultdict(list)
    for neuron in neurons:
        row = neuron.row
        side = 1 if row.kind == "dense" else int(np.sign(row.main))
        alike[row.kind, side, int(np.sign(neuron.out)), len(row.members)].append(neuron)
    dense = {1: alike.pop(("dense", 1, 1, 0), []), -1: alike.pop(("dense", 1, -1, 0), [])}
    clusters = []
    for (_, _, sign, _), group in sorted(
        alike.items(), key=lambda item: (item[0][0], -item[0][1], -item[0][2], item[0][3])
    ):
        found, left = _clusters(group, dimension, split)
        dense[sign] += left
        clusters += found
    clusters = _adopted(clusters, dense, dimension)
    if coarse:
        clusters = _coarse(clusters, dense, dimension)
        dense = {1: [], -1: []}
    strength = [sum(neuron.deviation for neuron in cluster) for cluster in clusters]
    half = sum(neuron.deviation for neuron in neurons) / 2
    kept = [_is_clear(cluster, dimension) for cluster in clusters]
    if np.dot(kept, strength) >= half or _are_exact(clusters, strength, half):
        kept = [True] * len(clusters)
    if whole:
        least = [half if one[0].row.kind == "all" else 2 * half * STRONG_ENOUGH for one in clusters]
        kept = [
            _is_complete(one, dimension) and strong >= enough
            for one, strong, enough in zip(clusters, strength, least, strict=True)
        ]
    for cluster, is_kept in zip(clusters, kept, strict=True):
        if is_kept:
            for part in _even_parts(cluster, uneven) if split else [cluster]:
                yield _shared(part)
        else:
            dense[int(np.sign(cluster[0].out))] += cluster
    for sign in (1, -1):
        if dense[sign]:
            yield _dense(sorted(dense[sign], key=lambda neuron: neuron.index), sign)


def _clusters(group: list[_Neuron], dimension: int, split: bool) -> tuple[list[list[_Neuron]], list[_Neuron]]:
    """Neurons of one kind, side and sign as clusters that share a template and a bias, and what fits none."""
    found: list[list[_Neuron]] = []
    refused: list[_Neuron] = []
    while group and len(found) < MAX_CLUSTERS:
        template = _median_row(group)
        near = [neuron for neuron in group if neuron.misfit(template) <= MAX_REST]
        template = _median_row(near) if near else template
        near = [neuron for neuron in group if neuron.misfit(template) <= MAX_REST]
        if not near:
            break
        group = [neuron for neuron in group if neuron.misfit(template) > MAX_REST]
        for part in _by_bias(near) if split else [near]:
            if _evidence(part, dimension) > 0:
                found.append(part)
            else:
                refused += part
    return found, refused + group


def _median_row(group: list[_Neuron]) -> Row:
    """The row that a group has in the middle, in units of its main weight; strong neurons count more."""
    weights = [neuron.deviation for neuron in group]
    first, side = group[0].row, float(np.sign(group[0].row.main))
    partner, rest = (
        _weighted_median([getattr(neuron.row, name) / abs(neuron.row.main) for neuron in group], weights)
        for name in ("partner", "rest")
    )
    return replace(first, main=side, partner=partner, rest=rest)


def _by_bias(group: list[_Neuron]) -> Iterator[list[_Neuron]]:
    """Cut where the biases, in standard deviations of what the neuron reads, leave a gap."""
    group = sorted(group, key=lambda neuron: neuron.bias / neuron.norm)
    levels = np.array([neuron.bias / neuron.norm for neuron in group])
    cuts = [0, *(np.flatnonzero(np.diff(levels) > APART) + 1), len(group)]
    for start, end in pairwise(cuts):
        yield group[start:end]


def _evidence(group: list[_Neuron], dimension: int) -> float:
    """Bits that it saves to say that these rows follow one template."""
    if dimension == 1:
        return 1.0
    template = _median_row(group)
    saved = sum(
        saved_bits(dimension - 1, neuron.misfit(template))
        - np.log2(choices(neuron.row.kind, len(neuron.row.members), dimension))
        for neuron in group
    )
    shared = {"one": [template.rest], "subset": [template.rest], "pair": [template.partner, template.rest]}
    return float(saved - sum(map(_constant_bits, shared.get(template.kind, []))))


def _constant_bits(value: float) -> float:
    """0, 1 and −1 are short."""
    if abs(value) < ROUND:
        return 1.0
    return 2.0 if abs(abs(value) - 1) < ROUND / 2 else SHARED_BITS


def _adopted(clusters: list[list[_Neuron]], dense: dict[int, list[_Neuron]], dimension: int) -> list[list[_Neuron]]:
    """Noisy neurons join a type of most inputs where they fit it, rather than make a type of a few."""
    wide = [c for c in clusters if c[0].row.kind == "one" and 2 * _members(c) >= dimension]
    if not wide or dimension <= 2:
        return clusters
    left = [c for c in clusters if not any(c is other for other in wide)]
    templates = [_median_row(cluster) for cluster in wide]

    def adopt(neuron: _Neuron) -> bool:
        top = int(np.abs(neuron.weight).argmax())
        rest = (neuron.weight.sum() - neuron.weight[top]) / (dimension - 1)
        row = replace(neuron.row, kind="one", members=(top,), main=float(neuron.weight[top]), rest=float(rest))
        asked = replace(neuron, row=row)
        for cluster, template in zip(wide, templates, strict=True):
            alike = template.main * row.main > 0 and cluster[0].out * neuron.out > 0
            if alike and asked.misfit(template) <= MAX_REST:
                cluster.append(asked)
                return True
        return False

    left = [[neuron for neuron in cluster if not adopt(neuron)] for cluster in left]
    for sign, neurons in dense.items():
        dense[sign] = [neuron for neuron in neurons if not adopt(neuron)]
    return wide + [cluster for cluster in left if cluster]


def _coarse(clusters: list[list[_Neuron]], dense: dict[int, list[_Neuron]], dimension: int) -> list[list[_Neuron]]:
    kept: list[list[_Neuron]] = []
    loose: list[_Neuron] = []
    for cluster in clusters:
        first = cluster[0].row
        if first.kind != "all" and 2 * _members(cluster) >= choices(first.kind, len(first.members), dimension):
            kept.append(cluster)
        else:
            loose += cluster
    others: dict[tuple[float, float], list[_Neuron]] = defaultdict(list)  # by the signs of mean and amplitude
    for neuron in [*loose, *dense[1], *dense[-1]]:
        mean = float(neuron.weight.mean())
        row = Row("all", main=mean)
        others[np.sign(mean), np.sign(neuron.out)].append(replace(neuron, row=row))
    return kept + [others[key] for key in sorted(others)]


def _members(cluster: list[_Neuron]) -> int:
    return len({neuron.row.members for neuron in cluster})


def _are_exact(clusters: list[list[_Neuron]], strength: list[float], half: float) -> bool:
    """Whether nearly all that bends follows templates to the last: no unstructured rows do, however few there are."""
    if sum(strength) < 2 * half * NEARLY_ALL:
        return False
    missed = sum(
        neuron.deviation * neuron.misfit(template)
        for cluster in clusters
        for template in [_median_row(cluster)]
        for neuron in cluster
    )
    return missed <= EXACT * sum(strength)


def _is_complete(cluster: list[_Neuron], dimension: int) -> bool:
    first = cluster[0].row
    return _members(cluster) == choices(first.kind, len(first.members), dimension)


def _is_clear(cluster: list[_Neuron], dimension: int) -> bool:
    """Whether a cluster is no chance: among unstructured rows a few look structured, with little evidence."""
    first = cluster[0].row
    possible = choices(first.kind, len(first.members), dimension)
    return 2 * _members(cluster) >= possible or _evidence(cluster, dimension) > CLEAR_BITS


def _even_parts(group: list[_Neuron], uneven: float) -> list[list[_Neuron]]:
    """Members of about one amplitude each: a doubled input is a type of its own."""
    amplitude: dict[tuple[int, ...], float] = defaultdict(float)
    for neuron in group:
        amplitude[neuron.row.members] += abs(neuron.amplitude)
    order = sorted(amplitude, key=amplitude.__getitem__)
    levels = np.log([amplitude[member] for member in order])
    cuts = np.flatnonzero(np.diff(levels) > np.log(uneven)) + 1
    level_of = {member: int((cuts <= place).sum()) for place, member in enumerate(order)}
    parts = defaultdict(list)
    for neuron in group:
        parts[level_of[neuron.row.members]].append(neuron)
    return [parts[level] for level in sorted(parts, reverse=True)]


def _shared(group: list[_Neuron]) -> NeuronType:
    """A type with the amplitude-weighted means of its neurons' constants."""
    first = group[0].row
    members = tuple(sorted({neuron.row.members for neuron in group}))
    strength = np.abs([neuron.amplitude for neuron in group])
    strength = strength / strength.sum()
    scale = np.array([abs(neuron.row.main) for neuron in group])
    constants = {
        "A": sum(neuron.amplitude for neuron in group) / len(members),
        "s": float(strength @ scale),
        "tau": float(strength @ ([neuron.bias for neuron in group] / scale)),
    }
    if first.kind == "pair":
        constants["beta"] = float(strength @ ([neuron.row.partner for neuron in group] / scale))
    if (first.kind == "one" and len(group[0].weight) > 1) or first.kind in ("pair", "subset"):
        constants["rho"] = float(strength @ ([neuron.row.rest for neuron in group] / scale))
    indices = tuple(sorted(neuron.index for neuron in group))
    return NeuronType(first.kind, int(np.sign(first.main)), len(first.members), members, indices, constants)


def _dense(group: list[_Neuron], sign: int) -> NeuronType:
    """Dense neurons of one sign: A/s·Σⱼ act(s·(wⱼ·x + τ)), s about 1, every row as long as |w|·|v| / mean |v|."""
    out = np.abs([neuron.out for neuron in group])
    mean = float(out.mean())
    out = out / mean
    rows = out[:, None] * np.array([neuron.weight for neuron in group])
    strength = np.array([neuron.deviation for neuron in group])
    strength = strength / strength.sum()
    constants = {
        "A": sign * mean,
        "s": float(1 / (strength @ out)),
        "tau": float(strength @ (out * [neuron.bias for neuron in group])),
    }
    centred = min(rows.shape) > 2 and strength @ (rows.sum(1) ** 2 / (rows**2).sum(1)) < CENTRED
    return NeuronType("dense", 1, 0, ((),), tuple(neuron.index for neuron in group), constants, rows, bool(centred))


def _weighted_median(values: list[float], weights: list[float]) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(np.asarray(weights)[order])
    return float(np.asarray(values)[order][np.searchsorted(cumulative, cumulative[-1] / 2)])
