import pandas as pd
import pytest

from analysis.sweeps.dynamics import fractions, transitions


def _snapshots(paths: dict[str, list[str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"key": key, "dimension": 4, "beta": 1e-3, "seed": seed, "step": 10 ** (i + 1), "algorithm": a}
            for seed, (key, path) in enumerate(paths.items())
            for i, a in enumerate(path)
        ]
    )


PATHS = {
    "a": ["constant", "convexity", "pudding_positive"],
    "b": ["constant", "constant", "convexity"],
    "c": ["constant", "convexity", "constant"],
}


def test_fractions_sum_to_one_and_count_trainings():
    table = fractions(_snapshots(PATHS))
    assert table.sum(axis=1).to_numpy() == pytest.approx(1)
    assert table.loc[(4, 1e-3, 100), "convexity"] == pytest.approx(2 / 3)
    assert table.loc[(4, 1e-3, 10), "constant"] == 1
    assert list(table.columns) == ["constant", "convexity", "pudding_positive"]


def test_transitions_count_changes_only():
    graph = transitions(_snapshots(PATHS))
    assert graph.edges == {
        ("constant", "convexity"): 3,
        ("convexity", "constant"): 1,
        ("convexity", "pudding_positive"): 1,
    }
    assert graph.nodes["constant"] == {"start": 3, "end": 1, "visits": 3}
    assert graph.nodes["pudding_positive"] == {"start": 0, "end": 1, "visits": 1}


def test_transitions_follow_steps_whatever_the_order_of_rows():
    frame = _snapshots(PATHS)
    shuffled = frame.sample(frac=1, random_state=3)
    assert transitions(shuffled) == transitions(frame)


def test_a_training_that_never_changes_has_no_edges():
    graph = transitions(_snapshots({"a": ["convexity"] * 3}))
    assert list(graph.nodes) == ["convexity"] and not graph.edges
