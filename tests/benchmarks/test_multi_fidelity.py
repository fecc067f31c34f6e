"""Looks at unfinished trainings, replayed: what counts, and what is compared."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.sweeps.experiment import HYPERNETWORK
from benchmarks.multi_fidelity import Looks, Pool, compare, corrected, in_turn, read, split


@pytest.fixture
def whole():
    """Ten values of β at two n, four trainings each; convexity above 1e-4."""
    beta, n, _ = (part.ravel() for part in np.meshgrid(np.geomspace(1e-8, 1, 10), [4.0, 8.0], range(4), indexing="ij"))
    return Pool(np.stack([beta, n], axis=1), np.where(beta > 1e-4, "convexity", "double_sided"))


SWEEP = SimpleNamespace(experiment=HYPERNETWORK)


def test_every_place_comes_once_before_any_comes_again(whole):
    rows = in_turn(whole.places, np.random.default_rng(0))
    assert sorted(rows) == list(range(80))
    for first in range(0, 80, 20):
        assert len(np.unique(whole.places[rows[first : first + 20]], axis=0)) == 20


def test_a_look_counts_as_what_became_of_those_that_looked_so():
    known = [("convexity", "convexity"), ("convexity", "pudding"), ("constant", "constant")]
    of_convexity, of_other = corrected(np.array(["convexity", "double_sided"]), known)
    assert of_convexity == {"convexity": pytest.approx(0.6), "pudding": pytest.approx(0.4)}
    assert of_other == {"double_sided": 1.0}


def test_right_looks_teach_more_than_the_whole_trainings_that_they_cost(whole):
    right = Looks(0.1, whole, whole.labels)
    found = split(SWEEP, whole, [right], 4, np.random.default_rng(1))
    assert found[0, "looks"][0] < found[-1, "whole"][0]


def test_wrong_looks_mislead_unless_whole_trainings_correct_them(whole):
    turned = np.where(whole.labels == "convexity", "double_sided", "convexity")
    found = split(SWEEP, whole, [Looks(0.5, Pool(whole.places, turned), whole.labels)], 20, np.random.default_rng(1))
    assert found[0, "looks"][1] > 0.9  # nearly all named wrongly
    assert found[0, "both"][1] < 0.2


def test_a_line_a_budget_and_look(whole):
    looks = [Looks(share, whole, whole.labels) for share in (0.25, 0.5)]
    lines = compare(SWEEP, whole, looks, "snapshot", budgets=[0.2, 0.4], splits=2)
    assert [line.split(" | ")[:3] for line in lines] == [
        [f"| snapshot, {share} of the steps", "100%", budget] for budget in ("4", "8") for share in ("25%", "50%")
    ]


def test_a_sweep_is_read_with_its_snapshots(monkeypatch):
    done = pd.DataFrame({"key": ["b", "a"], "beta": [1.0, 0.1], "dimension": [4, 4],
                         "algorithm": ["constant", "pudding_negative"]})  # fmt: skip
    snapshots = pd.DataFrame(
        [("a", 10, "convexity"), ("a", 40, "pudding_negative"), ("b", 10, "constant"), ("b", 40, "constant")],
        columns=["key", "step", "algorithm"],
    )
    sweep = SimpleNamespace(done=done, snapshots=snapshots, experiment=HYPERNETWORK)
    monkeypatch.setattr("benchmarks.multi_fidelity.load_sweep", lambda folder: sweep)
    _, whole, [look] = read("somewhere")
    assert list(whole.labels) == ["pudding", "constant"] and list(whole.places[:, 0]) == [0.1, 1.0]
    assert look.share == 0.25 and list(look.pool.labels) == ["convexity", "constant"]
