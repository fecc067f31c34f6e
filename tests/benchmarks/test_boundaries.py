"""The boundary benchmark's arithmetic: known curves in, known ratios out."""

import numpy as np
import pytest

from benchmarks.boundaries.designs import grid
from benchmarks.boundaries.run import measure
from benchmarks.boundaries.scores import Evaluation, predict
from benchmarks.boundaries.summary import OWN_MAP, Curves, reach, summary
from benchmarks.boundaries.synthetic import random_truth
from benchmarks.coverage import gaps


def row(sampler, factor, *, scene="slanted", repetition=1, **more):
    """Its error is factor / trials."""
    trials = np.array([16, 32, 64, 128, 256])
    area = factor / trials
    return {"scene": scene, "repetition": repetition, "sampler": sampler, "trials": trials.tolist(), "ask_ms": 1.0,
            "cost": (10 * trials).tolist(), "area": area.tolist()} | more  # fmt: skip


def test_a_mark_is_reached_for_good_or_not_at_all():
    assert reach([16, 32, 64], [0.2, 0.05, 0.02], 0.05) == (pytest.approx(32), True)
    assert reach([16, 32, 64], [0.04, 0.1, 0.025], 0.05)[0] == pytest.approx(32 * 2**0.5)  # not at 16: it rose again
    assert reach([16, 32, 64], [0.2, 0.1, 0.06], 0.05) == (64, False)


def test_half_the_error_is_half_the_trials():
    rows = [row(*each, repetition=r) for r in (1, 2, 3) for each in (("grid", 4.0), ("phase boundary", 2.0))]
    curves = Curves(rows)
    found = curves.ratios("phase boundary", "grid", "trials", 0.05, [1, 2, 3])
    assert found["slanted"] == (pytest.approx(0.5), True)
    assert curves.interval("phase boundary", "grid", "cost", 0.05) == "0.50 (0.50–0.50)"


def test_each_sampler_is_compared_in_the_repetitions_that_it_has():
    rows = [row("grid", 4.0, repetition=r) for r in (1, 2, 3)]
    rows += [row("aiphad", 3.0, repetition=1, own_area=[1.0] * 5)]
    curves = Curves(rows)
    assert curves.repetitions("aiphad", "grid") == [1]
    text = summary(rows)
    assert "| aiphad | 1 |" in text and f"| aiphad{OWN_MAP} | 1 |" in text and "| grid | 3 |" in text


def test_a_grid_has_about_as_many_cells_as_asked_and_covers_the_map():
    for trials in (16, 96, 768):
        places = grid(trials)
        assert 0.85 * trials < len(places) <= trials
        assert np.ptp(places[:, 0]) > 5 and np.ptp(places[:, 1]) > 5


def test_the_truth_itself_scores_nothing_wrong():
    truth = random_truth("coin_flip", np.random.default_rng(3))
    evaluation = Evaluation(truth)
    scores = evaluation.scores(evaluation.share, evaluation.names)
    assert scores["area"] == scores["brier"] == 0 and scores["boundary"] < 0.1
    points = grid(96)
    labels = [
        truth.merge.get(each, each) for each in truth.draw(10 ** points[:, 0], points[:, 1], np.random.default_rng(0))
    ]
    assert 0 < evaluation.scores(*predict(evaluation, points, labels))["area"] < 0.25


def test_one_measurement_from_end_to_end():
    found = measure("sharp", 5, "phase boundary", trials=32)
    assert found["trials"] == [16, 24, 32] and len(found["area"]) == 3 and found["area"][-1] < 0.5
    assert found["cost"] == sorted(found["cost"])


def test_bands_of_sharp_boundaries_are_nearly_as_wide_as_their_gaps():
    covered, error, band = gaps(8, draws=20_000)
    assert 0.5 < band < 8 / 9  # decades: the gap is 8/9, a line through three of them knows a little more
    assert covered > 0.5 and 0 < error < 0.2
