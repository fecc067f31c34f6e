"""The peers' arithmetic is hyperphase's; here without a compiler. `make bench-peers` checks the compiled code."""

import pytest
import torch

from benchmarks.compiled_peers import RECIPE, TOLERANCE, TorchPeer, difference, rate_and_number
from trainables.models.hypernetwork import Hypernetwork, initialise
from trainables.training.noise import stream


@pytest.fixture
def uncompiled(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)


@pytest.mark.parametrize("n", [1, 3])
def test_losses_and_clipped_gradients_are_ours(uncompiled, n):
    network = Hypernetwork(3, RECIPE)
    initialise(network, [stream(seed, "parameters") for seed in range(3)])
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    assert difference(TorchPeer(n, parameters), network, n) < TOLERANCE
    changed = parameters | {"whole": parameters["whole"] + 0.1}  # and a peer that computes something else is found
    assert difference(TorchPeer(n, changed), network, n) > 10 * TOLERANCE


def test_a_step_moves_parameters_as_adam_does(uncompiled):
    """By the learning rate at first, wherever the gradient is not 0."""
    network = Hypernetwork(2, RECIPE)
    initialise(network, [stream(seed, "parameters") for seed in range(2)])
    before = {name: parameter.detach() for name, parameter in network.named_parameters()}
    peer = TorchPeer(3, before)
    peer.step()
    moved = (peer.state[0]["whole"] - before["whole"]).abs()
    assert moved.max() == pytest.approx(rate_and_number(1)[0], rel=0.01)
