"""A small part of `make fuzz`."""

import pytest

from tests.fuzz.run import fuzz, judge


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_hostile_breaks_a_command(seed):
    assert fuzz(seed, 60) == []


def test_what_is_wrong_is_seen():
    assert judge(None, "did not end") and judge(3, "") and judge(1, "Traceback (most recent …") and judge(2, "")
    assert (
        judge(0, "") is None
        and judge(2, "hyperphase: a mistake\n") is None
        and judge(1, "3 trainings missing\n") is None
    )
