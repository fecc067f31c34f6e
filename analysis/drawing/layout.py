"""Where to put what in a drawing of a network: a Scene of nodes and edges, the same for PNG and SVG.

Weights are shown *balanced*: every hidden neuron's row and outgoing weight are rescaled to equal norms, which leaves
its job as it is (swish, relu and gelu are homogeneous, or nearly), so a line's width says how much the connection
does, whatever the neuron's own scale. Connections that carry little fade out, and idle neurons are left out and
counted.

Neurons are put in an order of their own before anything else, so that a network with permuted hidden neurons gets
the same picture.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.algorithms.inputs import fresh_inputs
from analysis.algorithms.neurons import contributions
from analysis.algorithms.order_parameters import PASS_THROUGH_BEND, one_input_membership
from analysis.network import Network

IDLE = 0.05  # a neuron that moves the output by less than this share of the most active one is not drawn
BARELY = 0.25  # a neuron that moves the output by less than this share of its mean per input has faint lines
FADED, FULL = (
    0.15,
    0.45,
)  # a weight over the row's largest: invisible up to the first, in full from the second on
ITERATIONS = 20  # of the force-directed layout
MIN_DISTANCE = 0.01  # nodes that are nearer count as so far apart
STILL = 1e-4  # a step of this length a node is the last
SPREAD = 1.7  # its ideal distance between nodes, over 1 / sqrt(nodes)
PULL = 0.7  # of the output on a hidden neuron, and of all the inputs that it reads together
MAX_DRAWN = 400  # hidden neurons; beyond this a picture shows nothing any more


@dataclass(frozen=True)
class Node:
    x: float  # positions lie in the unit disc
    y: float
    kind: str  # "input", "hidden" or "output"
    label: str


@dataclass(frozen=True)
class Edge:
    start: int  # indices into the nodes
    end: int
    strength: float  # balanced |weight| over the picture's largest, in (0, 1]
    positive: bool
    opacity: float  # in (0, 1]


@dataclass(frozen=True)
class Scene:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    idle: int  # hidden neurons that are not drawn
    radius: float  # of a hidden neuron, in units of the disc
    neurons: tuple[int, ...] = ()  # which of the network's hidden neurons the hidden nodes are


def scene(network: Network) -> Scene:
    """Lay one network out."""
    order, network, n = network.order()[0], network.in_order(), network.dimension
    weight, out, glyphs, activity, active = _active_neurons(network)
    visible = _visibility(weight)  # (hidden, n)
    positions = _force_directed(weight, out, visible)
    labels = [f"x{_subscript(i + 1)}" for i in range(n)] + glyphs + ["f"]
    kinds = ["input"] * n + ["hidden"] * len(out) + ["output"]
    nodes = tuple(Node(float(x), float(y), kind, label)
                  for (x, y), kind, label in zip(positions, kinds, labels, strict=True))  # fmt: skip

    largest = max(np.abs(weight).max(initial=0), np.abs(out).max(initial=0), 1e-30)
    faintness = np.sqrt(activity)  # (hidden,) a neuron that does little has faint lines
    neuron, read = np.nonzero(visible > 0.02)
    every = np.arange(len(out))
    columns = (
        np.concatenate([read, n + every]),
        np.concatenate([n + neuron, np.full(len(out), len(nodes) - 1)]),
        np.abs(np.concatenate([weight[neuron, read], out])) / largest,
        np.concatenate([weight[neuron, read], out]) > 0,
        np.concatenate([visible[neuron, read] * faintness[neuron], faintness]),
    )
    edges = [Edge(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    edges.sort(key=lambda edge: (edge.opacity * edge.strength, edge.start, edge.end))  # strong lines on top
    radius = min(0.05, 0.3 / math.sqrt(len(nodes)))
    return Scene(nodes, tuple(edges), network.hidden - len(active), radius, tuple(order[active].tolist()))


def _active_neurons(network: Network) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray, np.ndarray]:
    """Balanced weights of the neurons worth drawing, in an order of their own, and their indices.

    Returns rows (hidden, n), outgoing weights (hidden,), labels, activity (hidden,) in (0, 1], indices (hidden,).
    """
    weight, out = (np.asarray(a, np.float64) for a in (network.hidden_weight, network.output_weight))
    adds = contributions(network.map(lambda array: np.asarray(array, np.float64)[None]))
    linear, deviation = adds.linear[0], adds.deviation[0]  # (m,)
    activity = np.sqrt(linear**2 + deviation**2)
    # Where hardly anything varies (`constant`), the most active neuron is faint as well.
    mean = float(network(fresh_inputs(network.dimension, 256, 0, inputs=network.inputs)).mean())
    activity = activity / max(activity.max(), BARELY * abs(mean) / network.dimension, 1e-30)
    norm = np.linalg.norm(weight, axis=1)
    active = np.flatnonzero(activity > IDLE)
    if len(active) > MAX_DRAWN:
        active = np.sort(np.argsort(-activity, kind="stable")[:MAX_DRAWN])

    gain = np.sqrt(np.abs(out) / np.maximum(norm, 1e-30))  # balances |row| and |outgoing weight|
    share = weight**2 / np.maximum(norm**2, 1e-30)[:, None]
    bend = deviation**2 / np.maximum(linear**2 + deviation**2, 1e-30)
    alone = one_input_membership(share) > 0.5
    glyphs = []
    for j in active:
        if bend[j] < PASS_THROUGH_BEND:
            glyphs.append("∕")  # passes its input through
        elif alone[j]:
            glyphs.append("+" if weight[j, share[j].argmax()] > 0 else "−")
        else:
            glyphs.append("")
    return (
        weight[active] * gain[active, None],
        np.sign(out[active]) * np.abs(out[active]) / np.maximum(gain[active], 1e-30),
        glyphs,
        activity[active],
        active,
    )


def _visibility(weight: np.ndarray) -> np.ndarray:
    """Opacity of every weight in (hidden, n), from its size against the largest of its row."""
    relative = np.abs(weight) / np.maximum(np.abs(weight).max(1, keepdims=True, initial=0), 1e-30)
    ramp = np.clip((relative - FADED) / (FULL - FADED), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def _force_directed(weight: np.ndarray, out: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Positions (n + hidden + 1, 2) in the unit disc by a force-directed layout.

    Inputs are held on a circle in their order and the output in its middle; the forces place the hidden neurons.
    Held this way, pictures of different networks compare at a glance and the same network always looks the same.
    """
    hidden, n = weight.shape
    angle = math.pi / 2 - 2 * math.pi * np.arange(n) / n
    inputs = np.stack([np.cos(angle), np.sin(angle)], 1)
    pull = np.abs(weight) * visible
    centre = pull @ inputs / np.maximum(pull.sum(1, keepdims=True), 1e-30)
    # Neurons that read the same inputs would start on one spot. Those of one input start beside its spoke, the one
    # that fires on x > 0 clockwise of it; a golden-angle spiral sets all others apart.
    top = pull.argmax(1)
    alone = pull.max(1, initial=0) > 0.7 * pull.sum(1)
    beside = np.stack([inputs[top, 1], -inputs[top, 0]], 1) * np.sign(weight[np.arange(hidden), top])[:, None]
    turn = math.pi * (3 - math.sqrt(5)) * np.arange(hidden)
    radius = 0.05 + 0.15 * np.sqrt(np.arange(hidden) / max(hidden, 1))
    spiral = np.stack([np.cos(turn), np.sin(turn)], 1) * radius[:, None]
    apart = np.where(alone[:, None], 0.8 / n * beside + 0.1 * spiral, spiral)
    start = np.concatenate([inputs, 0.7 * centre + apart, np.zeros((1, 2))])

    reads = visible > 0.3
    attraction = np.zeros((hidden, len(start)))  # of every node on every hidden neuron
    attraction[:, :n] = reads * (PULL / np.maximum(reads.sum(1, keepdims=True), 1))
    attraction[:, -1] = PULL
    points = _settled(start, np.arange(n, n + hidden), attraction)
    return points / max(np.linalg.norm(points, axis=1).max(), 1e-9)


def _settled(start: np.ndarray, free: np.ndarray, attraction: np.ndarray) -> np.ndarray:
    """Positions (nodes, 2) after some steps of Fruchterman and Reingold's springs (1991), as `networkx.spring_layout`.

    Nodes repel each other by (ideal distance / distance)² and pull by attraction · distance / ideal distance; steps
    cool down in equal parts, from a tenth of the picture. free: indices of the nodes that move; attraction: (free,
    nodes), on each by every other.
    """
    points = start.copy()
    ideal = SPREAD / math.sqrt(len(points))
    temperature = 0.1 * float(np.ptp(points, axis=0).max())
    for cooled in range(ITERATIONS):
        x, y = points.T
        squared = np.maximum(np.subtract.outer(x[free], x) ** 2 + np.subtract.outer(y[free], y) ** 2, MIN_DISTANCE**2)
        force = ideal**2 / squared - attraction * np.sqrt(squared) / ideal  # (free, nodes)
        push = force.sum(1, keepdims=True) * points[free] - force @ points
        length = np.maximum(np.linalg.norm(push, axis=1, keepdims=True), MIN_DISTANCE)
        step = push * (temperature * (1 - cooled / (ITERATIONS + 1)) / length)
        points[free] += step
        if np.linalg.norm(step) < STILL * len(points):
            break
    return points


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
