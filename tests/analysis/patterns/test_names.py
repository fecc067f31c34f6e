"""Names that follow from patterns are those that the order parameters give."""

from collections.abc import Sequence

import numpy as np
import pytest

from analysis.patterns.explain import explain
from tests.support.known_networks import Known, l1_norm, table


def test_names_by_patterns_agree_with_the_known_networks():
    check([one for one in table() if one.network.dimension <= 8])


@pytest.mark.slow
def test_names_by_patterns_agree_with_all_known_networks():
    check(table())


def check(known: Sequence[Known]) -> None:
    agree = [explain(one.network, l1_norm).algorithm == one.algorithm for one in known]
    assert np.mean(agree) >= 0.99
