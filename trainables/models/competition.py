"""Competition: how hidden neurons agree, by score matrices, on who serves which input.

With K = exp(scores relative to the neuron's largest), (m, n) for each member and score, the shares of every claim among
a neuron's claims and among the claims on its input are

    rows = diag(1 / K 1) K        columns = K diag(1 / Kᵀ 1)

and Sinkhorn balancing (Sinkhorn & Knopp 1967) alternates the two scalings, u = 1 / (K v) and v = (m / n) / (Kᵀ u), so
that every hidden neuron's row sums to 1 and every input's column to m / n: a claim on an input is weighed against all
other claims on it, and no input is served twice while another is not. Two scores can be balanced together, as the
claims on an input's two sides, x > 0 and x < 0: a neuron's row of 2n claims sums to 1, and a side's column to m / 2n.

Claims relative to the neuron's largest stay finite whatever the scores; the rows, and all balanced shares, are the same
as with exp(scores). Scaling vectors instead of matrices make a round two matrix-vector products.
"""

import torch
from torch import Tensor

from trainables.models.bit_exact import batched_matvec

FLOOR = -40.0  # log of the smallest claim relative to a neuron's largest: keeps K and its scalings finite in float32


def compete(scores: Tensor, balanced: int, rounds: int, sided: int = 0) -> tuple[Tensor, Tensor]:
    """Shares of every claim among a neuron's claims, and among the claims on its input.

    scores (members, s, m, n), of which the first `balanced` are Sinkhorn-balanced in `rounds` rounds beforehand,
    and of these the first `sided`, an even number, in pairs. Returns two tensors (members, s, m, n): the first sums to
    1 over inputs (axis n; of sided scores, over inputs and sides), the second over hidden neurons (axis m).
    """
    members, s, m, n = scores.shape
    if sided:
        pairs = scores[:, :sided].view(members, sided // 2, 2, m, n).transpose(2, 3).flatten(3)
        of_sides = (share.view(members, sided // 2, m, 2, n) for share in compete(pairs, sided // 2, rounds))
        others = compete(scores[:, sided:], balanced - sided, rounds)
        of_neuron, of_input = (
            torch.cat([share.transpose(2, 3).flatten(1, 2), other], 1)
            for share, other in zip(of_sides, others, strict=True)
        )
        return of_neuron, of_input
    claims = (scores - scores.amax(-1, keepdim=True)).clamp(min=FLOOR).exp()
    balanced_claims = claims[:, :balanced].flatten(0, 1)  # (members * balanced, m, n)
    transposed = balanced_claims.transpose(1, 2)
    by_input = balanced_claims.new_ones(members * balanced, n, 1)
    for _ in range(rounds):
        by_hidden = batched_matvec(balanced_claims, by_input).reciprocal()
        by_input = (m / n) * batched_matvec(transposed, by_hidden).reciprocal()
    claims = torch.cat([claims[:, :balanced] * by_input.view(members, balanced, 1, n), claims[:, balanced:]], 1)
    flat = claims.flatten(0, 1)
    row_sums = torch.bmm(flat, flat.new_ones(1, n, 1).expand(members * s, -1, -1)).view(members, s, m, 1)
    weighed = torch.cat([claims[:, :balanced] / row_sums[:, :balanced], claims[:, balanced:]], 1)
    flat = weighed.flatten(0, 1)
    column_sums = torch.bmm(flat.new_ones(1, 1, m).expand(members * s, -1, -1), flat).view(members, s, 1, n)
    return claims / row_sums, weighed / column_sums
