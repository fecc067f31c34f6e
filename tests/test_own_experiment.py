"""An experiment of a user's own, through the same door as hypernetworks: config, trial, ledger, tables, report."""

import json
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.sweeps.load import load_sweep
from search.cli import main
from search.config.load import dump, load_stored, parse
from search.driver.sweep import write_report
from search.driver.trial import tried
from search.ledger import ledger
from search.sweep import folder as folders
from search.sweep.grid import expand
from search.sweep.state import read_state
from tests.support.own_experiment import MINE, TABLES, train_own_here
from trainables import objects


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    for name in ("_folders", "_provided", "_modules"):
        monkeypatch.setattr(objects, name, type(getattr(objects, name))())


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def config(home: Path, code: str = MINE, **sections):
    (home / "mine.py").write_text(code)
    return parse(TABLES | sections)


def run(*arguments) -> int:
    return main.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of MINE, trained in a process of its own; the file is gone since."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        made = train_own_here(config(home), home / "sweep")
        from search.objects import keep_copies
        from search.sweep.experiment import objects_of

        keep_copies(objects_of(config(home)), made)
    (home / "mine.py").unlink()
    return made


def test_tables_have_the_axes_own_names_label_and_metrics(swept):
    table = pd.read_parquet(swept.trainings)
    assert list(table.columns[:5]) == ["key", "experiment", "rate", "decay", "seed"] and len(table) == 30
    assert {"label", "value", "purity", "seconds"} <= set(table) and not {"beta", "dimension", "algorithm"} & set(table)
    assert ((table["value"] < 0) == (table["label"] == "low")).all()
    snapshots = pd.read_parquet(swept.snapshots)
    assert list(snapshots.groupby("key")["step"].apply(list).iloc[0]) == [1, 2, 3, 4]
    assert set(snapshots["label"]) == {"low", "high"} and snapshots["loss"].min() == 0.25
    key = table["key"].iloc[0]
    assert (swept.files / key / "picture.svg").read_text().startswith("<svg") and (
        swept.files / key / "weights.npy"
    ).exists()


def test_the_report_has_no_word_of_hypernetworks_and_the_folder_needs_no_file_of_the_user(swept, capsys):
    assert run("status", swept.path) == 0 and run("report", swept.path) == 0
    assert "30 of 30 trainings done" in capsys.readouterr().out
    page = (swept.report / "index.html").read_text()
    body = re.sub(r"<script.*?</script>|<dl>.*", "", page, flags=re.S)
    assert not re.search(r"hypernetwork|β|algorithm|nats|\bn = |pudding|neuron", body)
    assert "Phase diagram of a toy" in body and "learning rate" in body and "too low" in body
    shown = re.findall(r'<section id="(\w+)">', page)
    assert shown == ["map", "counts", "dynamics", "order", "pictures", "table", "manifest"]
    boundaries = pd.read_csv(swept.report / "boundaries.csv")
    assert set(boundaries["lower_phase"]) == {"low"} and boundaries["x"].between(1e-3, 10).all()
    assert load_sweep(swept.path).missing == 0


def test_a_sweep_keeps_its_config_and_its_code(swept):
    stored = load_stored(swept.config)
    assert parse(tomllib.loads(dump(stored))).model_dump() == stored.model_dump()
    assert json.loads(swept.manifest.read_text())["code"].keys() == {"mine.py"}


def test_keys_hold_point_seed_settings_and_version(home):
    keys = [point.key for point in expand(config(home))]
    assert len(set(keys)) == 30 and [p.key for p in expand(config(home, MINE + "# changed"))] == keys
    assert not set(keys) & {p.key for p in expand(config(home, training={"shift": 2.0}))}
    assert not set(keys) & {p.key for p in expand(config(home, MINE.replace('title="a toy"', "version=2")))}
    by_content = MINE.replace('title="a toy"', 'version="content"')
    first = {p.key for p in expand(config(home, by_content))}
    assert not first & {p.key for p in expand(config(home, by_content + "# changed"))}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "raise ZeroDivisionError('no')",
            r"mine.py, line 16: ZeroDivisionError: no \(tried at rate = 10, decay = -1, seed 0",
        ),
        ("return None", "train returned nothing: it must return an Outcome"),
        ("return Outcome(3, {})", "a label must be a text, not 3"),
        ("return Outcome('a', {'loss': 'low'})", "metric 'loss' must be a number, not 'low'"),
        ("return Outcome('a', curves={'step': [1, 2], 'loss': [1.0]})", "curve 'loss' has 1 values, but there are 2"),
        ("import os; os.kill(os.getpid(), 9)", "its process was ended by SIGKILL"),
        ("import sys; sys.exit(3)", "mine.py, line 16: SystemExit: 3"),
    ],
)
def test_a_mistake_in_the_training_is_one_line_before_workers_start(home, code, said):
    made = config(home, MINE.replace("    value = math", f"    {code}\n    value = math"))
    folder = folders.create(home / "sweep")
    with pytest.raises(UserError, match=said) as caught:
        tried(made, folder, read_state(made, folder))
    assert "\n" not in str(caught.value) and not ledger.keys(folder.ledger)


def test_the_trial_is_kept(home):
    made, folder = config(home), folders.create(home / "sweep")
    state = tried(made, folder, read_state(made, folder))
    assert len(state.rows) == 1 and len(state.missing) == 29 and len(ledger.keys(folder.ledger)) == 1


TROUBLE = """
    if run["rate"] == 10:
        raise RuntimeError("too fast")
    if run["rate"] == 1 and run["decay"] == 0:
        import time; time.sleep(60)
    if run["rate"] == 1 and run["decay"] == 1:
        import os; os._exit(7)
    if run["decay"] == -1:
        return Outcome(failed="did not converge")
"""


def test_nothing_is_lost_when_trainings_raise_hang_or_die(home):
    code = MINE.replace("def train(run):\n", "def train(run):" + TROUBLE)
    made = config(
        home,
        code,
        experiment={"trainable": "mine.py:MINE", "timeout": 1.0},
        grid={"seeds": 1, "axes": {"rate": [0.1, 1, 10], "decay": [-1, 0, 1]}},
        ray={"max_failures": 1},
    )
    folder = train_own_here(made, home / "sweep")
    table = pd.read_parquet(folder.trainings).set_index(["rate", "decay"])
    assert (table["status"] == "done").sum() == 2 and table.loc[(0.1, 0.0), "label"] == "low"
    reasons = dict(table["reason"].dropna().items())
    assert reasons[10, 0] == "mine.py, line 17: RuntimeError: too fast"
    assert reasons[1, 0] == "took longer than 1 seconds" and reasons[1, 1] == "its process ended with exit code 7"
    assert reasons[1, -1] == "did not converge" and len(reasons) == 7
    assert "too fast" in (folder.files / table.loc[(10, 0), "key"] / "traceback.txt").read_text()
    assert write_report(folder)


def test_relabelling_asks_the_experiments_own_function_again(swept, tmp_path, monkeypatch, capsys):
    import shutil

    shutil.copytree(swept.path, tmp_path / "sweep")
    (tmp_path / "mine.py").write_text(MINE.replace('["value"] < 0', '["value"] < 100'))
    monkeypatch.chdir(tmp_path)
    assert run("report", tmp_path / "sweep", "--relabel") == 0
    table = pd.read_parquet(tmp_path / "sweep" / "trainings.parquet")
    assert set(table["label"]) == {"low"} and "30 trainings read anew" in capsys.readouterr().err
