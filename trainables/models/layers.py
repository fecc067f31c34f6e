"""Equivariant building blocks with a leading member axis.

Every tensor carries the members of a pack in front, and every operation treats members apart, so that a pack is
many trainings in lockstep and one member is the same code. Edges are kept flat, (members, m * n, channels).
Operations commute with permuting hidden neurons (m) and inputs (n): the weights are shared over both.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from trainables.kernels.layer import compiled, run
from trainables.models.bit_exact import padded_elementwise
from trainables.models.competition import compete
from trainables.models.parameters import mirror, starting_at

EPSILON = 1e-6  # added to mean squares before their inverse root
SCORE_GAIN = 3.0  # of initial scores: the competition is sharp from the first step on


class MemberLinear(nn.Module):
    """x (members, rows, fan_in) -> x @ weight + bias, (members, rows, fan_out), each member with its own weights.

    Initial weights have standard deviation gain / sqrt(fan_in), biases start at 0.
    """

    def __init__(self, members: int, fan_in: int, fan_out: int, *, gain: float = 1.0, bias: bool = False):
        super().__init__()
        self.weight = starting_at(gain * fan_in**-0.5, members, fan_in, fan_out)
        self.bias = nn.Parameter(torch.zeros(members, 1, fan_out)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)

    def onto(self, total: Tensor, x: Tensor) -> Tensor:
        """total + x @ weight in one pass, (members, rows, fan_out)."""
        return torch.baddbmm(total, x, self.weight)


class _RootMeanSquare(torch.autograd.Function):
    """y = x / sqrt(mean(x²) + ε) over the last axis, with the backward pass written out (a third of autograd's)."""

    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        scale = (x * x).sum(-1, keepdim=True).div_(x.shape[-1]).add_(EPSILON).rsqrt_()
        y = x * scale
        context.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        y, scale = context.saved_tensors
        along = (gradient * y).sum(-1, keepdim=True).div_(-y.shape[-1])
        return torch.addcmul(gradient, y, along).mul_(scale)


def normalise(x: Tensor) -> Tensor:
    """Root-mean-square normalisation of every edge's or node's channels (the last axis)."""
    return _RootMeanSquare.apply(x)


class NodeUpdate(nn.Module):
    """Residual swish-MLP of a node's (pooled edges, itself, the global node)."""

    def __init__(self, members: int, channels: int, pooled: int, width: int):
        super().__init__()
        self.pooled = MemberLinear(members, pooled, width)
        self.itself = MemberLinear(members, channels, width)
        self.context = MemberLinear(members, channels, width, bias=True)
        self.out = MemberLinear(members, width, channels, gain=0.5)

    def forward(self, state: Tensor, pooled: Tensor, itself: Tensor, context: Tensor) -> Tensor:
        """state, itself (members, nodes, d), pooled (members, nodes, pooled), context (members, 1, d)."""
        total = self.itself.onto(self.pooled(pooled), itself) + self.context(context)
        return self.out.onto(state, padded_elementwise(silu, total))


class ExchangeableLayer(nn.Module):
    """One residual layer on the state (edges, hidden nodes, input nodes, global node).

    Edges give score matrices, in which neurons compete for inputs (`trainables.models.competition`). Every edge is then
    updated by a swish-MLP of (its state, its shares in the competition, its two nodes, the global node); then every
    node by one of (its updated edges, pooled by share and by mean, itself, the global node), so that a neuron learns
    in the same layer what it won; then the global node by one of the mean nodes. Terms of nodes are broadcast to
    edges after their linear maps. Exchangeable-matrix layers: Hartford et al. 2018, arXiv 1803.02879.

    The two scores of a sided pair start as mirror images: what speaks for one side of an input speaks against the
    other, and an edge at first learns how their shares differ. Without it nearly every training of many inputs takes
    one side of all of them, pudding, and none finds double-sided.
    """

    def __init__(self, members: int, channels: int, scores: int, width: int, sinkhorn_rounds: int, sided: int = 0):
        super().__init__()
        self.competition = scores // 2, sinkhorn_rounds, sided  # see `compete`
        self.scores = MemberLinear(members, channels, scores, gain=SCORE_GAIN)
        self.edge = MemberLinear(members, channels, width)
        self.edge_shares = MemberLinear(members, 2 * scores, width)
        self.edge_hidden = MemberLinear(members, channels, width)
        self.edge_input = MemberLinear(members, channels, width)
        self.edge_whole = MemberLinear(members, channels, width, bias=True)
        self.edge_out = MemberLinear(members, width, channels, gain=0.5)
        self.hidden = NodeUpdate(members, channels, 3 * channels, width)
        self.input = NodeUpdate(members, channels, 3 * channels, width)
        self.whole = NodeUpdate(members, channels, 2 * channels, width)
        pairs = torch.arange(0, sided, 2)
        mirror(self.scores.weight, 2, pairs)
        mirror(self.edge_shares.weight, 1, torch.cat([pairs, scores + pairs]))

    def forward(self, edges: Tensor, hidden: Tensor, inputs: Tensor, whole: Tensor) -> tuple[Tensor, ...]:
        """edges (members, m * n, d), hidden (members, m, d), inputs (members, n, d), whole (members, 1, d).

        On a CPU with a compiler it runs as trainables/kernels/csrc/layer.h, which agrees with `in_torch` to rounding.
        """
        native = compiled(edges, *self.widest(), *self.competition)
        if native is None:
            return self.in_torch(edges, hidden, inputs, whole)
        return run(native, (edges, hidden, inputs, whole), self.weights(inputs.shape[1]))

    def widest(self) -> tuple[Tensor, Tensor]:
        """Two weights whose shapes tell all widths, (members, d, s) and (members, w, d)."""
        return self.scores.weight, self.edge_out.weight

    def weights(self, dimension: int) -> tuple[Tensor, ...]:
        """All weights that the layer works with at this input dimension, (members, …) each."""
        return tuple(self.parameters())

    def scaled_weights(self, dimension: int) -> list[tuple[Tensor, float]]:
        """`weights`, each as a parameter and what multiplies it."""
        return [(weight, 1.0) for weight in self.parameters()]

    def in_torch(self, edges: Tensor, hidden: Tensor, inputs: Tensor, whole: Tensor) -> tuple[Tensor, ...]:
        """`forward` in PyTorch operations, on any device."""
        members, m, n = edges.shape[0], hidden.shape[1], inputs.shape[1]
        e, h, i, g = (normalise(state) for state in (edges, hidden, inputs, whole))

        scores = torch.bmm(self.scores.weight.transpose(1, 2), e.transpose(1, 2))  # (members, s, m n)
        of_neuron, of_input = compete(scores.view(members, -1, m, n), *self.competition)
        shares = torch.cat([n * of_neuron - 1, m * of_input - 1], 1).flatten(2)  # (members, 2 s, m n)
        nodes = self.edge_hidden(h).unsqueeze(2) + (self.edge_input(i) + self.edge_whole(g)).unsqueeze(1)
        update = self.edge.onto(self.edge_shares.onto(nodes.flatten(1, 2), shares.transpose(1, 2)), e)
        edges = self.edge_out.onto(edges, padded_elementwise(silu, update))

        grid = normalise(edges).view(members, m, n, -1)
        # nodes see their edges' mean, the edges that a neuron claims most, and those that it won against all others
        by_hidden, by_input = [grid.sum(2) / n], [grid.sum(1) / m]
        for share in (of_neuron[:, -1:], of_input[:, :1]):  # of a free score, of a balanced score
            weighed = grid * share.view(members, m, n, 1)
            by_hidden.append(weighed.sum(2))
            by_input.append(weighed.sum(1))
        hidden = self.hidden(hidden, torch.cat(by_hidden, -1), h, g)
        inputs = self.input(inputs, torch.cat(by_input, -1), i, g)
        means = [normalise(nodes).mean(1, keepdim=True) for nodes in (hidden, inputs)]
        return edges, hidden, inputs, self.whole(whole, torch.cat(means, -1), g, g)
