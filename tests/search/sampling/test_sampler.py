"""PhaseBoundarySampler: Optuna's own conformance tests, and what it promises beyond them."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase
from optuna.trial import TrialState, create_trial

from benchmarks.boundaries.synthetic import random_truth
from search.sampling.sampler import PhaseBoundarySampler, edges

SPACE = {"beta": FloatDistribution(1e-9, 1e-1, log=True), "dimension": IntDistribution(4, 16)}


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.filterwarnings("ignore:study 'no-name")  # of their trials, none of which has a phase
class TestConformance(BasicSamplerTestCase, RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: PhaseBoundarySampler(seed=0)


def study_of(rows, *, space=SPACE, **options):
    """A study whose trials have these (β, dimension, phase), None for a phase that is not known yet."""
    study = optuna.create_study(sampler=PhaseBoundarySampler(**{"seed": 0} | options))
    for beta, dimension, phase in rows:
        study.add_trial(
            create_trial(
                params={"beta": beta, "dimension": dimension},
                distributions=space,
                state=TrialState.COMPLETE if phase else TrialState.RUNNING,
                value=0.0 if phase else None,
                user_attrs={"phase": phase} if phase else {},
            )
        )
    return study


def labelled(count, *, kind="slanted", seed=0):
    rng = np.random.default_rng(seed)
    truth = random_truth(kind, rng)
    beta, dimension = 10 ** rng.uniform(-9, -1, count), rng.integers(4, 17, count)
    return truth, [
        (float(b), int(n), str(phase))
        for b, n, phase in zip(beta, dimension, truth.draw(beta, dimension, rng), strict=True)
    ]


def asked(study, count, space=SPACE):
    return [study.ask(space).params for _ in range(count)]


def decades(params):
    return np.array([np.log10(each["beta"]) for each in params])


def one_boundary(count=60):
    """a below β = 1e-5, b above, at all dimensions; well known everywhere but there."""
    rng = np.random.default_rng(1)
    log_beta = np.linspace(-8.9, -1.1, count)
    return [
        (float(10**each), int(n), "a" if each < -5 else "b")
        for each, n in zip(log_beta, rng.integers(4, 17, count), strict=True)
    ]


def test_it_looks_at_boundaries_once_it_knows_the_rest():
    near = np.abs(decades(asked(study_of(one_boundary()), 16)) + 5) < 1
    assert near.mean() > 0.6  # a quarter of the map; at random it would be 0.25


def test_a_batch_is_spread():
    for known, batch in ((0, 64), (100, 64)):
        study = study_of(labelled(known)[1])
        places = {(round(float(each)), n["dimension"]) for n in asked(study, batch) for each in decades([n])}
        assert len(places) > 30 if known == 0 else len(places) > 15


def test_pending_trials_are_not_asked_again():
    rows = one_boundary()
    first = asked(study_of(rows), 1)[0]
    again = asked(study_of([*rows, *[(first["beta"], first["dimension"], None)] * 4]), 1)[0]
    assert again != first


def test_costly_dimensions_are_asked_less():
    _, rows = labelled(60)
    mean = {
        name: np.mean([each["dimension"] for each in asked(study_of(rows, **options), 24)])
        for name, options in (("cost", {"cost": edges}), ("equal", {}))
    }
    assert mean["cost"] < mean["equal"] - 1


def test_two_processes_with_one_seed_agree():
    """What one sampler, warm, asks for is what a fresh one asks for that reads the same trials."""
    _, rows = labelled(40)
    warm = study_of(rows)
    for *_, phase in labelled(12)[1]:
        trial = warm.ask(SPACE)
        trial.set_user_attr("phase", phase)
        warm.tell(trial, 0.0)
    fresh = optuna.create_study(sampler=PhaseBoundarySampler(seed=0))
    fresh.add_trials(warm.trials)
    assert asked(fresh, 3) == asked(warm, 3)
    assert asked(study_of(rows, seed=1), 1) != asked(study_of(rows, seed=2), 1)


def test_failed_and_unlabelled_trials_count_for_nothing():
    _, rows = labelled(40)
    study, other = study_of(rows), study_of(rows)
    first = other.ask(SPACE)
    other.tell(first, state=TrialState.FAIL)
    other.tell(other.ask(SPACE), 0.0)  # complete, but nobody said what it was
    np.testing.assert_array_equal(
        study.sampler.predict_proba(study, [1e-5], [8])[0], other.sampler.predict_proba(other, [1e-5], [8])[0]
    )


@pytest.mark.parametrize(
    ("distribution", "options", "allowed"),
    [
        (IntDistribution(4, 16), {"dimensions": (4, 8, 16)}, {4, 8, 16}),
        (CategoricalDistribution([4, 8, 16]), {}, {4, 8, 16}),
        (IntDistribution(4, 16, step=4), {}, {4, 8, 12, 16}),
        (IntDistribution(6, 6), {}, {6}),
        (IntDistribution(1, 64, log=True), {}, set(range(1, 65))),
    ],
)
def test_only_allowed_dimensions_are_asked(distribution, options, allowed):
    space = SPACE | {"dimension": distribution}
    study = optuna.create_study(sampler=PhaseBoundarySampler(seed=0, **options))
    for index in range(24):
        trial = study.ask(space)
        trial.set_user_attr("phase", "a" if trial.params["beta"] < 1e-5 else "b")
        study.tell(trial, 0.0)
        assert trial.params["dimension"] in allowed, index
    assert len({trial.params["dimension"] for trial in study.trials}) > min(2, len(allowed) - 1)


def test_beta_alone_is_a_map_in_one_dimension():
    study = optuna.create_study(sampler=PhaseBoundarySampler(seed=0))
    for _ in range(40):
        trial = study.ask({"beta": SPACE["beta"]})
        trial.set_user_attr("phase", "a" if trial.params["beta"] < 3e-6 else "b")
        study.tell(trial, 0.0)
    probabilities, labels = study.sampler.predict_proba(study, [1e-6, 1e-5])
    assert labels == ["a", "b"] and probabilities[0, 0] > 0.9 and probabilities[1, 1] > 0.9


def test_prediction_is_near_the_truth():
    truth, rows = labelled(300)
    study = study_of(rows)
    beta, dimension = np.logspace(-8.5, -1.5, 50), np.full(50, 9)
    probabilities, labels = study.sampler.predict_proba(study, beta, dimension)
    true = truth.probabilities(beta, dimension)[:, [truth.names.index(label) for label in labels]]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert np.abs(probabilities - true).mean() < 0.04


def test_a_coin_flip_draws_no_trials():
    """The two labels of the coin keep their own probabilities, and the interior of the phase is left alone."""
    rng = np.random.default_rng(2)
    rows = [
        (beta, n, str(rng.choice(["heads", "tails"])) if phase == "a" else phase) for beta, n, phase in one_boundary()
    ]
    study = study_of(rows)
    probabilities, labels = study.sampler.predict_proba(study, [1e-8], [8])
    assert labels == ["b", "heads", "tails"]
    heads, tails = (sum(phase == side for *_, phase in rows) for side in ("heads", "tails"))
    assert probabilities[0, 1] == pytest.approx(heads / (heads + tails), abs=0.03)
    assert (decades(asked(study, 16)) < -6).mean() < 0.4
    named = study_of(rows, merge={"heads": "coin", "tails": "coin"})
    np.testing.assert_allclose(named.sampler.predict_proba(named, [1e-8], [8])[0], probabilities, atol=0.02)


def test_a_label_never_seen_is_taken_in():
    _, rows = labelled(60)
    study = study_of([*rows, (1e-8, 10, "surprise")])
    probabilities, labels = study.sampler.predict_proba(study, [1e-8, 1e-3], [10, 10])
    at = labels.index("surprise")
    assert probabilities[0, at] > 0.05 > probabilities[1, at]


def test_shares_of_drawn_networks_are_used():
    rows = one_boundary()
    study, other = study_of(rows), study_of(rows)
    for each, attributes in ((study, {}), (other, {"phase_shares": {"a": 0.6, "b": 0.4}})):
        each.add_trial(
            create_trial(
                params={"beta": 1.3e-5, "dimension": 8},
                distributions=SPACE,
                value=0.0,
                user_attrs={"phase": "a"} | attributes,
            )
        )
    plain, shared = (each.sampler.predict_proba(each, [1.3e-5], [8])[0][0, 0] for each in (study, other))
    assert shared < plain


def test_prediction_needs_labels():
    study = optuna.create_study(sampler=PhaseBoundarySampler())
    with pytest.raises(ValueError, match="no trial"):
        study.sampler.predict_proba(study, [1e-5], [4])
    study.ask(SPACE)
    with pytest.raises(ValueError, match="phase"):
        study.sampler.predict_proba(study, [1e-5], [4])
