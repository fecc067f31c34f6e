"""Refinement without Ray: what it asks for, when it stops, and what it does after a kill."""

import functools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.phases import phase_map
from analysis.phases.equilibrium import equilibrium
from analysis.sweeps.rounds import read_rounds, widths
from benchmarks.boundaries.worlds import made_up
from benchmarks.equilibrium_coverage import FINE, Front
from search.cli.main import main
from search.driver import sweep as driver
from search.driver.refine import Goal, refine
from search.driver.refine_equilibrium import EquilibriumBoundaries
from search.ledger import ledger
from tests.support.records import smoke

SETTINGS = ("mlflow.enabled=false", "grid.betas={from=1e-6, to=1, count=7}", "grid.dimensions=[2,3]", "grid.seeds=2")


@pytest.fixture
def swept(tmp_path, ray, monkeypatch):
    """A sweep whose trainings are convexity below β = 1e-3 and constant above."""
    ray["algorithm"] = lambda point: "convexity" if point.beta < 1.1e-3 else "constant"
    # fewer posterior draws: what is read of a map is tested elsewhere
    monkeypatch.setattr(
        "analysis.phases.phase_map.fit_phase_map", functools.partial(phase_map.fit_phase_map, draws=40, rounds=1)
    )
    config = smoke(*SETTINGS)
    assert driver.sweep(config, tmp_path, command=["hyperphase", "sweep"]) == 0
    return config, tmp_path


def refined(swept, **goal):
    config, folder = swept
    return refine(config, folder, Goal(**{"batch": 8} | goal), command=["hyperphase", "refine"])


def trials(folder, *states):
    storage = f"sqlite:///{folder / 'refine.db'}"
    study = optuna.load_study(study_name=optuna.get_all_study_names(storage)[0], storage=storage)
    return study.get_trials(deepcopy=False, states=states or None)


def test_it_asks_near_the_boundary_until_the_budget_is_spent(swept, ray, capsys):
    assert refined(swept, trainings=28, batch=16, width=1e-6) == 0
    assert ray["asked"] == [28, 16, 12]
    table = pd.read_parquet(swept[1] / "trainings.parquet")
    assert len(table) == 56 and table["key"].is_unique
    new = table[table["seed"] >= 2]
    assert len(new) == 28 and new["seed"].is_unique  # a seed of its own for each
    assert new["beta"].between(3e-4, 1e-2).mean() > 0.4  # a quarter of the axis
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("round 2: 12 trainings")]
    assert "convexity | constant" in out


def test_it_stops_when_the_bands_are_narrow(swept, ray, capsys):
    assert refined(swept, width=0.6) == 0
    first = read_rounds(swept[1])
    assert len(first) > 1 and widths(first[0].boundaries).max() > 0.6 >= widths(first[-1].boundaries).max()
    assert refined(swept, width=0.6) == 0  # nothing more to do: Ray is not asked again
    assert sum(ray["asked"]) == 28 + sum(len(each.keys) for each in first) and len(read_rounds(swept[1])) == len(first)


def test_a_killed_round_goes_on_with_what_it_lacks(swept, ray):
    ray["stop"] = (3, KeyboardInterrupt())
    assert refined(swept, trainings=8, width=1e-6) == 130
    running = trials(swept[1], optuna.trial.TrialState.RUNNING)
    asked = {trial.user_attrs["training"]["key"] for trial in running}
    assert len(asked) == 8
    ray["stop"] = None
    assert refined(swept, trainings=8, width=1e-6) == 0
    assert ray["asked"] == [28, 8, 5, 3]  # the five that were missing count to the new run's eight
    assert asked <= ledger.keys(swept[1] / "ledger")
    states = [trial.state.name for trial in trials(swept[1])]
    assert "RUNNING" not in states and states.count("COMPLETE") == 28 + 8 + 3


def test_asks_that_nobody_wrote_down_are_closed(swept, ray):
    refined(swept, trainings=1, width=1e-6)
    storage = f"sqlite:///{swept[1] / 'refine.db'}"
    study = optuna.load_study(study_name=optuna.get_all_study_names(storage)[0], storage=storage)
    study.ask()  # the driver died right after it
    refined(swept, trainings=1, width=1e-6)
    assert [trial.state.name for trial in trials(swept[1])].count("FAIL") == 1


CONVEXITY, CONSTANT = Front("exponential", 0.3, 0.7, 60.0, offset=1.0), Front("exponential", 1.0, 1e-9, 1e-6)


def test_equilibrium_boundaries_are_narrowed_from_errors_and_nats(swept, ray, capsys):
    """Found phases change at β = 1.1e-3, where the trainings are said to end in another; equilibrium is elsewhere."""
    config, folder = swept

    def measures(point):
        rng = np.random.default_rng([point.seed, int(1e9 * point.beta)])
        front = CONVEXITY if point.beta < 1.1e-3 else CONSTANT
        energy, nats = front.at(np.array(point.beta))
        return {"relative_error": float(energy * np.exp(0.02 * rng.standard_normal())), "complexity_nats": float(nats)}

    ray["measures"] = measures
    assert driver.sweep(config, folder.parent / "other", command=["hyperphase", "sweep"]) == 0
    folder = folder.parent / "other"
    assert refine(config, folder, Goal(batch=8, trainings=16, boundary="equilibrium", width=1e-3), command=["x"]) == 0
    rounds = read_rounds(folder)
    assert [each.kind for each in rounds] == ["equilibrium"] * 3 and [len(each.keys) for each in rounds] == [0, 8, 8]
    table, grid = rounds[-1].boundaries, FINE[CONVEXITY.objective(FINE) < CONSTANT.objective(FINE)]
    assert {(row.lower_phase, row.upper_phase) for row in table.itertuples()} == {("convexity", "constant")}
    assert (np.abs(np.log10(table["x"] / grid.max())) < 0.5).all() and grid.max() > 4e-3
    before = widths(rounds[0].boundaries)
    assert not len(before) or np.nanmedian(widths(table)) < np.median(before)
    assert "convexity | constant" in capsys.readouterr().out


def test_it_is_not_complete_while_an_algorithm_has_too_few_trainings_for_a_front():
    world = made_up("exponential", 0.4, [100, 0])
    world.train([(float(beta), n) for n in (8, 16) for beta in np.geomspace(1e-8, 1, 13) for _ in range(5)])
    bounds = EquilibriumBoundaries(SimpleNamespace(dimensions=(5, 8, 16)), Path("sweep"))
    assert not bounds.is_complete  # nothing is read yet

    def with_one(n):
        [rich, *_] = [row for row in world.rows if row[2] == "rich" and row[1] == 8]
        rows = [row for row in world.rows if row[2] != "rich"] + [(rich[0], n, *rich[2:])]
        bounds.found = equilibrium(*(np.array(part) for part in zip(*rows, strict=True)), log_x=True)
        return bounds.is_complete

    assert not with_one(8) and not with_one(16)
    assert with_one(5)  # nothing else is known there: a training went there to explore


def test_packs_that_fail_for_good_end_it(swept, ray, capsys):
    ray["stop"] = (2, "OSError: disk full")
    assert refined(swept, trainings=8, width=1e-6) == 1
    err = capsys.readouterr().err
    assert "disk full" in err and "6 trainings missing" in err.splitlines()[-1] and "hyperphase refine" in err


def test_the_study_can_be_thrown_away(swept, ray):
    refined(swept, trainings=8, width=1e-6)
    (swept[1] / "refine.db").unlink()
    refined(swept, trainings=4, width=1e-6)
    assert [trial.state.name for trial in trials(swept[1])].count("COMPLETE") == 28 + 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--width", "0"], "--width must be a number above 0, not 0"),
        (["--seconds", "inf"], "--seconds must be a number above 0, not inf"),
        (["--trainings", "-3"], "--trainings must be a number above 0 and at most 1,000,000, not -3"),
        (["--trainings", "1" + "0" * 30], "--trainings must be a number above 0 and at most 1,000,000"),
        (["--batch", "5000"], "--batch must be a number above 0 and at most 1,024, not 5000"),
        (["--dimensions", "0"], "--dimensions must be between 1 and 1024"),
        (["--dimensions", "4", "4"], "--dimensions names one twice"),
        (["--set", "grid.betas=[0.1]"], "only one β"),
    ],
)
def test_mistakes_are_one_line(swept, capsys, options, message):
    assert main(["refine", str(swept[1]), *options]) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1


def test_a_sweep_without_results_is_refused(tmp_path, ray, capsys):
    ray["stop"] = (0, "OSError: disk full")
    driver.sweep(smoke(*SETTINGS), tmp_path, command=["hyperphase", "sweep"])
    capsys.readouterr()
    with pytest.raises(UserError, match="no training has completed successfully"):
        refine(smoke(*SETTINGS), tmp_path, Goal(), command=["hyperphase", "refine"])
