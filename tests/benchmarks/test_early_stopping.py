"""Early stop by label: rules on paths whose end is known."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.early_stopping import read_paths, settled, settled_for_good, try_rule

STEPS = (10, 100, 500, 1000)


def paths_of(*rows):
    """Each row: dimension and a letter a snapshot."""
    return read_paths(
        pd.DataFrame(
            [
                {"key": f"k{index}", "dimension": n, "step": step, "algorithm": label, "purity": 1.0}
                for index, (n, labels) in enumerate(rows)
                for step, label in zip(STEPS, labels, strict=False)
            ]
        )
    )


def test_a_training_that_changes_late_is_a_wrong_stop():
    paths = paths_of((2, "aaaa"), (2, "aabb"), (4, "abab"))
    np.testing.assert_array_equal(settled_for_good(paths), [10, 500, 1000])
    found = try_rule(paths, evaluations=2, purity=0.9, least=0.0)
    assert (found.stopped, found.wrong) == pytest.approx((2 / 3, 1 / 2))
    assert found.saved == pytest.approx(0.9 * 8 / 24)  # two of n = 2 stop at a tenth of their steps
    assert found.saved_in_packs == pytest.approx(0.9 * 8 / 24)  # those of n = 2 are one pack, both stop at step 100
    late = try_rule(paths, evaluations=2, purity=0.9, least=0.5)
    assert (late.stopped, late.wrong, late.saved) == pytest.approx((1 / 3, 0.0, 0.5 * 4 / 24))
    assert late.saved_in_packs == 0  # the other one isn't settled


def test_mirror_images_are_one_and_torn_paths_are_left_out():
    paths = paths_of((2, ("pudding_positive", "pudding_negative") * 2), (2, "aa"))
    assert paths.labels.tolist() == [["pudding"] * 4]


def test_agreement_needs_snapshots_and_purity():
    labels = np.array(["b", "a", "a"])
    assert settled(labels, np.array([0.5, 0.9, 0.9]), evaluations=2, purity=0.9)
    assert not settled(labels, np.array([0.5, 0.8, 0.9]), evaluations=2, purity=0.9)
    assert not settled(labels, np.ones(3), evaluations=3, purity=0.0)
    assert not settled(labels[:1], np.ones(1), evaluations=2, purity=0.0)
