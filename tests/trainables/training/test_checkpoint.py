"""A pack that is stopped anywhere and goes on from its state ends with the bits of one that was never stopped."""

import pytest
import torch

from tests.trainables.training.test_bit_identity import FAILING, MEMBERS, RECIPE, assert_same_bits, one_thread  # noqa: F401
from trainables.training.loop import train_pack


class Stop(Exception):
    pass


class Memory:
    """Keeps the state after `step`, then stops the pack; or gives the rows of `keys` from what another kept."""

    def __init__(self, step=None, kept=None, rows=None):
        self.step, self.kept, self.rows, self.offered = step, kept, rows, 0

    def load(self):
        return self.kept and {name: array[self.rows] for name, array in self.kept.items()}

    def offer(self, state):
        self.offered += 1
        if self.offered == self.step:
            self.kept = state()
            raise Stop


@pytest.fixture(scope="module")
def undisturbed():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    results = {trained.member: trained for trained in train_pack(3, [*MEMBERS[:4], FAILING], RECIPE)}
    torch.set_num_threads(before)
    return results


def stopped_at(step: int) -> dict:
    memory = Memory(step)
    with pytest.raises(Stop):
        train_pack(3, [*MEMBERS[:4], FAILING], RECIPE, checkpoint=memory)
    return memory.kept


@pytest.mark.parametrize("step", [1, 2, 8, 12])  # before, at and after a look and the end of a block of noise
def test_going_on_changes_no_bit(undisturbed, step):
    memory = Memory(kept=stopped_at(step), rows=[0, 1, 2, 3, 4])
    resumed = train_pack(3, [*MEMBERS[:4], FAILING], RECIPE, checkpoint=memory)
    assert memory.offered == RECIPE.steps - 1 - step  # nothing is done again
    for trained in resumed[:4]:
        assert trained.status == "done"
        assert_same_bits(trained, undisturbed[trained.member])
    assert (resumed[4].status, resumed[4].reason) == ("failed", "loss not finite at step 1")


def test_some_of_the_members_go_on_in_any_order(undisturbed):
    resumed = train_pack(3, [MEMBERS[3], MEMBERS[1]], RECIPE, checkpoint=Memory(kept=stopped_at(7), rows=[3, 1]))
    for trained in resumed:
        assert_same_bits(trained, undisturbed[trained.member])


def test_the_seconds_of_both_halves_count():
    kept = stopped_at(5)
    kept["seconds"] = kept["seconds"] + 1e6  # more than any test takes
    resumed = train_pack(3, MEMBERS[:2], RECIPE, checkpoint=Memory(kept=kept, rows=[0, 1]))
    assert all(1e6 < trained.seconds < 2e6 for trained in resumed)
