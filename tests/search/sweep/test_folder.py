"""A sweep's folder: writable or refused, one driver at a time, tables from the ledger."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.files import replaced
from analysis.network import Network
from search.cli.status import status
from search.config.secrets import check_secrets
from search.ledger import ledger
from search.sweep import folder as folders
from search.sweep import tables
from search.sweep.experiment import experiment_of
from search.sweep.grid import expand
from search.sweep.state import read_state
from tests.support.records import record_of, records, smoke


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "sweep", "/proc/sweep"):
        with pytest.raises(UserError, match="cannot write to") as caught:
            folders.create(path)
        assert "\n" not in str(caught.value)


def test_what_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        folders.existing(tmp_path / "absent")
    with pytest.raises(UserError, match="not a sweep's folder"):
        folders.existing(tmp_path)


def test_the_config_comes_back(tmp_path):
    folder, config = folders.create(tmp_path), smoke("grid.seeds=[5, 3]")
    folders.write_config(folder, config)
    assert folders.read_config(folders.existing(tmp_path)) == config


def test_one_driver_at_a_time(tmp_path):
    folder = folders.create(tmp_path)
    script = (
        "import sys; from pathlib import Path; from search.sweep import folder as f;"
        "lock = f.locked(f.create(Path(sys.argv[1]))); lock.__enter__(); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "held\n"
        assert folders.holder(folder) == str(other.pid)
        with pytest.raises(UserError, match=f"process {other.pid}"), folders.locked(folder):
            pass
        other.kill()  # the lock dies with its holder
        other.wait(timeout=30)
        with folders.locked(folder):
            assert folders.holder(folder) == str(os.getpid())
        assert folders.holder(folder) is None
    finally:
        other.kill()
        other.communicate(timeout=30)


def test_tables_and_networks_come_from_the_ledger(tmp_path):
    folder, config = folders.create(tmp_path), smoke()
    for record in records(config):
        ledger.write(folder.ledger, record)
    stranger = smoke("training.steps=21")
    ledger.write(folder.ledger, record_of(expand(stranger)[0], stranger))

    collected = tables.collect(folder, experiment_of(config))
    assert collected.others == {"steps 21 (here 20)": 1}
    trainings, snapshots = pd.read_parquet(folder.trainings), pd.read_parquet(folder.snapshots)
    assert set(trainings["key"]) == {point.key for point in expand(config)} and len(trainings) == 4
    assert list(trainings["status"]).count("failed") == 1 and len(snapshots) == 3 * 3 + 1
    done = trainings[trainings["status"] == "done"]
    assert {path.stem for path in folder.networks.iterdir()} == set(done["key"])
    key = done["key"].iloc[0]
    network = Network.load(folder.networks / f"{key}.npz")
    record = ledger.read(ledger.record_path(folder.ledger, key))
    assert network.batch_shape == () and (network.hidden_bias == record.draws.hidden_bias[2]).all()


def test_tables_are_written_again_only_if_something_is_new(tmp_path):
    folder, config = folders.create(tmp_path), smoke()
    first, *others = records(config)
    for record in others:
        ledger.write(folder.ledger, record)
    experiment = experiment_of(config)

    def written():
        return [(about.st_ino, about.st_mtime_ns) for about in (folder.trainings.stat(), folder.snapshots.stat())]

    tables.collect(folder, experiment)
    before = written()
    shutil.rmtree(folder.index)
    tables.collect(folder, experiment)
    assert written() == before
    network = next(folder.networks.iterdir())
    network.unlink()
    tables.collect(folder, experiment)
    assert network.is_file() and written() == before

    ledger.write(folder.ledger, first)
    tables.collect(folder, experiment)
    assert not set(written()) & set(before) and len(pd.read_parquet(folder.trainings)) == 4
    folder.trainings.unlink()
    tables.collect(folder, experiment)
    assert len(pd.read_parquet(folder.trainings)) == 4
    assert not tables.collect(folder, experiment_of(smoke("training.steps=21"))).rows
    assert not len(pd.read_parquet(folder.trainings))


def test_the_state_counts_only_the_grid(tmp_path):
    folder, config = folders.create(tmp_path), smoke()
    for record in records(config):
        ledger.write(folder.ledger, record)
    smaller = smoke("grid.betas=[1.0]")
    state = read_state(smaller, folder)
    assert not state.missing and sum(state.counts.values()) == 2 and len(state.rows) == 4
    assert len(read_state(smoke("grid.seeds=3"), folder).missing) == 2


def test_status_explains_itself(tmp_path):
    folder, config = folders.create(tmp_path / "mine"), smoke("grid.seeds=3")
    folders.write_config(folder, config)
    for record in records(smoke()):
        ledger.write(folder.ledger, record)
    text = status(config, folder)
    assert "4 of 6 trainings done, 1 of them failed" in text
    assert "1 × loss not finite at step 7" in text
    assert "hyperphase resume" in text
    with folders.locked(folder):
        assert f"running: process {os.getpid()}" in status(config, folder)
    done = status(smoke(), folder)  # but for the one that failed, which is tried again on request only
    assert done.count("hyperphase resume") == 1 == done.count("--retry-failed") and "another recipe" not in done


def test_status_names_the_recipe_of_trainings_that_do_not_count(tmp_path):
    folder, config = folders.create(tmp_path / "older"), smoke("training.steps=30")
    folders.write_config(folder, config)
    for record in records(smoke()):
        recipe = json.loads(record.row["recipe"])
        del recipe["sided_scores"]  # as a version wrote it that did not know this setting
        ledger.write(folder.ledger, replace(record, row=record.row | {"recipe": json.dumps(recipe)}))
    text = status(config, folder)
    assert "0 of 4 trainings done" in text and "4 trainings of another recipe" in text
    assert "4 × steps 20 (here 30), without sided_scores (here 4)" in text


def test_a_config_with_a_password_is_refused():
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI") as caught:
        check_secrets(smoke('mlflow.tracking_uri="http://me:hunter2@host"'))
    assert "hunter2" not in str(caught.value)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), replaced(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_table_that_was_changed_by_hand_is_kept(tmp_path):
    folder, config = folders.create(tmp_path), smoke()
    for record in records(config):
        ledger.write(folder.ledger, record)
    for _ in range(2):
        tables.collect(folder, experiment_of(config))
    assert not list(tmp_path.glob("*.edited*"))
    pd.read_parquet(folder.trainings).assign(algorithm="mine").to_parquet(folder.trainings)
    with pytest.warns(UserWarning, match=r"changed by hand: kept as trainings.edited.parquet"):
        tables.collect(folder, experiment_of(config))
    assert set(pd.read_parquet(tmp_path / "trainings.edited.parquet")["algorithm"]) == {"mine"}
    assert "mine" not in set(pd.read_parquet(folder.trainings)["algorithm"])
