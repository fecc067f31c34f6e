"""An experiment of a user's own, through the same door as hypernetworks: config, trial, ledger, tables, report."""

import json
import os
import re
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import tomli_w

from analysis.errors import UserError
from analysis.report.summary import sweep_summary
from analysis.sweeps.load import load_sweep
from search.cli import main
from search.cluster.session import Cluster
from search.config.load import dump, load, load_stored, parse
from search.driver.sweep import Job, drive, write_report
from search.driver.trial import tried
from search.ledger import ledger
from search.objects import keep_copies
from search.sweep import folder as folders
from search.sweep.experiment import experiment_of, objects_of
from search.sweep.grid import expand
from search.sweep.state import read_state
from tests.support.own_experiment import MINE, TABLES, kept_own_sweep, train_own_here
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
    return kept_own_sweep(tmp_path_factory.mktemp("home"))


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
    assert shown == ["map", "counts", "dynamics", "curves", "order", "pictures", "table", "manifest"]
    boundaries = pd.read_csv(swept.report / "boundaries.csv")
    assert set(boundaries["lower_phase"]) == {"low"} and boundaries["x"].between(1e-3, 10).all()
    assert load_sweep(swept.path).missing == 0


@pytest.mark.parametrize(
    "command", [("compare", "SWEEP", "SWEEP", "--out", "out"), ("anneal", "SWEEP"), ("generalise", "SWEEP")]
)
def test_what_is_for_hypernetworks_says_so(swept, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    assert run(*(swept.path if word == "SWEEP" else word for word in command)) == 2
    err = capsys.readouterr().err
    assert "hypernetworks" in err and err.count("\n") == 1


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


@pytest.mark.parametrize("code", [MINE, MINE.replace("    value = math", "    return None\n    value = math")])
def test_on_a_cluster_what_wants_a_gpu_is_tried_there(home, monkeypatch, code):
    import sys
    from types import SimpleNamespace

    asked = []

    def remote(**resources):
        asked.append(resources)
        return lambda function: SimpleNamespace(remote=lambda *arguments: function(*arguments))

    util = SimpleNamespace(get_node_ip_address=lambda: "10.0.0.2")
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(remote=remote, get=lambda answer: answer, util=util))
    made = config(home, code, ray={"gpus_per_pack": 0.5, "address": "10.0.0.1:6379"})
    folder = folders.create(home / "sweep")
    state = tried(made, folder, read_state(made, folder))
    assert not state.rows and not asked
    cluster = Cluster(workers=2, device="cuda", gpus=0.5)
    if code == MINE:
        [row] = tried(made, folder, state, cluster).rows.values()
        assert row["host"] == "10.0.0.2" and asked[0]["num_gpus"] == 0.5
    else:
        with pytest.raises(UserError, match=r"train returned nothing.*\(tried at rate = 10, decay = -1, seed 0\)$"):
            tried(made, folder, state, cluster)


def test_a_file_mended_before_anything_was_trained_has_not_changed(home, capsys):
    broken = MINE.replace("    value = math", "    return None\n    value = math")
    for code, status in ((broken, 2), (MINE + "# mended\n", None)):
        (home / "mine.py").write_text(code)
        folder, made = folders.create(home / "sweep"), parse(TABLES)

        def work(state, tracking, made=made, folder=folder):
            tried(made, folder, state)
            return []

        job = Job("resume", lambda rows, made=made: expand(made), work)
        if status:
            with pytest.raises(UserError):
                drive(made, folder, job, command=["hyperphase"])
        else:
            drive(made, folder, job, command=["hyperphase"])
    assert "has changed" not in capsys.readouterr().err
    (home / "mine.py").write_text(MINE + "# again\n")
    drive(made, folder, job, command=["hyperphase"])
    assert "mine.py has changed since this sweep began" in capsys.readouterr().err


def test_mlflow_columns_are_named_after_the_axes_and_files_are_artifacts(swept, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    from search.tracking.tracker import Tracker

    stored = load_stored(swept.config)
    folder = folders.create(tmp_path / "sweep")
    tracker = Tracker(stored, folder, "mine-1")
    tracker.open_sweep({})
    key = pd.read_parquet(swept.trainings)["key"].iloc[0]
    record = ledger.read(ledger.record_path(swept.ledger, key))
    tracker.log(record)
    tracker.close_sweep("FINISHED", {"low": 1, "low < 0": 2})
    client = mlflow.MlflowClient(f"sqlite:///{folder.mlflow_store}")
    runs = client.search_runs([tracker.experiment])
    [run] = [one for one in runs if one.data.tags["kind"] == "training"]
    [parent] = [one for one in runs if one.data.tags["kind"] == "sweep"]
    assert run.data.params.keys() == {"rate", "decay", "seed"} and run.data.tags["label"] == record.row["algorithm"]
    assert {"value", "loss"} <= run.data.metrics.keys() and run.data.metrics["value"] == record.row["value"]
    assert [point.step for point in client.get_metric_history(run.info.run_id, "loss")] == [1, 2, 3, 4]
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"picture.svg", "weights.npy"}
    assert "picture.svg" in run.data.tags["mlflow.note.content"]
    assert parent.data.params["shift"] == "1.5" and json.loads(parent.data.tags["grid.decay"]) == [-1, 0, 1]
    assert "tags.label = 'low'" in parent.data.tags["mlflow.note.content"]
    assert parent.data.metrics == {"low": 1, "low _ 0": 2}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("MINE = Exp", "YOURS = Exp"), "mine.py has no 'MINE'; its Experiments or Trainables: YOURS"),
        (
            ("MINE = Exp", "MINE = 3; YOURS = Exp"),
            "mine.py:MINE must be an Experiment or a Trainable, but is of type int",
        ),
        (("import math", "import maths"), "mine.py, line 2: ModuleNotFoundError: No module named 'maths'"),
        (('Axis("decay", -2, 2)', 'Axis("decay", 2, -2)'), "line 29: axis 'decay': its range must rise, not 2 to -2"),
        (('"decay", -2', '"seed", -2'), "axis 'seed': this name is taken by a column of every table"),
        ((', Axis("decay", -2, 2))', ",)"), "a phase map needs at least two axes"),
        (("train=train,", ""), "needs a function as train"),
        (("settings=Settings", "settings=3"), "settings must be a pydantic model's class"),
        (('"#cc3311"', '"red"'), "its colour must be like #1f77b4, not 'red'"),
        (('"#cc3311"', '"#cc3311", merged="low"'), "merged='low' is a label's own name"),
        (
            ("labels=(", 'labels=(*(Label(name, merged="coin") for name in "abc"), '),
            "3 labels have merged='coin', but mirror images are two",
        ),
        (("import math\n", "import math, sys\nsys.exit(3)\n"), "mine.py, line 3: SystemExit: 3"),
        (("    shift: float", "    seed: int = 1\n    shift: float"), "a setting cannot be called 'seed'"),
    ],
)
def test_what_is_no_experiment_is_one_line(home, capsys, change, said):
    write_config(home, MINE.replace(*change))
    assert run("sweep", "--config", "mine.toml") == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1 and err.startswith("hyperphase: mine.toml: experiment.trainable: ")
    assert not (home / "sweeps").exists()


def write_config(home, code):
    (home / "mine.py").write_text(code)
    (home / "mine.toml").write_text(
        '[experiment]\ntrainable = "mine.py:MINE"\n[grid]\nseeds = 1\n[grid.axes]\nrate = [1]\ndecay = [0]\n'
    )


def test_a_file_without_an_end_is_refused(home, capsys):
    write_config(home, MINE)
    (home / "mine.py").unlink()
    os.mkfifo(home / "mine.py")
    assert run("sweep", "--config", "mine.toml") == 2
    assert "mine.py is not a file" in capsys.readouterr().err


def test_a_password_among_the_settings_is_refused(home, capsys):
    write_config(home, MINE.replace("    shift: float", "    db_password: str = ''\n    shift: float"))
    assert run("sweep", "--config", "mine.toml", "--set", "training.db_password=hunter2") == 2
    said = capsys.readouterr().err
    assert "training.db_password holds a password" in said and "hunter2" not in said and not (home / "sweeps").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("shift: float = float('nan')", "training: cannot be stored: Out of range float values"),
        ("shift: object = object()", "training: cannot be stored: Unable to serialize unknown type"),
        ("shift: list = [None, 1]", "training: cannot be stored: Object of type"),
        (
            "shift: float = 1\n    model_config = {'validate_default': True}\n"
            "    check = field_validator('shift')(lambda value: {}[value])",
            "mine.py, line 13: KeyError: 1.0",
        ),
    ],
)
def test_settings_that_cannot_be_kept_are_one_line(home, capsys, setting, said):
    code = MINE.replace("shift: float = 1.5", setting).replace("import BaseModel", "import BaseModel, field_validator")
    write_config(home, code)
    assert run("sweep", "--config", "mine.toml") == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1 and not (home / "sweeps").exists()


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ("float('nan')", "its cost must be a positive number, not nan"),
        ("point['no']", "mine.py, line 32: KeyError: 'no'"),
    ],
)
def test_a_cost_that_is_none_is_one_line(home, capsys, cost, said):
    write_config(home, MINE.replace("label=label,", f"label=label, cost=lambda point: {cost},"))
    assert run("sweep", "--config", "mine.toml") == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("value", [None, "fast", float("nan"), True])
def test_a_training_whose_place_is_no_number_is_missing(swept, tmp_path, value, capsys):
    sweep = Path(shutil.copytree(swept.path, tmp_path / "sweep"))
    path = sorted((sweep / "ledger").glob("*.npz"))[0]
    record = ledger.read(path)
    path.unlink()
    row = {name: one for name, one in record.row.items() if name != "rate"} | ({} if value is None else {"rate": value})
    ledger.write(sweep / "ledger", replace(record, row=row))
    assert run("status", sweep) == 0
    shown = capsys.readouterr().out
    assert "29 of 30 trainings done" in shown and "1 × without a number for rate" in shown
    assert run("report", sweep) == 0


def test_what_a_training_says_of_a_password_is_masked(home):
    code = MINE.replace(
        "    value = math", "    raise OSError('cannot reach http://me:hunter2@host')\n    value = math"
    )
    made = config(home, code, grid={"seeds": 1, "axes": {"rate": [1], "decay": [0]}})
    folder = train_own_here(made, home / "sweep")
    [key] = ledger.keys(folder.ledger)
    record = ledger.read(ledger.record_path(folder.ledger, key))
    assert "cannot reach http://***@host" in record.row["reason"]
    assert b"hunter2" not in record.files["traceback.txt"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("grid.axes.rate=[]", "grid.axes.rate is empty"),
        ("grid.axes.rate=[1, 1]", "grid.axes.rate: 1 is given twice"),
        ("grid.axes.rate=[100]", "grid.axes.rate: axis 'rate': 100 is out of its range, 0.001 to 10"),
        ("grid.axes.rate=['x']", "grid.axes.rate[0] should be a valid number"),
        ("grid.axes.rate={from=0, count=3}", "axis 'rate' is logarithmic: 0 is not positive"),
        ("grid.axes.rat=[1]", "unknown key 'grid.axes.rat' (did you mean 'rate'?)"),
        ("grid.betas=[1]", "unknown key 'grid.betas' (known: seeds, axes)"),
        ("training.shift=high", "training.shift should be a valid number"),
        ("training.shft=1", "unknown key 'training.shft' (did you mean 'shift'?)"),
        ("experiment.timeout=0", "experiment.timeout should be greater than 0"),
        ("experiment.trainable=mine.txt:MINE", "no such module"),
        ("experiment.trainable=nothing", "unknown trainable 'nothing'; known: hypernetwork"),
    ],
)
def test_a_wrong_setting_is_one_line(home, setting, said):
    write_config(home, MINE)
    with pytest.raises(UserError) as caught:
        load(file=home / "mine.toml", settings=[setting])
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_an_axis_that_the_grid_lacks_is_missing_unless_it_has_values(home):
    (home / "mine.py").write_text(MINE)
    with pytest.raises(UserError, match=r"grid.axes.decay is missing"):
        parse(TABLES | {"grid": {"seeds": 1, "axes": {"rate": [1]}}})
    made = config(
        home,
        MINE.replace('Axis("decay", -2, 2)', 'Axis("decay", values=(0, 1))'),
        grid={"seeds": 1, "axes": {"rate": [1]}},
    )
    assert made.grid.values == {"rate": (1,), "decay": (0, 1)}


def test_the_built_in_trainables_go_through_the_same_door(home):
    grid = {"seeds": 1, "axes": {"beta": [1e-3], "dimension": [3]}}
    made = parse({"experiment": {"trainable": "pareto"}, "grid": grid})
    plain = parse({"training": {"trainable": "pareto"}, "grid": {"seeds": 1, "betas": [1e-3], "dimensions": [3]}})
    assert made == plain and [p.key for p in expand(made)] == [p.key for p in expand(plain)]
    with pytest.raises(UserError, match="give one of them"):
        parse({"experiment": {"trainable": "pareto"}, "training": {"trainable": "mlp"}, "grid": grid})


PACKED = """
def train_pack(runs):
    for run in runs:
        if run["decay"] == 1 and run.seed == 1:
            raise ValueError("no seed 1")
        yield train(run)


MINE = Experiment("mine", axes=MINE.axes, train_pack=train_pack, settings=Settings, label=label)
"""


def test_a_pack_trains_together_and_one_that_raises_costs_only_itself(home):
    folder = train_own_here(config(home, MINE + PACKED), home / "sweep")
    table = pd.read_parquet(folder.trainings)
    failed = table[table["status"] == "failed"]
    assert len(table) == 30 and len(failed) == 5 and set(failed["decay"]) == {1} and set(failed["seed"]) == {1}
    assert failed["reason"].str.contains("no seed 1").all()


def test_packs_are_not_cut_smaller_than_workers_need(home):
    grid = {"seeds": 2, "axes": {"rate": [1], "decay": [-1, 0, 1, 2]}}

    def sizes(code: str, workers: int) -> list[int]:
        made = config(home, code, grid=grid)
        packs = experiment_of(made).plan(expand(made), [], workers=workers, pack_size=None, device="cpu")
        return [len(pack.members) for pack in packs]

    assert sizes(MINE, 1) == [2, 2, 2, 2] and sizes(MINE, 2) == [1] * 8
    assert sizes(MINE + PACKED, 1) == [8] and sizes(MINE + PACKED, 2) == [4, 4]


def test_a_third_axis_has_maps_laws_and_dynamics_of_its_own(home):
    code = MINE.replace('Axis("decay", -2, 2)', 'Axis("decay", 0.1, 10, log=True), Axis("depth", 1, 3, integer=True)')
    code = code.replace('run["decay"]', 'run["depth"] * math.log10(run["decay"])')
    axes = {"rate": {"count": 7}, "decay": {"count": 5}, "depth": [1, 2]}
    folder = train_own_here(config(home, code, grid={"seeds": 2, "axes": axes}), home / "sweep")
    assert write_report(folder)
    pictures = {path.stem for path in folder.report.glob("*.png")}
    slices = {f"{name}{number}" for name in ("phase_map", "scaling", "fractions", "time_map") for number in ("", "_2")}
    assert slices | {"curves", "transitions"} <= pictures
    page = (folder.report / "index.html").read_text()
    laws = re.findall(r"At depth = (\d)\. Boundaries against decay.*?γ = (\d\.\d\d)", page)
    assert [depth for depth, _ in laws] == ["1", "2"]  # rate* = decay^-depth
    assert all(abs(float(gamma) - float(depth)) < 0.2 for depth, gamma in laws)


COIN = """
def label(outcome):
    return "heads" if np.random.default_rng(int(outcome.metrics["value"] * 1e6) % 1000).random() < 0.5 else "tails"


MINE = Experiment("mine", axes=MINE.axes, train=train, label=label,
                  settings=Settings, labels=[Label(name, merged="coin") for name in ("heads", "tails")])
"""


def test_mirror_images_are_a_coin_in_summary_and_report(home):
    grid = {"seeds": 70, "axes": {"rate": [1], "decay": [0]}}
    folder = train_own_here(config(home, MINE + COIN, grid=grid), home / "sweep")
    counts = pd.read_parquet(folder.trainings)["label"].value_counts()
    assert write_report(folder)
    told = sweep_summary(folder.path)
    assert f"decay=0    heads {counts['heads']}, tails {counts['tails']}: fair (p = " in told
    page = (folder.report / "index.html").read_text()
    assert f'<td class="n">{counts["heads"]}</td><td class="n">{counts["tails"]}</td>' in page
    assert "Boundaries: none" in told


NO_ROOM = """
    import os
    os.rename("sweep/ledger", "sweep/gone")
    open("sweep/ledger", "w").close()
"""


def test_what_cannot_be_stored_is_missing_not_failed(home):
    made = config(
        home,
        MINE.replace("def train(run):", f"def train(run):{NO_ROOM}"),
        grid={"seeds": 1, "axes": {"rate": [1], "decay": [0]}},
    )
    with pytest.raises(RuntimeError, match="cannot be stored"):
        train_own_here(made, home / "sweep")
    assert not list((home / "sweep" / "gone").glob("*.npz"))


SAVING = """
def train(run):
    from pathlib import Path
    state = run.load() or {"step": np.array(0)}
    for step in range(int(state["step"]), 6):
        run.progress(step / 6)
        if step == 3:
            run.save({"step": step})
        if step == 3 and not Path("died").exists():
            Path("died").touch()
            import os, signal; os.kill(os.getpid(), signal.SIGKILL)
    return Outcome("low", {"began": float(state["step"])})


MINE = Experiment("mine", axes=MINE.axes, train=train)
"""


def test_a_training_whose_process_is_killed_goes_on_from_what_it_saved(home):
    grid = {"seeds": 1, "axes": {"rate": [1], "decay": [0]}}
    folder = train_own_here(config(home, MINE + SAVING, grid=grid, ray={"checkpoint_seconds": 1e-9}), home / "sweep")
    assert pd.read_parquet(folder.trainings)["began"].tolist() == [3.0]
    assert not list((folder.path / "checkpoints").glob("*.npz"))


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


def test_data_beside_the_file_and_later_commands_from_elsewhere(home, tmp_path, monkeypatch, capsys):
    (home / "shift.txt").write_text("0.25")
    code = MINE.replace("import math", "import math\nfrom pathlib import Path").replace(
        "    value = math", '    value = float((Path(__file__).parent / "shift.txt").read_text()) + math'
    )
    (home / "mine.py").write_text(code)
    (home / "mine.toml").write_text(tomli_w.dumps(TABLES))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    made = load(file=home / "mine.toml")
    folder = train_own_here(made, tmp_path / "sweep")
    keep_copies(objects_of(made), folder)
    assert pd.read_parquet(folder.trainings)["value"].max() > 2
    (home / "mine.py").write_text(code.replace('["value"] < 0', '["value"] < 100'))
    objects._folders.clear()  # another process
    assert run("report", folder.path, "--relabel") == 0 and "0 with another" not in capsys.readouterr().err
    assert set(pd.read_parquet(folder.trainings)["label"]) == {"low"}
    (home / "mine.py").unlink()
    objects._folders.clear()
    assert run("report", folder.path, "--relabel") == 0  # from the copy, which is today's
    assert set(pd.read_parquet(folder.trainings)["label"]) == {"low"}


def test_failed_trainings_are_tried_again_when_asked(home, monkeypatch, capsys):
    from search.cluster.train_own import trainings
    from search.cluster.tune import settings
    from search.driver.retry import without_failed
    from search.sweep import tables

    code = MINE.replace("def train(run):\n", "def train(run):" + TROUBLE)
    made = config(home, code, grid={"seeds": 1, "axes": {"rate": [0.1, 1, 10], "decay": [-1, 0.5]}})
    folder = train_own_here(made, home / "sweep")
    before = {path.name: path.read_bytes() for path in folder.ledger.glob("*.npz")}
    assert run("status", folder.path) == 0
    assert "4 of them failed" in (told := capsys.readouterr().out) and "hyperphase resume sweep --retry-failed" in told
    made = config(home, MINE, grid={"seeds": 1, "axes": {"rate": [0.1, 1, 10], "decay": [-1, 0.5]}})
    state = without_failed(made, folder, read_state(made, folder))
    assert len(state.missing) == 4 and "4 failed trainings are tried again" in capsys.readouterr().err
    assert len(list(folder.ledger.glob("*.npz.failed"))) == 4 and len(read_state(made, folder).missing) == 4
    members = [{"key": p.key, "place": dict(p.place), "seed": p.seed} for p in state.missing]
    assert all(failure is None for _, failure in trainings(settings(made, folder, "cpu"), members, print))
    rows = tables.collect(folder, experiment_of(made)).rows
    assert len(rows) == 6 and {row["status"] for row in rows} == {"done"}
    after = {path.name: path.read_bytes() for path in folder.ledger.glob("*.npz")}
    assert sum(after[name] == content for name, content in before.items()) == 2 and after.keys() == before.keys()
    assert without_failed(made, folder, state).missing == state.missing


def test_relabelling_asks_the_experiments_own_function_again(swept, tmp_path, monkeypatch, capsys):
    shutil.copytree(swept.path, tmp_path / "sweep")
    (tmp_path / "mine.py").write_text(MINE.replace('["value"] < 0', '["value"] < 100'))
    monkeypatch.chdir(tmp_path)
    assert run("report", tmp_path / "sweep", "--relabel") == 0
    table = pd.read_parquet(tmp_path / "sweep" / "trainings.parquet")
    assert set(table["label"]) == {"low"} and "30 trainings read anew" in capsys.readouterr().err


def test_relabelling_may_name_a_part_and_keep_the_labels_that_train_gave(home, capsys):
    given = MINE.replace("return Outcome(metrics", 'return Outcome("low" if value < 0 else "other", metrics')
    folder = train_own_here(config(home, given.replace("label=label,", "")), home / "sweep")
    before = pd.read_parquet(folder.trainings).set_index("key")["label"]
    part = """
def label(outcome):
    if outcome.label == "other" and outcome.metrics["value"] > 1:
        return "very high"
    return outcome.label
"""
    body = given[given.index("def label") : given.index("MINE = ")]
    (home / "mine.py").write_text(given.replace(body, part))
    assert run("report", folder.path, "--relabel") == 0
    table = pd.read_parquet(folder.trainings).set_index("key")
    assert (table["label"] == before.where((before != "other") | (table["value"] <= 1), "very high")).all()
    assert set(table["label"]) == {"low", "other", "very high"}


def test_a_refinement_varies_the_experiments_own_axes(home, monkeypatch, capsys):
    import contextlib

    from search.cluster import session
    from search.cluster.train_own import trainings
    from search.cluster.tune import settings
    from search.driver import sweep as driver
    from search.driver import train
    from search.driver.refine import Goal, refine

    def run_packs(config, folder, cluster, packs, on_progress):
        members = [{"key": p.key, "place": dict(p.place), "seed": p.seed} for pack in packs for p in pack.members]
        assert all(failure is None for _, failure in trainings(settings(config, folder, "cpu"), members, print))
        return []

    @contextlib.contextmanager
    def connected(config, folder):
        yield session.Cluster(workers=1, device="cpu", gpus=0)

    monkeypatch.setattr(session, "connected", connected)
    monkeypatch.setattr(train, "run_packs", run_packs)
    monkeypatch.setattr(driver, "write_report", lambda folder, **options: True)
    cost = MINE.replace("label=label", 'label=label, cost=lambda point: 2.0 + point["decay"]')
    cost = cost.replace('Axis("decay", -2, 2)', 'Axis("decay", -1.5, 2), Axis("kind", values=(0, 1))')
    made = config(home, cost, grid={"seeds": 1, "axes": {"rate": {"count": 5}, "decay": [-1, 0, 1]}})
    folder = train_own_here(made, home / "sweep")
    capsys.readouterr()
    assert refine(made, folder.path, Goal(trainings=6, batch=6), command=["hyperphase"]) == 0
    table = pd.read_parquet(folder.trainings)
    new = table[table["seed"] > 0]
    assert len(table) == 36 and len(new) == 6 and new["seed"].is_unique and new["rate"].between(1e-3, 10).all()
    assert new["decay"].between(-1, 1).all() and set(new["kind"]) <= {0, 1}
    out = capsys.readouterr().out
    assert "round 1: 6 trainings, 36 in all" in out and "low | high: decay = " in out and "β" not in out
    with pytest.raises(UserError, match="--dimensions is for sweeps of hypernetworks"):
        refine(made, folder.path, Goal(dimensions=(4,)), command=["hyperphase"])
