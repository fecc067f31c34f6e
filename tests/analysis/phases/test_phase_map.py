"""The phase map: probabilities, repeated places, merging, odd shapes of tables."""

import numpy as np
import pytest

from analysis.errors import UserError
from analysis.phases import softmax_gp
from analysis.phases.phase_map import fit_phase_map
from analysis.phases.softmax_gp import Hyperparameters, laplace, make_basis
from benchmarks.boundaries.synthetic import random_truth, sweep_design


@pytest.fixture(scope="module")
def slanted():
    rng = np.random.default_rng(4)
    truth = random_truth("slanted", rng)
    x, y = sweep_design("scattered", rng)
    return truth, fit_phase_map(x, y, truth.draw(x, y, rng), log_x=True, log_y=True)


def test_probabilities_are_near_the_truth(slanted):
    truth, phase_map = slanted
    x, y = 10 ** np.random.default_rng(0).uniform(-8.5, -1.5, 400), np.full(400, 9.0)
    found = phase_map.probabilities(x, y)
    true = truth.probabilities(x, y)[:, [truth.names.index(label) for label in phase_map.labels]]
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    assert np.abs(found - true).mean() < 0.03
    assert (found.argmax(axis=1) == true.argmax(axis=1)).mean() > 0.93


def test_the_band_holds_the_mean_and_the_truth_mostly(slanted):
    truth, phase_map = slanted
    x, y = np.logspace(-8, -2, 200), np.full(200, 6.0)
    low, high = phase_map.probability_band(x, y)
    true = truth.probabilities(x, y)[:, [truth.names.index(label) for label in phase_map.labels]]
    uncertain = (true > 0.05) & (true < 0.95)
    assert ((low <= true) & (true <= high))[uncertain].mean() > 0.7
    assert (high - low).max() > 0.2  # it isn't a band that holds nothing, nor everything
    assert np.median(high - low) < 0.1


def test_repeated_places_count_as_often_as_they_come():
    x, y = np.tile([1.0, 2.0, 3.0, 4.0], 2), np.repeat([1.0, 2.0], 4)
    labels = np.where(x < 2.5, "a", "b")
    once = fit_phase_map(x, y, labels, rounds=0)
    often = fit_phase_map(np.tile(x, 10), np.tile(y, 10), np.tile(labels, 10), rounds=0)
    assert len(often.x) == 80
    edge = ([2.0], [1.0])
    assert often.probabilities(*edge)[0, 0] > once.probabilities(*edge)[0, 0] > 0.5


def test_the_same_table_gives_the_same_map_in_any_order():
    rng = np.random.default_rng(0)
    truth = random_truth("parallel", rng)
    x, y = sweep_design("few", rng)
    labels = truth.draw(x, y, rng)
    order = rng.permutation(len(x))
    first = fit_phase_map(x, y, labels, log_x=True).probabilities(x, y)
    second = fit_phase_map(x[order], y[order], labels[order], log_x=True).probabilities(x, y)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_merging_joins_mirror_labels():
    x = np.linspace(0, 1, 24)
    labels = np.where(x < 0.5, np.where(np.arange(24) % 2, "pudding_positive", "pudding_negative"), "convexity")
    merge = {"pudding_positive": "pudding", "pudding_negative": "pudding"}
    phase_map = fit_phase_map(x, np.ones(24), labels, merge=merge, rounds=0)
    assert phase_map.labels == ("convexity", "pudding")
    assert phase_map.most_probable([0.1, 0.9], [1.0, 1.0]).tolist() == ["pudding", "convexity"]


def test_one_label_is_a_certain_map():
    phase_map = fit_phase_map([1.0, 2.0, 3.0], [4.0, 4.0, 6.0], ["a", "a", "a"])
    np.testing.assert_allclose(phase_map.probabilities([1.5], [5.0]), [[1.0]])


def test_a_mislabelled_point_does_not_make_an_island():
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(0, 1, 15), np.arange(8.0)))
    labels = np.where(x < 0.5, "a", "b").astype(object)
    labels[np.flatnonzero((x < 0.1) & (y == 4))[0]] = "b"
    assert fit_phase_map(x, y, labels).most_probable([0.0, 0.07], [4.0, 4.0]).tolist() == ["a", "a"]


def test_the_time_axis_is_served():
    beta, step = (part.ravel() for part in np.meshgrid(np.logspace(-6, -1, 12), np.logspace(1, 4, 10)))
    labels = np.where(np.log10(step) > 1.5 - 0.4 * np.log10(beta), "learned", "constant")
    phase_map = fit_phase_map(beta, step, labels, log_x=True, log_y=True, y_name="step")
    assert phase_map.most_probable([1e-1, 1e-6], [5000.0, 30.0]).tolist() == ["learned", "constant"]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1.0, np.nan], [1.0, 1.0], "beta is not a finite number in row 2"),
        ([1.0, 0.0], [1.0, 1.0], "logarithmic beta must be positive; row 2 has 0"),
        ([1.0], [1.0, 1.0], "differ in length"),
    ],
)
def test_bad_columns_are_named(x, y, message):
    with pytest.raises(UserError, match=message):
        fit_phase_map(x, y, ["a", "b"], log_x=True, x_name="beta")


def test_the_laplace_mode_has_no_slope():
    """The gradient of the log posterior at the mode, by finite differences of the evidence's own objective."""
    from analysis.phases.softmax_gp import _objective, contrasts

    rng = np.random.default_rng(0)
    basis = make_basis(8, 3)
    u, v = rng.uniform(-1, 1, 30), rng.choice([-1.0, 0.0, 1.0], 30)
    counts = np.eye(3)[(u > -0.2).astype(int) + (u > 0.5)]
    features = basis.features(u, v)
    fitted = laplace(basis, features, counts, Hyperparameters(noise=0.05), tolerance=1e-9)
    scaled = features[:, fitted.kept] * fitted.scale

    def value(mode):
        return _objective(scaled, mode, contrasts(3), counts, 0.05)[0]

    for _ in range(5):
        direction = rng.standard_normal(fitted.mode.shape)
        step = 1e-4 * direction / np.linalg.norm(direction)
        assert abs(value(fitted.mode + step) - value(fitted.mode - step)) / 2e-4 < 1e-3


def test_a_fit_is_little_work_for_a_sampler(monkeypatch):
    """With settings given, few factorisations of a small matrix: what its milliseconds are spent on."""
    factored, precision = [], softmax_gp._precision

    def noted(scaled, fisher):
        found = precision(scaled, fisher)
        factored.append(len(found))
        return found

    monkeypatch.setattr(softmax_gp, "_precision", noted)
    rng = np.random.default_rng(0)
    truth = random_truth("slanted", rng)
    x, y = 10 ** rng.uniform(-9, -1, 500), rng.integers(4, 17, 500)
    fit_phase_map(x, y, truth.draw(x, y, rng), log_x=True, settings=Hyperparameters(trend=24), rounds=0, draws=64)
    assert 1 <= len(factored) <= 15 and max(factored) < 300
