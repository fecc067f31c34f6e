"""hyperphase anneal: the ladder, trainings that go on from others, and what a second call does."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.report.write import write_report
from analysis.sweeps import annealing
from analysis.sweeps.load import load_sweep
from search.cli import main
from search.driver.anneal import Annealing, anneal
from search.ledger import ledger
from search.ledger.read_training import to_record
from search.sweep import tables
from search.sweep.annealing import ladder, rung_recipe
from search.sweep.experiment import experiment_of
from search.sweep.grid import expand
from search.sweep.state import State, read_state
from tests.support.records import smoke
from tests.support.small_sweep import train_here
from trainables.errors import TrainableError
from trainables.training.loop import Member, train_pack

BETAS = (1e-6, 1e-3, 1.0)


def config_of(*settings):
    return smoke(f"grid.betas={list(BETAS)}", "mlflow.enabled=false", *settings)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    config = config_of()
    return config, train_here(config, tmp_path_factory.mktemp("annealed") / "sweep")


def go_up_and_down(monkeypatch, log=None):
    """Trains in this process what the driver would have Ray train."""

    def train(config, folder, cluster, state, tracking):
        recipe = config.training.recipe()
        for point in state.missing:
            start = ledger.hypernetwork(folder.ledger, point.start)
            own = recipe.model_copy(update={"start": point.start})
            [trained] = train_pack(
                point.dimension, [Member(point.key, point.beta, point.seed)], recipe, starts=[start]
            )  # fmt: skip
            ledger.write(folder.ledger, to_record(trained, own, point.dimension))
            if log is not None:
                log.append(point)
        return []

    class Connected:
        __enter__ = __exit__ = lambda *any: None

    monkeypatch.setattr("search.driver.anneal.train", train)
    monkeypatch.setattr("search.driver.anneal.connected", lambda *any: Connected())


def test_rungs_go_up_and_down_each_from_the_one_before(swept):
    config, _ = swept
    grid = {point.key: point for point in expand(config)}
    rungs = ladder(config)
    assert [len(rung) for rung in rungs] == [4, 4]  # two seeds, two ways
    before = grid
    for rung in rungs:
        for point in rung:
            start = before[point.start]
            assert (start.seed, start.dimension) == (point.seed, point.dimension)
            assert abs(BETAS.index(start.beta) - BETAS.index(point.beta)) == 1
        before = {point.key: point for point in rung}
    assert len({point.key for rung in rungs for point in rung} | set(grid)) == 6 + 8
    assert {grid[point.start].beta for point in rungs[0]} == {BETAS[0], BETAS[-1]}


def test_a_rung_is_named_after_its_way_and_the_annealing(swept):
    config, _ = swept
    keys = {point.key for rung in ladder(config) for point in rung}
    for other in ("annealing.steps=0.5", "annealing.learning_rate=0.5", "training.steps=30", "grid.betas=[1e-6,1.0]"):
        changed = smoke(*([] if "betas" in other else [f"grid.betas={list(BETAS)}"]), other)
        assert not keys & {point.key for rung in ladder(changed) for point in rung}
    assert rung_recipe(config).steps == 4 and rung_recipe(config).learning_rate == 1e-3


def test_going_on_starts_from_the_other_and_is_the_same_in_any_pack(swept):
    config, folder = swept
    recipe = rung_recipe(config).model_copy(update={"steps": 3})
    parents = [ledger.read(ledger.record_path(folder.ledger, point.key)).hypernetwork for point in expand(config)[:3]]
    members = [Member(str(seed), 1e-4, seed) for seed in range(7, 10)]  # other seeds: noise of their own
    together = train_pack(3, members, recipe, starts=parents)
    for member, parent, trained in zip(members, parents, together, strict=True):
        [alone] = train_pack(3, [member], recipe, starts=[parent])
        [fresh] = train_pack(3, [member], recipe)
        for name, array in trained.hypernetwork.items():
            assert array.tobytes() == alone.hypernetwork[name].tobytes()
        change = [np.abs(trained.hypernetwork[name] - parent[name]).max() for name in parent]
        assert 0 < max(change) < 0.1  # three small steps
        assert any(np.abs(fresh.hypernetwork[name] - parent[name]).max() > 0.1 for name in parent)


def test_a_hypernetwork_of_another_shape_is_refused(swept):
    config, folder = swept
    parent = ledger.read(ledger.record_path(folder.ledger, expand(config)[0].key)).hypernetwork
    recipe = config.training.recipe().model_copy(update={"channels": 8})
    with pytest.raises(TrainableError, match="another shape"):
        train_pack(3, [Member("a", 1e-4, 0)], recipe, starts=[parent])
    with pytest.raises(ValueError, match="no hypernetwork of training nobody"):
        ledger.hypernetwork(folder.ledger, "nobody")


def test_an_annealing_is_done_once_kept_apart_and_shown(swept, monkeypatch, capsys):
    config, folder = swept
    trained = []
    go_up_and_down(monkeypatch, trained)
    assert anneal(config, folder.path, command=["hyperphase", "anneal"]) == 0
    assert len(trained) == 8 and read_state(config, folder).annealed.keys() == {point.key for point in trained}
    assert anneal(config, folder.path, command=["hyperphase", "anneal"]) == 0
    assert len(trained) == 8

    lost = trained[0]  # a rung in the middle of a way: only it is trained again, its successor is there
    path = ledger.record_path(folder.ledger, lost.key)
    first = ledger.read(path)
    path.unlink()
    assert anneal(config, folder.path, command=["hyperphase", "anneal"]) == 0
    assert len(trained) == 9 and trained[-1] == lost
    again = ledger.read(path)
    assert all(array.tobytes() == again.hypernetwork[name].tobytes() for name, array in first.hypernetwork.items())

    done = load_sweep(folder.path).done
    assert set(done["key"]) == {point.key for point in expand(config)}  # the map is of the sweep's own trainings
    table = annealing.load(folder.path, done)
    assert table.groupby(["way", "seed"])["beta"].apply(sorted).tolist() == [list(BETAS)] * 4
    assert json.loads(pd.read_parquet(folder.annealing)["recipe"].iloc[0])["start"]
    page = write_report(folder.path).read_text(encoding="utf-8")
    assert 'href="#hysteresis"' in page and (folder.report / "hysteresis.png").stat().st_size > 5000
    assert "of another recipe" not in capsys.readouterr().err
    assert len(tables.collect(folder, experiment_of(config)).annealed) == 8


def test_a_way_ends_where_a_training_failed(swept):
    config, folder = swept
    one = Annealing(config, folder)
    failed = one.rungs[0][0]
    rows = {point.start: {"status": "done"} for point in one.rungs[0]} | {failed.start: {"status": "failed"}}
    cut = [point for point in one.rungs[0] if point.start == failed.start]
    assert len(one._begun(one.rungs[0], rows)) == len(one.rungs[0]) - len(cut)
    assert not {point.key for point in one._begun(one.rungs[1], rows)} & one.cut
    assert len(one.points({})) == 6 + 8 - 2


def test_mistakes_are_one_line(tmp_path, capsys):
    config = config_of("training.trainable=mlp")
    with pytest.raises(UserError, match="only hypernetworks of one β"):
        anneal(config, tmp_path, command=[])
    with pytest.raises(UserError, match="has only one β"):
        anneal(smoke("grid.betas=[1e-3]"), tmp_path, command=[])
    folder = train_here(smoke("grid.betas=[1.0, 1e-6]", "grid.seeds=1", "mlflow.enabled=false"), tmp_path / "sweep")
    capsys.readouterr()
    assert main.main(["anneal", str(folder.path), "--set", "grid.seeds=2"]) == 2
    assert "resume` comes first" in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(ValueError, match="start is for hypernetworks"):
        smoke("training.start=abc", "training.trainable=mlp")


def test_rows_of_annealings_are_no_other_recipe(swept):
    config, folder = swept
    state = read_state(config, folder)
    assert not state.others and State(expand(config), state.rows).missing == []
