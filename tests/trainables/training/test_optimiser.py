import pytest
import torch
from torch import nn

from trainables.kernels.compile import library
from trainables.training.optimiser import PackAdam, one_cycle


class Toy(nn.Module):
    """Two parameters whose sizes are no multiples of anything."""

    def __init__(self, members: int):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.matrix = nn.Parameter(torch.randn(members, 5, 3, generator=generator))
        self.bias = nn.Parameter(torch.randn(members, 1, 3, generator=generator))

    def loss(self, x):
        """(members,): as steep as its member's number allows, so that some gradients are clipped and some are not."""
        steepness = 10.0 ** torch.arange(-2, len(x) - 2)
        return steepness * (torch.bmm(x, self.matrix) + self.bias).square().mean((1, 2))


@pytest.mark.parametrize("native", ["1", "0"])
def test_each_member_is_adam_with_its_own_clipping(native, monkeypatch):
    monkeypatch.setenv("HYPERPHASE_NATIVE", native)
    monkeypatch.setattr("trainables.training.optimiser.library", library.__wrapped__)  # not from an earlier test
    steps, members, clip, peak = 30, 5, 0.7, 1e-2
    toy = Toy(members)
    starts = [[p[k : k + 1].detach().clone().requires_grad_() for p in toy.parameters()] for k in range(members)]
    alone = [torch.optim.Adam(start, lr=1.0) for start in starts]
    together = PackAdam(toy, steps=steps, learning_rate=peak, clip=clip)
    inputs = torch.randn(steps, members, 4, 5, generator=torch.Generator().manual_seed(1))
    clipped = torch.zeros(members)
    for step, x in enumerate(inputs):
        norms = together.step(toy.loss(x))
        clipped += norms > clip
        for k, ((matrix, bias), adam) in enumerate(zip(starts, alone, strict=True)):
            adam.zero_grad()
            loss = 10.0 ** (k - 2) * (torch.bmm(x[k : k + 1], matrix) + bias).square().mean()
            loss.backward()
            norm = nn.utils.clip_grad_norm_([matrix, bias], clip)
            torch.testing.assert_close(norms[k], norm, rtol=1e-4, atol=1e-6)
            adam.param_groups[0]["lr"] = peak * one_cycle(step / steps)
            adam.step()
    for k, (matrix, bias) in enumerate(starts):
        torch.testing.assert_close(toy.matrix[k], matrix[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(toy.bias[k], bias[0], rtol=1e-4, atol=1e-5)
    assert clipped.min() == 0
    assert clipped.max() == steps  # both cases were there


def test_schedule():
    assert one_cycle(0.0) == pytest.approx(0.04)
    assert one_cycle(0.1) == pytest.approx(1.0)
    assert one_cycle(0.55) == pytest.approx(0.5)
    assert 0 < one_cycle(0.999) < 1e-4
    rates = [one_cycle(k / 1000) for k in range(1000)]
    assert rates[:101] == sorted(rates[:101])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert max(rates) <= 1


def test_the_learning_rate_may_stay_at_its_peak():
    assert one_cycle(0.05, 0.6) == one_cycle(0.05)
    assert {one_cycle(progress, 0.6) for progress in (0.1, 0.35, 0.6)} == {1.0}
    assert one_cycle(0.8, 0.6) == pytest.approx(0.5) and 0 < one_cycle(0.999, 0.6) < 1e-4
    assert one_cycle(0.3, 0.05) == one_cycle(0.3)  # not before the warm-up's end
