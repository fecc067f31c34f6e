"""Every row finds its template, whatever the order of the inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.patterns.rows import Row, read_rows

ROWS = [
    ([3, 0, 0, 0, 0], Row("one", (0,), 3, 0, 0)),
    ([-0.5, -0.5, 3, -0.5, -0.5], Row("one", (2,), 3, 0, -0.5)),
    ([1, 1, 1, 1, 1], Row("all", (), 1, 0, 0)),
    ([0, 2, 0, -2, 0], Row("pair", (1, 3), 2, -2, 0)),
    ([0, 0.8, 0, 0, 2], Row("pair", (4, 1), 2, 0.8, 0)),
    ([0, 2, 0, 2, 0], Row("subset", (1, 3), 2, 0, 0)),
    ([1, 1, 0, 1, 1], Row("subset", (0, 1, 3, 4), 1, 0, 0)),
    ([2, 2, 2, 0, 0, 0, 0], Row("subset", (0, 1, 2), 2, 0, 0)),
    ([1, 0.45], Row("one", (0,), 1, 0, 0.45)),
    ([1, 1], Row("all", (), 1, 0, 0)),
    ([1, -1, 0], Row("pair", (0, 1), 1, -1, 0)),
    ([0.9, 0, 0.9], Row("subset", (0, 2), 0.9, 0, 0)),
    ([7], Row("all", (), 7, 0, 0)),
]


def read(row) -> Row:
    return read_rows(np.array([row], float))[0]


@pytest.mark.parametrize(("weights", "wanted"), ROWS, ids=lambda value: str(value))
def test_templates(weights, wanted):
    found = read(weights)
    assert (found.kind, found.members) == (wanted.kind, wanted.members)
    assert (found.main, found.partner, found.rest) == pytest.approx((wanted.main, wanted.partner, wanted.rest))
    assert found.unexplained == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.weights(len(weights)), weights, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from([case for case in ROWS if len(case[0]) > 2]), seed=st.integers(0, 2**32 - 1))
def test_permuted_inputs_permute_the_members(case, seed):
    weights, wanted = np.array(case[0], float), case[1]
    order = np.random.default_rng(seed).permutation(len(weights))
    found = read(weights[order])
    assert found.kind == wanted.kind
    assert {int(order[i]) for i in found.members} == set(wanted.members)


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from([case for case in ROWS if len(case[0]) > 2]), seed=st.integers(0, 2**32 - 1))
def test_small_noise_keeps_the_template(case, seed):
    weights = np.array(case[0], float)
    noisy = weights + 0.03 * np.abs(weights).max() * np.random.default_rng(seed).standard_normal(len(weights))
    assert read(noisy).kind == case[1].kind


def test_unstructured_rows_follow_no_template():
    rows = np.random.default_rng(0).standard_normal((400, 16))
    assert np.mean([row.kind == "dense" for row in read_rows(rows)]) > 0.99
