import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.models.competition import compete


def reference(scores, balanced: int, rounds: int):
    """Plain log-space Sinkhorn, then the two softmaxes."""
    m, n = scores.shape[-2:]
    mine = scores[:, :balanced]
    for _ in range(rounds):
        mine = mine - mine.logsumexp(-1, keepdim=True)
        mine = mine - mine.logsumexp(-2, keepdim=True) + torch.tensor(m / n).log()
    rows = torch.cat([mine, scores[:, balanced:]], 1).softmax(-1)
    # the balanced scores go on into the second softmax with their rows normalised
    columns = torch.cat([rows[:, :balanced].log(), scores[:, balanced:] - scores[:, balanced:].amax(-1, True)], 1)
    return rows, columns.softmax(-2)


def make_scores(seed: int, m: int, n: int, scale: float = 1.0, members: int = 2):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(members, 2, m, n, generator=generator, dtype=torch.float64)


@settings(max_examples=25)
@given(seed=st.integers(0, 99), m=st.integers(1, 9), n=st.integers(1, 6), rounds=st.integers(0, 5))
def test_agrees_with_log_space_sinkhorn(seed, m, n, rounds):
    scores = make_scores(seed, m, n)
    for share, expected in zip(compete(scores, 1, rounds), reference(scores, 1, rounds), strict=True):
        torch.testing.assert_close(share, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 99), m=st.integers(1, 12), n=st.integers(1, 8), scale=st.floats(0.01, 30))
def test_shares_sum_to_one(seed, m, n, scale):
    of_neuron, of_input = compete(make_scores(seed, m, n, scale), 1, 3)
    torch.testing.assert_close(of_neuron.sum(-1), torch.ones(2, 2, m, dtype=torch.float64))
    torch.testing.assert_close(of_input.sum(-2), torch.ones(2, 2, n, dtype=torch.float64))


def test_balanced_columns_reach_m_over_n():
    scores = make_scores(3, 12, 4)
    balanced, free = compete(scores, 1, 60)[0].unbind(1)
    torch.testing.assert_close(balanced.sum(-2), torch.full((2, 4), 3.0, dtype=torch.float64))
    assert (free.sum(-2) - 3).abs().max() > 0.2
    unequal = [(compete(scores, 1, rounds)[0][:, 0].sum(-2) - 3).abs().max() for rounds in (0, 1, 3)]
    assert unequal[0] > 2 * unequal[1] > 4 * unequal[2]


@pytest.mark.parametrize("scale", [1e2, 1e4])
@pytest.mark.parametrize("pattern", ["random", "one input wanted by all", "one neuron wants all", "equal"])
def test_extreme_scores_stay_finite(scale, pattern):
    scores = torch.zeros(1, 2, 18, 6)
    if pattern == "random":
        scores = make_scores(0, 18, 6, members=1).float().sign()
    elif pattern == "one input wanted by all":
        scores[..., 0], scores[..., 1:] = 1, -1
    elif pattern == "one neuron wants all":
        scores[..., 0, :], scores[..., 1:, :] = 1, -1
    scores = (scale * scores).requires_grad_()
    shares = compete(scores, 1, 3)
    weight = torch.randn(shares[0].shape, generator=torch.Generator().manual_seed(0))
    sum((share * weight).sum() for share in shares).backward()
    for share in shares:
        assert share.isfinite().all()
        assert (share >= 0).all()
    torch.testing.assert_close(shares[0].sum(-1), torch.ones(1, 2, 18))
    assert scores.grad.isfinite().all()


def test_gradients_in_double():
    scores = make_scores(1, 4, 3, members=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: compete(x, 1, 3), scores)


def test_sides_are_balanced_together():
    scores = make_scores(3, 12, 4, 2.0)
    scores = torch.cat([scores, scores.flip(2)], 1)
    of_neuron, of_input = compete(scores, 3, 60, 2)
    torch.testing.assert_close(of_neuron[:, :2].sum((1, 3)), torch.ones(len(scores), 12, dtype=scores.dtype))
    each_side = torch.full((len(scores), 2, 4), 12 / 8, dtype=scores.dtype)
    torch.testing.assert_close(of_neuron[:, :2].sum(2), each_side, atol=1e-3, rtol=0)
    torch.testing.assert_close(of_input.sum(2), torch.ones_like(of_input[:, :, 0]))
    for share, alone in zip((of_neuron, of_input), compete(scores[:, 2:], 1, 60), strict=True):
        torch.testing.assert_close(share[:, 2:], alone)
