"""PhaseBoundarySampler in a stranger's study: axes by name, scales, maps of categories, and what it warns of."""

import doctest
import warnings
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from search.sampling.distributions import allowed, make_axis, random_value, snap, spread
from search.sampling.sampler import PhaseBoundarySampler
from search.sampling.space import Space, assign_roles
from search.sampling.trials import as_shares

RATE, DECAY = FloatDistribution(1e-5, 1.0, log=True), FloatDistribution(0.0, 1.0)
SPACE = {"learning_rate": RATE, "weight_decay": DECAY}


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def run(space, phase_of, count=64, *, batch=8, attributes=None, **options):
    """A study of `count` trials in batches, labelled by phase_of(params)."""
    study = optuna.create_study(sampler=PhaseBoundarySampler(**{"seed": 0} | options))
    for _ in range(count // batch):
        for trial in [study.ask(space) for _ in range(batch)]:
            phase = phase_of(trial.params)
            if phase is not None:
                trial.set_user_attr("phase", phase)
            for name, value in (attributes or {}).items():
                trial.set_user_attr(name, value)
            study.tell(trial, 0.0)
    return study


def values(study, name):
    return np.array([trial.params[name] for trial in study.trials], float)


def texts(record):
    return [str(each.message) for each in record]


@pytest.mark.parametrize("axes", [None, ("learning_rate", "weight_decay"), ("weight_decay", "learning_rate")])
def test_two_axes_of_any_name_along_whichever_phases_change(axes):
    for name, other, at in (("weight_decay", "learning_rate", 0.3), ("learning_rate", "weight_decay", 1e-2)):
        study = run(SPACE, lambda params, name=name, at=at: "above" if params[name] > at else "below", axes=axes)
        near = [at - 0.05, at + 0.05] if name == "weight_decay" else [at / 1.8, at * 1.8]  # a twentieth of the axis
        probabilities, labels = study.sampler.predict_proba(study, **{name: near, other: 0.1})
        assert [labels[k] for k in probabilities.argmax(axis=1)] == ["below", "above"]


def test_scales_are_those_of_the_distributions():
    assert not make_axis(DECAY).log and make_axis(RATE).log
    assert not make_axis(FloatDistribution(0.1, 1.0)).log and not make_axis(IntDistribution(4, 16)).log
    assert make_axis(IntDistribution(4, 16, log=True)).log
    assert make_axis(CategoricalDistribution([4, 8, 16])).log and not make_axis(CategoricalDistribution([4, 6, 8])).log
    space = {"x": FloatDistribution(1.0, 10_000.0), "y": FloatDistribution(1.0, 10_000.0)}
    study = run(space, lambda params: "a" if params["x"] > 5000 else "b", 48)
    assert 3000 < np.median(values(study, "y")) < 7000  # not crowded at one end


def test_the_example_of_the_page_on_optuna():
    page = Path(__file__).parents[3] / "docs" / "optuna.md"
    found = doctest.testfile(str(page), module_relative=False)
    assert found.attempted > 5 and found.failed == 0


def test_one_and_three_axes():
    study = run({"x": DECAY}, lambda params: "a" if params["x"] > 0.7 else "b", 40)
    assert study.sampler.predict_proba(study, x=[0.65, 0.75])[0][:, 0].round().tolist() == [0.0, 1.0]
    three = {"x": DECAY, "y": RATE, "z": FloatDistribution(-1.0, 1.0)}
    study = run(three, lambda params: "a" if params["z"] > 0.2 + 0.4 * params["x"] else "b", 96, batch=16)
    at = np.random.default_rng(0).uniform((0, -5, -1), (1, 0, 1), (400, 3))
    probabilities, labels = study.sampler.predict_proba(study, at[:, 0], 10 ** at[:, 1], at[:, 2])
    true = at[:, 2] > 0.2 + 0.4 * at[:, 0]
    assert ((probabilities[:, labels.index("a")] > 0.5) != true).mean() < 0.05


def test_categories_are_maps_of_their_own():
    space = SPACE | {"optimiser": CategoricalDistribution(["adam", "sgd"])}
    at = {"adam": 1e-2, "sgd": 1e-4}
    study = run(space, lambda params: "high" if params["learning_rate"] > at[params["optimiser"]] else "low", 96)
    assert set(study.trials[-1].params) == set(space)
    for optimiser, other in (("adam", "sgd"), ("sgd", "adam")):
        trials = [trial for trial in study.trials if trial.params["optimiser"] == optimiser]
        assert len(trials) > 32
        probabilities, labels = study.sampler.predict_proba(
            study, [at[optimiser] / 4, at[optimiser] * 4], 0.5, optimiser=optimiser
        )
        assert [labels[k] for k in probabilities.argmax(axis=1)] == ["low", "high"], other
    with pytest.raises(ValueError, match="optimiser"):
        study.sampler.predict_proba(study, 1e-3, 0.5)
    with pytest.raises(ValueError, match="adam"):
        study.sampler.predict_proba(study, 1e-3, 0.5, optimiser="lion")


def test_a_parameter_of_numeric_choices_may_be_an_axis():
    space = {"width": CategoricalDistribution([8, 16, 32, 64]), "rate": RATE}
    study = run(space, lambda params: "a" if params["width"] * params["rate"] > 0.1 else "b", axes=("rate", "width"))
    assert {type(trial.params["width"]) for trial in study.trials} == {int}
    probabilities, labels = study.sampler.predict_proba(study, rate=[1e-4, 1e-1], width=16)
    assert [labels[k] for k in probabilities.argmax(axis=1)] == ["b", "a"]
    assert assign_roles(space).categories == ("width",)


def test_cost_is_asked_by_name():
    def phase(params):
        return "a" if params["learning_rate"] > 1e-3 else "b"

    cheap = run(SPACE, phase, cost=lambda weight_decay: 0.01 + weight_decay**2)
    equal = run(SPACE, phase)
    assert values(cheap, "weight_decay").mean() < values(equal, "weight_decay").mean() - 0.1
    last = run(SPACE, phase, 24, cost=lambda x: 0.01 + x**2)  # one argument of another name: the last axis
    named = run(SPACE, phase, 24, cost=lambda weight_decay: 0.01 + weight_decay**2)
    assert [trial.params for trial in last.trials] == [trial.params for trial in named.trials]
    for wrong in (lambda weight_decay: -weight_decay, lambda weight_decay: np.full(len(weight_decay), np.nan)):
        with pytest.raises(ValueError, match="positive"):
            run(SPACE, phase, 24, cost=wrong)


def test_trials_without_a_phase_are_spread_and_told_once():
    with pytest.warns(UserWarning) as record:
        study = run(SPACE, lambda params: None, 40)
    assert len(record) == 1 and "without a phase" in texts(record)[0] and "set_user_attr('phase'" in texts(record)[0]
    for name, f in (("weight_decay", lambda x: 5 * x), ("learning_rate", lambda x: np.log10(x) + 5)):
        assert np.bincount(f(values(study, name)).astype(int).clip(0, 4), minlength=5).min() >= 3


def test_a_place_that_fails_is_not_asked_for_ever():
    """Trainings beyond a learning rate of 1e-2 diverge, and say nothing."""
    study = optuna.create_study(sampler=PhaseBoundarySampler(seed=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(64):
            trial = study.ask(SPACE)
            if trial.params["learning_rate"] > 1e-2:
                study.tell(trial, state=TrialState.FAIL)
            else:
                trial.set_user_attr("phase", "a" if trial.params["learning_rate"] > 1e-4 else "b")
                study.tell(trial, 0.0)
    failed = [trial.state == TrialState.FAIL for trial in study.trials]
    assert sum(failed) < 32


def test_a_phase_of_a_failed_trial_is_told():
    study = optuna.create_study(sampler=PhaseBoundarySampler(seed=0))
    with pytest.warns(UserWarning) as record:
        for _ in range(4):
            trial = study.ask(SPACE)
            trial.set_user_attr("phase", "diverged")
            study.tell(trial, float("nan"))
    assert sum("failed or were pruned" in text for text in texts(record)) == 1


@pytest.mark.parametrize(
    "shares",
    [
        {"c": 1.0},
        {"a": float("nan"), "b": 1.0},
        {"a": -1.0, "b": 2.0},
        {},
        [0.5, 0.5],
        "a",
        {"a": "most"},
        {"a": 0, "b": 1},
    ],
)
def test_shares_that_do_not_match_are_told_once_and_ignored(shares):
    def phase(params):
        return "a" if params["weight_decay"] > 0.3 else "b"

    with pytest.warns(UserWarning) as record:
        study = run(SPACE, phase, 40, attributes={"phase_shares": shares})
    assert [text for text in texts(record) if "phase_shares" in text] == texts(record)
    assert len(record) == 1
    plain = run(SPACE, phase, 40)
    np.testing.assert_array_equal(
        *(each.sampler.predict_proba(each, 1e-3, [0.1, 0.29, 0.5])[0] for each in (study, plain))
    )


def test_shares():
    assert as_shares({"a": 0.75, "b": 0.25}, "a") == {"a": 0.75, "b": 0.25}
    assert as_shares({"a": 30, "b": 10, "c": 0}, "b") == {"a": 0.75, "b": 0.25}  # counts: one training is one label
    assert as_shares({"a": 0.5}, "a") == {"a": 0.5}
    assert as_shares({"b": 1.0}, "a") is None


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        (SPACE, {"axes": ("rate",)}, "'rate' (named as an axis, but not among"),
        (SPACE | {"kind": CategoricalDistribution(["a", "b"])}, {"axes": ("kind",)}, "'kind' (named as an axis"),
        (dict.fromkeys("abcd", DECAY), {}, "'d' (a map has at most 3 axes, here a, b, c)"),
        ({"beta": RATE, "depth": IntDistribution(1, 4)}, {}, "'depth' (beta are"),
        ({"kind": CategoricalDistribution(["a", "b"])}, {}, "'kind' (there is no numeric parameter to map)"),
        (SPACE | {"kind": CategoricalDistribution(list(range(17)))}, {}, "'kind' (its 17 choices would make"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_mapped_are_told_once(space, options, message):
    with pytest.warns(UserWarning) as record:
        run(space, lambda params: "a", 24, **options)
    assert len(record) == 1 and message in texts(record)[0] and "axes=" in texts(record)[0]


def test_a_conditional_parameter_is_told():
    def objective(trial):
        trial.suggest_float("x", 0.0, 1.0)
        if trial.number % 2:
            trial.suggest_float("momentum", 0.0, 1.0)
        trial.set_user_attr("phase", "a")
        return 0.0

    study = optuna.create_study(sampler=PhaseBoundarySampler(seed=0))
    with pytest.warns(UserWarning, match=r"'momentum' \(not every completed trial has it\)") as record:
        study.optimize(objective, n_trials=20)
    assert len(record) == 1


def test_nothing_is_told_of_a_study_that_is_right():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(SPACE | {"optimiser": CategoricalDistribution(["adam", "sgd"])}, lambda params: "a", 24)
        run(dict.fromkeys("abcd", DECAY), lambda params: "a", 24, axes=("a", "d"))  # the rest at random, as asked
        run({"beta": RATE, "dimension": IntDistribution(2, 5)}, lambda params: "b", 24)


@pytest.mark.parametrize("axes", [(), ("a", "a"), ("a", "b", "c", "d")])
def test_axes_are_one_to_three(axes):
    with pytest.raises(ValueError, match="one to 3"):
        PhaseBoundarySampler(axes)


def test_what_discrete_axes_hold():
    rng = np.random.default_rng(0)
    large = IntDistribution(1000, 10**9, log=True)
    assert allowed(large) is None and large._contains(random_value(large, rng))
    found = spread(large, 10, rng, 3)
    assert found.shape == (3, 10) and (np.diff(np.log(found), axis=1) > 0).all() and (found == np.round(found)).all()
    stepped = FloatDistribution(-1.0, 1.0, step=0.25)
    np.testing.assert_allclose(snap(stepped, np.array([-2.0, 0.3, 0.9])), [-1.0, 0.25, 1.0])
    tenths = spread(IntDistribution(0, 99), 10, rng, 1)[0]  # one value of every ten, at the ends one more or less
    assert (np.abs(tenths - np.arange(4.5, 100, 10)) <= 6).all()
    few = spread(IntDistribution(3, 24, log=True), 11, rng, 40)  # each of the 22 as often as any other, two a cell
    np.testing.assert_array_equal((few - 3) // 2, np.tile(np.arange(11), (40, 1)))
    space = Space({"x": stepped}, assign_roles({"x": stepped}))
    assert set(space.lattice((36,), (0,), rng)[:, 0]) == set(np.arange(-1, 1.01, 0.25))


def test_values_of_a_short_axis_count_the_same_each():
    """An axis of few values is mapped as it is drawn, but none of its values matters more than another."""
    beta = FloatDistribution(1e-8, 1.0, log=True)
    short = {"beta": beta, "dimension": IntDistribution(4, 16, log=True)}
    space = Space(short, assign_roles(short))
    n = np.array([4.0, 5.0, 8.0, 16.0, 32.0])
    places = np.stack([np.full(5, 1e-4), n], axis=1)
    scaled = space.scale(places, (0, 1))
    np.testing.assert_allclose(scaled[:, 1], np.log2(n) - 3, atol=1e-12)
    even = np.stack([np.zeros(5), [-1, -5 / 6, -1 / 3, 1, 2]], axis=1)
    np.testing.assert_allclose(space.counted(scaled, (0, 1)), even, atol=1e-12)
    wide = {"beta": beta, "dimension": IntDistribution(4, 4000, log=True)}  # too many to ask about each
    space = Space(wide, assign_roles(wide))
    scaled = space.scale(places, (0, 1))
    np.testing.assert_array_equal(space.counted(scaled, (0, 1)), scaled)
    study = optuna.create_study(sampler=PhaseBoundarySampler(seed=0))
    asked = [study.ask(short).params["dimension"] for _ in range(16)]
    assert sum(one >= 10 for one in asked) >= 6, asked  # 7 of the 13 values, a third of the axis as it is drawn
