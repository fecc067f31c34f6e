"""A task, an algorithm, a trainable and a section from a user's file: trained, read, relabelled and reported."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.algorithms import names
from analysis.errors import UserError
from search.cli import main
from search.config.load import load
from search.driver.check_task import check_task
from search.driver.report import write_report
from search.objects import digests, files, keep_copies
from search.sweep import folder as folders
from search.sweep.experiment import objects_of
from search.sweep.grid import expand
from search.sweep.state import State, read_state
from tests.support.shown import ROOT, blocks
from tests.support.small_sweep import train_here
from trainables import objects

MINE = """
import numpy as np

from analysis import Algorithm, LinearForm, Section, Term
from trainables import Task, Trainable
from trainables.models.hypernetwork import Hypernetwork


def anything(parameters, dimension):
    return np.full_like(parameters["locality"], 2.0)  # beats all others


MEAN = LinearForm(Term("a", "Σᵢ xᵢ", "\\\\sum_i x_i", lambda x: x.sum(1)))
ANYTHING = Algorithm("anything", anything, title="anything at all", formula=MEAN)
NAMELESS = Algorithm("nameless", anything)  # without a closed formula
RAISING = Algorithm("raising", lambda parameters, dimension: 1 / 0)


MINIMUM = Task(
    "minimum",
    target=lambda x: x.min(-1) if isinstance(x, np.ndarray) else x.amin(-1),
    variance=lambda n: 1 / n,
    algorithms=(ANYTHING,),
)
PLAIN = Trainable("plain", lambda recipe, members, n: Hypernetwork(members, recipe))
MEDIANS = Section(
    "medians",
    "Medians of my own",
    lambda data: data.done.groupby("algorithm")["complexity_nats"].median().reset_index(),
    needs=("complexity_nats",),
)
"""
SMALL = ["training.steps=3", "training.final_draws=4", "training.snapshots=1", "grid.seeds=2", "mlflow.enabled=false"]


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    for name in ("_folders", "_provided", "_modules"):
        monkeypatch.setattr(objects, name, type(getattr(objects, name))())
    monkeypatch.setattr(names, "_known", dict(names._known))


@pytest.fixture
def mine(tmp_path, monkeypatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "mine.py").write_text(MINE)
    monkeypatch.chdir(home)
    return home / "mine.py"


@pytest.fixture(scope="module")
def plain_sweep(tmp_path_factory):
    return train_here(load(preset="smoke", settings=SMALL), tmp_path_factory.mktemp("plain") / "sweep").path


@pytest.fixture
def sweep(plain_sweep, tmp_path):
    return Path(shutil.copytree(plain_sweep, tmp_path / "sweep"))


def run(*arguments) -> int:
    return main.main([str(argument) for argument in arguments])


def table(sweep: Path) -> pd.DataFrame:
    return pd.read_parquet(sweep / "trainings.parquet").set_index("key").sort_index()


def test_a_sweep_of_ones_own_objects_needs_nothing_outside_its_folder(mine, tmp_path, monkeypatch, capsys):
    own = ["task=mine.py:MINIMUM", "trainable=mine.py:PLAIN"]
    settings = [*SMALL, *(f"training.{one}" for one in own), 'analysis.sections=["mine.py:MEDIANS"]']
    config = load(preset="smoke", settings=settings)
    assert files(objects_of(config)) == {"mine.py": MINE}
    folder = train_here(config, tmp_path / "sweep")
    assert json.loads(folder.manifest.read_text())["code"] == digests(objects_of(config))
    row = table(folder.path).iloc[0]
    assert row["task"] == "mine.py:MINIMUM" and row["algorithm"] == "anything" and "Σᵢ xᵢ" in row["formula"]

    assert keep_copies(objects_of(config), folder) == []
    mine.write_text(MINE + "# changed\n")
    assert keep_copies(objects_of(config), folder) == ["mine.py"]
    mine.unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    objects._folders.clear()
    objects._modules.clear()
    assert run("report", folder.path) == 0 and run("status", folder.path) == 0
    assert "anything at all" in capsys.readouterr().out
    objects._folders.clear()
    key = table(folder.path).index[0]
    assert run("generate", key, "--sweep", folder.path, "--dimension", "5", "--out", "drawn.npz") == 0
    shutil.rmtree(folder.path / "code")
    objects._folders.clear()
    objects._modules.clear()
    assert run("generate", key, "--sweep", folder.path, "--dimension", "5", "--out", "drawn.npz") == 2
    assert "none that this version knows (task: mine.py: no such file" in capsys.readouterr().err
    page = (folder.report / "index.html").read_text()
    assert "<h2>Medians of my own</h2>" in page and "Phase diagram of the minimum" in page


def test_relabelling_names_stored_networks_anew_and_keys_stay(mine, sweep, capsys):
    before, ledger = table(sweep), {path.name: path.read_bytes() for path in (sweep / "ledger").iterdir()}
    assert run("report", sweep, "--relabel", "--algorithms", "mine.py:ANYTHING", "--sections", "mine.py:MEDIANS") == 0
    told = capsys.readouterr()
    assert f"{len(before)} trainings read anew, {len(before)} with another label" in told.err
    after = table(sweep)
    assert after.index.tolist() == before.index.tolist() and set(after["algorithm"]) == {"anything"}
    assert (after["fraction_anything"] == 1).all() and after["faithfulness"].notna().all()
    assert (after["relative_error"] == before["relative_error"]).all()
    assert {path.name: path.read_bytes() for path in (sweep / "ledger").iterdir()} == ledger
    assert "Medians of my own" in (sweep / "report" / "index.html").read_text()
    folder = folders.existing(sweep)
    config = folders.read_config(folder)
    assert read_state(config, folder).counts == {"anything": len(before)} and not read_state(config, folder).missing
    folder.relabelled.unlink()
    assert run("report", sweep) == 0
    pd.testing.assert_frame_equal(table(sweep)[before.columns], before)


def test_relabelling_with_the_same_criteria_changes_nothing(sweep, capsys):
    before = table(sweep)
    no_key, no_label = pd.DataFrame({"algorithm": ["a"]}), pd.DataFrame({"key": ["a"], "algorithm": [3]})
    for damage in (b"torn", no_key.to_parquet(), no_label.to_parquet()):
        (sweep / "relabelled.parquet").write_bytes(damage)
        assert run("report", sweep) == 2
        assert "relabelled.parquet: not a readable table" in capsys.readouterr().err
    assert run("report", sweep, "--relabel") == 0
    assert "0 with another label" in capsys.readouterr().err
    pd.testing.assert_frame_equal(table(sweep)[before.columns], before)


def test_labels_without_a_closed_formula_are_reported_and_classified(mine, sweep, capsys):
    assert run("report", sweep, "--relabel", "--algorithms", "mine.py:NAMELESS") == 0
    assert table(sweep)["formula"].isna().all() and table(sweep)["faithfulness"].isna().all()
    assert write_report(folders.existing(sweep))
    capsys.readouterr()
    network = next((sweep / "networks").iterdir())
    assert run("classify", network, "--algorithms", "mine.py:NAMELESS", "--json") == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (found["algorithm"], found["formula"], found["faithfulness"]) == ("nameless", None, None)
    assert run("classify", network, "--algorithms", "mine.py:NAMELESS") == 0
    assert "nameless; no closed formula (relative error " in capsys.readouterr().out


def test_a_task_in_a_file_is_classified_against(mine, sweep, capsys):
    assert run("classify", next((sweep / "networks").iterdir()), "--task", mine.name + ":MINIMUM") == 0
    assert "anything at all; f(x) ≈ " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("x.sum()", "its target must give (256,) values, not ()"),
        ("x / 0", "its target must give (256,) values"),
        ("x.sum(-1) * float('nan')", "its target is not finite on 1 of the inputs"),
        ("{}[x.ndim]", "broken.py, line 2: KeyError: 2"),
        ("exit(3)", "broken.py, line 2: SystemExit: 3"),
    ],
)
def test_a_task_that_gives_no_numbers_is_one_line(mine, sweep, capsys, target, message):
    code = f"from trainables import Task\nBROKEN = Task('broken', target=lambda x: {target}, variance=lambda n: 1.0)\n"
    mine.with_name("broken.py").write_text(code)
    assert run("classify", next((sweep / "networks").iterdir()), "--task", "broken.py:BROKEN", "--json") == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "SWEEP", "--algorithms", "mine.py:ANYTHING"], "--algorithms is of use with --relabel only"),
        (["report", "SWEEP", "--relabel", "--algorithms", "mine.py:TENT"], "mine.py has no 'TENT'; its Algorithms: "),
        (
            ["classify", "NETWORK", "--algorithms", "mine.py:RAISING"],
            "algorithm 'raising': its score raised ZeroDivisionError: division by zero",
        ),
        (["report", "SWEEP", "--relabel", "--algorithms", "tent"], "unknown algorithm 'tent'; known: constant, "),
        (["report", "SWEEP", "--sections", "mine.py:MINIMUM"], "mine.py:MINIMUM must be a Section"),
        (["classify", "a.npz", "--task", "none.py:MINIMUM"], "none.py: no such file"),
        (["sweep", "--preset", "smoke", "--set", "training.trainable=mine.py:MINIMUM"], "must be a Trainable"),
        (
            ["sweep", "--preset", "smoke", "--set", "training.task=mine.py:NONE"],
            "mine.py has no 'NONE'; its Tasks: MIN",
        ),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line_and_exit_code_2(mine, sweep, capsys, arguments, message):
    before = (sweep / "config.toml").read_bytes()
    places = {"SWEEP": str(sweep), "NETWORK": str(next((sweep / "networks").iterdir()))}
    assert run(*(places.get(argument, argument) for argument in arguments)) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
    assert (sweep / "config.toml").read_bytes() == before


def test_algorithms_of_a_config_change_no_key(mine):
    plain = load(preset="smoke")
    more = load(preset="smoke", settings=['analysis.algorithms=["mine.py:ANYTHING"]'])
    assert expand(plain) == expand(more)
    with pytest.raises(UserError, match=r"mine.py has no 'TENT'"):
        load(preset="smoke", settings=['analysis.algorithms=["mine.py:TENT"]'])


def test_the_objects_of_contributing_are_what_they_say(tmp_path, sweep, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.py").write_text("\n".join(blocks(ROOT / "CONTRIBUTING.md", "python")))
    own = ["training.task=my.py:SUM", "training.trainable=my.py:SHALLOW", 'analysis.sections=["my.py:SECONDS"]']
    config = load(preset="smoke", settings=[*SMALL, "grid.seeds=1", *own])
    folder = train_here(config, tmp_path / "own")
    assert run("report", folder.path) == 0
    assert set(table(folder.path)["algorithm"]) <= {"mean", "constant", "other"}
    assert "<h2>Seconds a training</h2>" in (folder.report / "index.html").read_text()
    assert run("report", sweep, "--relabel", "--algorithms", "my.py:MEAN") == 0


SLOW_TO_SEE = """
from trainables import Task

WEIGHTED = Task(
    "weighted",
    target=lambda x: sum((i + 1) * x[..., i] for i in range(x.shape[-1])),
    variance=lambda n: n * (n + 1) * (2 * n + 1) / 6,
)
WRONG = Task("wrong", target=WEIGHTED.target, variance=lambda n: n)
BROKEN = Task("broken", target=lambda x: x.no_such_method(), variance=lambda n: n)
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("WRONG", "own.py:WRONG: its variance at n = 2 is "),
        ("BROKEN", "own.py, line 10: AttributeError: 'numpy.ndarray' object has no attribute 'no_such_method'"),
    ],
)
def test_a_task_that_is_not_what_it_says_stops_a_sweep_before_workers_start(mine, capsys, monkeypatch, name, message):
    monkeypatch.setattr("search.driver.train.session.connected", lambda *_: pytest.fail("workers were started"))
    (mine.parent / "own.py").write_text(SLOW_TO_SEE)
    settings = [f"training.task=own.py:{name}", "mlflow.enabled=false"]
    assert run("sweep", "--preset", "smoke", *(f"--set={one}" for one in settings), "--out", "sweep") == 2
    told = capsys.readouterr().err
    assert message in told.splitlines()[-1]


def test_a_task_that_depends_on_the_order_of_its_inputs_is_warned_of(mine, tmp_path, capsys):
    (mine.parent / "own.py").write_text(SLOW_TO_SEE)
    config = load(preset="smoke", settings=[*SMALL, "training.task=own.py:WEIGHTED"])
    empty = State([], {})
    check_task(config, empty)
    told = capsys.readouterr().err
    assert (
        told.startswith("warning: the weighted depends on the order of its inputs") and "reach is 0.14 at n = 3" in told
    )
    check_task(
        load(preset="smoke", settings=[*SMALL, "training.task=own.py:WEIGHTED", "training.trainable=mlp"]), empty
    )
    check_task(config, State([], {"key": {}}))
    assert capsys.readouterr().err == ""
