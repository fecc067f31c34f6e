"""StudyFile: what it adds and reads is what Optuna's own storage would, in the same file."""

import datetime

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from search.sampling.study_file import StudyFile, add_finished

SPACE = {
    "rate": FloatDistribution(1e-5, 1.0, log=True),
    "width": IntDistribution(4, 16, log=True),
    "kind": CategoricalDistribution(["a", None, 3]),
}


@pytest.fixture
def study(tmp_path):
    return optuna.create_study(storage=StudyFile(f"sqlite:///{tmp_path}/study.db"), study_name="one")


def trials(count, **options):
    return [
        create_trial(
            params={"rate": 10.0 ** -(i % 5), "width": 4 + i % 13, "kind": ["a", None, 3][i % 3]},
            distributions=SPACE,
            user_attrs={"phase": "ä", "phase_shares": {"ä": 0.75, "b": 0.25}, "number": i},
            system_attrs={"by": [1, None]},
            **({"value": float(i)} | options),
        )
        for i in range(count)
    ]


def read_by_optuna(study, name="one"):
    backend = study._storage._backend
    return optuna.load_study(study_name=name, storage=str(backend.url)).trials


def test_what_is_added_is_what_optuna_reads(study):
    given = trials(7)
    add_finished(study, given)
    for found in (study.trials, read_by_optuna(study)):
        assert [trial.number for trial in found] == list(range(7))
        for trial, other in zip(found, given, strict=True):
            for name in ("params", "distributions", "user_attrs", "system_attrs", "values", "state", "datetime_start"):
                assert getattr(trial, name) == getattr(other, name)
    add_finished(study, trials(2, value=float("inf")))
    add_finished(study, [])
    assert [trial.value for trial in study.trials[-2:]] == [float("inf")] * 2
    assert study.trials == read_by_optuna(study)


def test_numbers_go_on_in_each_study_of_the_file(study):
    study.ask(SPACE)
    other = optuna.create_study(storage=StudyFile(study._storage._backend.url), study_name="two")
    add_finished(other, trials(3))
    add_finished(study, trials(2))
    study.ask(SPACE)
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    assert [trial.number for trial in other.trials] == [0, 1, 2] and other.trials == read_by_optuna(other, "two")


def test_it_reads_whatever_state_trials_are_in(study):
    study.add_trials([create_trial(state=TrialState.RUNNING) for _ in range(3)])  # asked for by their ids from now on
    assert len(study.trials) == 3
    first = study.ask(SPACE)
    first.report(0.5, 3)
    first.report(float("nan"), 4)
    assert study.trials[-1].intermediate_values.keys() == {3, 4}
    study.tell(first, state=TrialState.PRUNED)
    study.enqueue_trial({"rate": 0.1})
    assert [trial.state for trial in study.get_trials(states=(TrialState.PRUNED,))] == [TrialState.PRUNED]
    failed = study.ask()
    study.tell(failed, state=TrialState.FAIL)
    again, plain = study.trials, read_by_optuna(study)
    assert [trial.state for trial in again] == [trial.state for trial in plain]
    assert [trial.params for trial in again] == [trial.params for trial in plain]
    assert again[0].datetime_start == plain[0].datetime_start and isinstance(again[0].datetime_start, datetime.datetime)


def test_other_storages_take_trials_too():
    study = optuna.create_study()
    add_finished(study, trials(3))
    assert len(study.trials) == 3
