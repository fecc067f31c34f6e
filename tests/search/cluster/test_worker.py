"""The worker: what it makes of a training, and that it repeats nothing."""

import copy
import json
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

from analysis.algorithms.classify import read, summarise
from analysis.algorithms.formula import faithfulness, formula
from analysis.network import Network
from search.cluster import tune, worker
from search.ledger import ledger, storage
from search.ledger.read_training import to_record
from search.sweep.experiment import experiment_of
from search.sweep.grid import expand
from search.sweep.packs import Pack
from tests.support.records import smoke
from trainables.tasks.registry import get_task


@pytest.fixture(scope="module")
def trained():
    from trainables.training.loop import Member, train_pack

    config = smoke()
    members = [Member(point.key, point.beta, point.seed) for point in expand(config)]
    return config, members, train_pack(3, members, config.training.recipe())


def test_a_row_has_what_the_tables_promise(trained):
    config, members, results = trained
    recipe = config.training.recipe()
    record = to_record(results[0], recipe, 3)
    row = record.row
    assert (row["key"], row["beta"], row["seed"], row["status"]) == (members[0].key, 1.0, 0, "done")
    assert (row["task"], row["dimension"], row["hidden"], row["steps"]) == ("l1_norm", 3, 9, 20)
    assert {
        "algorithm",
        "purity",
        "faithfulness",
        "margin",
        "formula",
        "formula_latex",
        "faithfulness_at_twice_the_scale",
        "seconds",
        "finished_at",
    } <= row.keys()
    assert row["relative_error"] == pytest.approx(results[0].final.errors.mean())
    components = [name for name in row if name.startswith("complexity_") and name != "complexity_nats"]
    assert len(components) == 3 and row["complexity_nats"] == pytest.approx(sum(row[name] for name in components))
    assert sum(value for name, value in row.items() if name.startswith("fraction_")) == pytest.approx(1)
    assert json.loads(row["recipe"]) == recipe.model_dump(mode="json")
    shown = record.draws[row["representative"]]
    closed = formula(shown, row["algorithm"])
    assert (row["formula"], row["formula_latex"]) == (closed.text, closed.latex)
    assert row["faithfulness_at_twice_the_scale"] == faithfulness(shown, closed, scale=2.0)
    assert record.draws.batch_shape == (recipe.final_draws,) and 0 <= row["representative"] < recipe.final_draws
    assert [snapshot["step"] for snapshot in record.snapshots][-1] == recipe.steps
    assert all({"key", "algorithm", "relative_error", "complexity_nats"} <= s.keys() for s in record.snapshots)
    assert record.hypernetwork


def test_looks_read_together_are_read_alike(trained):
    """Several looks at once, or each alone."""
    config, _, results = trained
    record = to_record(results[0], config.training.recipe(), 3)
    assert len(record.snapshots) > 1
    for evaluate, row in zip([*results[0].snapshots, results[0].final], [*record.snapshots, record.row], strict=True):
        alone = summarise(read(Network(*evaluate.draws), get_task("l1_norm").target))
        del alone["relative_error"]  # a row's is the mean over the draws of the training's own
        for name, value in alone.items():
            if name != "representative" or evaluate is results[0].final:
                assert row[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-6, abs=1e-9))


def test_a_failed_training_is_a_row_with_its_reason(trained):
    config, _, results = trained
    failed = replace(results[0], status="failed", reason="loss not finite at step 3", final=None, hypernetwork={})
    record = to_record(failed, config.training.recipe(), 3)
    assert record.row["status"] == "failed" and record.row["reason"] == "loss not finite at step 3"
    assert record.row["algorithm"] is None and np.isnan(record.row["relative_error"]) and record.draws is None


def test_networks_that_are_not_finite_are_a_failure(trained):
    config, _, results = trained
    errors = results[0].final.errors.copy()
    errors[1] = np.nan
    broken = replace(results[0], final=replace(results[0].final, errors=errors))
    assert to_record(broken, config.training.recipe(), 3).row["status"] == "failed"


def test_a_node_that_does_not_see_the_storage_writes_nothing(tmp_path, reports):
    with pytest.raises(RuntimeError, match="does not share the storage"):
        worker.run_pack(pack_config(smoke(), tmp_path))
    assert not list(tmp_path.iterdir()) and not reports


@pytest.fixture
def reports(monkeypatch):
    """Ray Tune's report, caught: a worker is called without Ray."""
    import ray.tune

    said = []
    monkeypatch.setattr(ray.tune, "report", said.append)
    return said


def pack_config(config, folder, keys=None):
    members = [{"key": p.key, "beta": p.beta, "seed": p.seed} for p in expand(config)]
    return {
        "pack": {"index": 5, "dimension": 3, "members": members, "checkpoint": "some"},
        "train": "hypernetworks",
        "recipe": config.training.recipe().model_dump(mode="json"),
        "algorithms": [],
        "files": {},
        "paths": {},
        "device": "cpu",
        "gpu_step": "auto",
        "storage": str(folder),
        "ledger": str(folder),
        "checkpoints": str(folder / "checkpoints"),
        "checkpoint_seconds": 60,
        "threads": 1,
    }


def test_a_pack_goes_into_the_ledger_once(tmp_path, trained, reports, monkeypatch):
    config, members, results = trained
    calls = []
    storage.mark(tmp_path)

    def train_pack(dimension, wanted, recipe, *, device, gpu_step, on_step, checkpoint, starts):
        calls.append([member.key for member in wanted])
        return [result for result in results if result.member in wanted]

    fake = types.SimpleNamespace(Member=type(members[0]), train_pack=train_pack)
    monkeypatch.setitem(sys.modules, "trainables.training.loop", fake)
    ledger.write(tmp_path, to_record(results[1], config.training.recipe(), 3))
    for _ in range(2):  # the second time is a try after a crash
        worker.run_pack(pack_config(config, tmp_path))
    assert calls == [[members[0].key, members[2].key, members[3].key]]
    assert ledger.read_all(tmp_path) == {member.key for member in members}
    assert reports[-1] == {"pack_index": 5, "share": 1.0}


def test_a_trial_is_told_its_pack_as_text_which_costs_nothing_to_copy(tmp_path, monkeypatch):
    """Ray Tune copies the whole grid for each of its points: of dictionaries that is quadratic in the trainings."""
    config, told = smoke(), []
    points = expand(config)
    packs = [Pack(3, (point,), 1.0, "") for point in points]
    texts = tune.pack_texts(experiment_of(config), packs, [2, 0])
    assert all(copied is text for copied, text in zip(copy.deepcopy(texts), texts, strict=True))
    monkeypatch.setattr(worker, "run_pack", told.append)
    worker.run_trial({"pack": texts[0], "ledger": "there"})
    [config_of_pack] = told
    assert config_of_pack["ledger"] == "there" and config_of_pack["pack"]["index"] == 2
    [member] = config_of_pack["pack"]["members"]
    assert (member["key"], member["beta"], member["seed"]) == (points[2].key, points[2].beta, points[2].seed)
