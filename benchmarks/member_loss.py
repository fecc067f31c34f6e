"""One training's loss, written once in the operations that JAX and PyTorch share, as an expert would: no member axis,
no padding, nothing for the sake of bits. `benchmarks.compiled_peers` batches, differentiates and compiles it.
"""

import math
from collections.abc import Callable

from trainables.models.competition import FLOOR
from trainables.models.hypernetwork import noise_shapes
from trainables.models.layers import EPSILON
from trainables.models.noise_layout import size
from trainables.models.scale_free import scale_factors
from trainables.models.weight_heads import INITIAL_LOG_SIGMA, INITIAL_SCALES, SCALE_RATE
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task

RECIPE = Recipe()


def member_loss(p: dict, z, x, beta, n: int, xp, sigmoid: Callable):
    """One training's loss; xp is torch or jax.numpy. p {name: array} as Hypernetwork names its parameters, without the
    members' axis; z (noise_size,), x (samples, n).
    """
    m, offset, noise = RECIPE.hidden(n), 0, []
    for shape in noise_shapes(n, m):
        noise.append(z[offset : offset + size([shape])].reshape(shape))
        offset += size([shape])
    edges, hidden, inputs = (noise[k] @ p[f"{name}_noise.weight"] for k, name in enumerate(("edge", "hidden", "input")))
    whole = p["whole"]
    for k in range(RECIPE.layers):
        own = f"layers.{k}.layer."
        of_layer = {name.removeprefix(own): array for name, array in p.items() if name.startswith(own)}
        edges, hidden, inputs, whole = _layer(of_layer, edges, hidden, inputs, whole, xp, sigmoid)
    heads = {name.removeprefix("heads."): array for name, array in p.items() if name.startswith("heads.")}
    edge, node = _linear(heads, "edge", _normal(edges)), _linear(heads, "hidden", _normal(hidden))
    moments = (edge[:, 0].reshape(m, n), edge[:, 1].reshape(m, n)), (node[:, 0], node[:, 1]), (node[:, 2], node[:, 3])
    drawn, nats = [], 0.0
    for k, ((mean, raw), epsilon) in enumerate(zip(moments, noise[3:], strict=True)):
        log_sigma = raw + INITIAL_LOG_SIGMA
        scale = INITIAL_SCALES[k] * xp.exp(SCALE_RATE * heads["log_scale"][k])
        drawn.append(scale * (mean + xp.exp(log_sigma) * epsilon))
        nats = nats + (0.5 * (mean * mean + xp.exp(2 * log_sigma) - 1) - log_sigma).sum()
    w, b, v = drawn
    variance = (w * w).sum(-1)
    kappa = (1 + math.pi / 8 * variance) ** -0.5
    gate = sigmoid(kappa * b)
    expected = (v * (b * gate + variance * kappa * gate * (1 - gate))).sum()
    c = n * _linear(heads, "whole", _normal(whole)).sum() - expected
    before = x @ w.swapaxes(0, 1) + b
    output = (before * sigmoid(before)) @ v + c
    error = output - xp.abs(x).sum(-1)
    return (error * error).mean() / float(get_task("l1_norm").variance(n)) + beta * nats


def _linear(p: dict, name: str, x):
    y = x @ p[f"{name}.weight"]
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def _normal(x):
    return x * ((x * x).mean(-1)[..., None] + EPSILON) ** -0.5


def _layer(p: dict, edges, hidden, inputs, whole, xp, sigmoid: Callable) -> tuple:
    """`ExchangeableLayer` for one member: edges (m n, d), hidden (m, d), inputs (n, d), whole (1, d)."""
    m, n, balanced = len(hidden), len(inputs), RECIPE.scores // 2
    e, h, i, g = (_normal(state) for state in (edges, hidden, inputs, whole))
    factors = scale_factors(n)
    scores = (e @ (p["scores.weight"] * factors["scores.weight"])).swapaxes(0, 1).reshape(RECIPE.scores, m, n)
    rows, columns = _compete(scores, balanced, RECIPE.sided_scores, xp)
    shares = xp.concatenate([n * rows - 1, m * columns - 1]).reshape(2 * RECIPE.scores, m * n).swapaxes(0, 1)
    nodes = _linear(p, "edge_hidden", h)[:, None] + (_linear(p, "edge_input", i) + _linear(p, "edge_whole", g))[None]
    by_share = p["edge_shares.weight"] * factors["edge_shares.weight"]
    update = nodes.reshape(m * n, -1) + shares @ by_share + e @ p["edge.weight"]
    edges = edges + (update * sigmoid(update)) @ p["edge_out.weight"]
    grid = _normal(edges).reshape(m, n, -1)
    weighed = [grid * share[:, :, None] for share in (rows[-1], columns[0])]
    by_hidden = xp.concatenate([grid.mean(1), *(part.sum(1) for part in weighed)], -1)
    by_input = xp.concatenate([grid.mean(0), *(part.sum(0) for part in weighed)], -1)

    def node(name: str, state, pooled, itself):
        total = pooled @ p[f"{name}.pooled.weight"] + itself @ p[f"{name}.itself.weight"]
        total = total + _linear(p, f"{name}.context", g)
        return state + (total * sigmoid(total)) @ p[f"{name}.out.weight"]

    hidden, inputs = node("hidden", hidden, by_hidden, h), node("input", inputs, by_input, i)
    means = xp.concatenate([_normal(hidden).mean(0)[None], _normal(inputs).mean(0)[None]], -1)
    return edges, hidden, inputs, node("whole", whole, means, g)


def _compete(scores, balanced: int, sided: int, xp) -> tuple:
    """`trainables.models.competition.compete` for one member: scores (s, m, n)."""
    m, n = scores.shape[1:]
    if sided:
        pairs = scores[:sided].reshape(sided // 2, 2, m, n).swapaxes(1, 2).reshape(sided // 2, m, 2 * n)
        sides = _compete(pairs, sided // 2, 0, xp)
        apart = (side.reshape(sided // 2, m, 2, n).swapaxes(1, 2).reshape(sided, m, n) for side in sides)
        others = _compete(scores[sided:], balanced - sided, 0, xp)
        return tuple(xp.concatenate([side, other]) for side, other in zip(apart, others, strict=True))
    claims = scores - xp.amax(scores, -1)[..., None]
    claims = xp.exp(xp.maximum(claims, xp.full_like(claims, FLOOR)))
    by_input = xp.ones_like(claims[:balanced, 0, :, None])
    for _ in range(RECIPE.sinkhorn_rounds if balanced else 0):
        by_hidden = 1 / (claims[:balanced] @ by_input)
        by_input = (m / n) / (claims[:balanced].swapaxes(1, 2) @ by_hidden)
    claims = xp.concatenate([claims[:balanced] * by_input.swapaxes(1, 2), claims[balanced:]])
    row_sums = claims.sum(-1)[..., None]
    weighed = xp.concatenate([claims[:balanced] / row_sums[:balanced], claims[balanced:]])
    return claims / row_sums, weighed / weighed.sum(1)[:, None]
