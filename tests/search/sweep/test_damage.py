"""Damaged and foreign things in a sweep's folder: one line, a documented exit code, and the rest goes on."""

import json
import shutil
from pathlib import Path

import pytest

from search.cli import main
from search.ledger import ledger
from search.sweep import folder as folders
from search.sweep.grid import expand
from tests.support.damage import CONFIG, DAMAGE, OWN_DAMAGE, first
from tests.support.own_experiment import kept_own_sweep
from tests.support.permissions import without_override
from tests.support.records import record_of, smoke
from tests.support.small_sweep import train_here


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A tiny sweep with nothing wrong."""
    return train_here(smoke(*CONFIG), tmp_path_factory.mktemp("whole") / "sweep").path


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The same of a user's own experiment, whose file is gone."""
    return kept_own_sweep(tmp_path_factory.mktemp("own")).path


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.setattr("search.cli.ui.serve", lambda *arguments: None)


FAST = ("status", "resume")
SLOW = ("compare", "generate", "report", "refine", "refine equilibrium", "anneal", "generalise", "verify", "ui", "sync",
        "boundaries", "classify", "draw", "retry")  # fmt: skip
OWN_FAST, OWN_SLOW = ("status",), ("resume", "report", "refine", "verify", "relabel", "compare", "retry")
READING = ("status", "verify", "compare", "generate", "boundaries", "classify")


def marked(fast, slow):
    return [*fast, *(pytest.param(command, marks=pytest.mark.slow) for command in slow)]


def arguments(command: str, folder: Path) -> list[str]:
    out, table = str(folder.parent / "out"), str(folder / "trainings.parquet")
    key = next((path.stem for path in sorted((folder / "ledger").glob("*.npz")) if path.is_file()), "a")
    network = str(folder / "networks" / f"{key}.npz")
    special = {
        "refine": ["refine", str(folder), "--trainings", "1"],
        "refine equilibrium": ["refine", str(folder), "--trainings", "1", "--boundary", "equilibrium"],
        "verify": ["status", str(folder), "--verify", "--json"],
        "retry": ["resume", str(folder), "--retry-failed"],
        "relabel": ["report", str(folder), "--relabel"],
        "generalise": ["generalise", str(folder), "--dimensions", "4", "--draws", "2"],
        "compare": ["compare", str(folder), "--out", out, "--most-error", "1000"],
        "generate": ["generate", key, "--sweep", str(folder), "--dimension", "4", "--out", f"{out}/n.npz"],
        "boundaries": ["boundaries", table, "--x", "beta", "--y", "dimension", "--label", "algorithm", "--log-x",
                       "--out", out],
        "classify": ["classify", network, "--json"],
        "draw": ["draw", network, "--out", out],
    }  # fmt: skip
    return special.get(command, [command, str(folder)])


def check(command: str, kind: str, damage: dict, whole: Path, place: Path, capsys) -> None:
    """One line if it is refused, an exit code of ours, nothing elsewhere."""
    folder = Path(shutil.copytree(whole, place / "sweep"))
    damage[kind](folder)
    outside = set(place.iterdir())
    code = main.main(arguments(command, folder))
    shown = capsys.readouterr()
    assert code in (0, 1, 2) and "Traceback" not in shown.err + shown.out and "internal error" not in shown.err
    assert [line.startswith("hyperphase: ") for line in shown.err.splitlines()].count(True) == (code == 2), shown.err
    assert set(place.iterdir()) - outside <= {place / "out"}
    assert "--json" not in arguments(command, folder) or code or all(map(json.loads, shown.out.splitlines()))


@pytest.mark.parametrize("command", marked(FAST, SLOW))
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_line(kind, command, whole, tmp_path, capsys, recwarn, ray):
    check(command, kind, DAMAGE, whole, tmp_path, capsys)
    mine = tmp_path / "sweep" / "ledger" / "notes.txt"
    assert kind != "a foreign file in the ledger" or mine.read_text() == "mine"


@pytest.mark.parametrize("command", marked(OWN_FAST, OWN_SLOW))
@pytest.mark.parametrize("kind", OWN_DAMAGE)
def test_damage_to_a_sweep_of_ones_own_is_one_line(kind, command, own, tmp_path, monkeypatch, capsys, recwarn, ray):
    monkeypatch.chdir(tmp_path)
    check(command, kind, OWN_DAMAGE, own, tmp_path, capsys)


@pytest.mark.parametrize(
    "kind", ["a row without its β", "half a record", "a folder for a record", "a pipe for a record"]
)
def test_what_is_damaged_is_trained_again(kind, whole, tmp_path, capsys, ray):
    folder = Path(shutil.copytree(whole, tmp_path / "sweep"))
    DAMAGE[kind](folder)
    assert main.main(["resume", str(folder)]) == 0 and ray["asked"] == [1]
    assert len(list((folder / "ledger").glob("*.torn"))) == 1
    assert len(ledger.read_all(folder / "ledger", whole_row=True)) == 9


@pytest.mark.parametrize("kind", ["a row without an axis", "an axis that is a text", "a label that is a number"])
def test_what_is_damaged_of_ones_own_is_trained_again(kind, own, tmp_path, monkeypatch, capsys, ray):
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(own, tmp_path / "sweep"))
    OWN_DAMAGE[kind](folder)
    assert main.main(["resume", str(folder)]) == 0 and ray["asked"] == [1]
    assert len(list((folder / "ledger").glob("*.torn"))) == 1
    assert main.main(["status", str(folder)]) == 0
    assert "30 of 30 trainings done" in capsys.readouterr().out


def test_reading_commands_work_where_nothing_can_be_written(whole, tmp_path, capsys):
    folder = Path(shutil.copytree(whole, tmp_path / "sweep"))
    torn = sorted((folder / "ledger").glob("*.npz"))[-1]  # another than is asked for
    torn.write_bytes(torn.read_bytes()[:-200])
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with without_override():
            with pytest.raises(PermissionError):
                (folder / "mine").touch()
            for command in READING:
                assert main.main(arguments(command, folder)) == 0, (command, capsys.readouterr().err)
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)


def test_a_torn_record_that_cannot_be_renamed_is_ignored(tmp_path, monkeypatch):
    folder, config = folders.create(tmp_path), smoke()
    for point in expand(config)[:2]:
        ledger.write(folder.ledger, record_of(point, config))
    first(tmp_path).write_text("torn")

    def read_only(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ledger, "set_aside", read_only)
    with pytest.warns(UserWarning, match="is ignored"):
        assert len(ledger.read_all(folder.ledger)) == 1


def test_a_damaged_manifest_is_kept(whole, tmp_path, capsys, ray):
    folder = Path(shutil.copytree(whole, tmp_path / "sweep"))
    (folder / "manifest.json").write_text("mine")
    assert main.main(["status", str(folder)]) == 0 and (folder / "manifest.json").read_text() == "mine"
    assert main.main(["resume", str(folder)]) == 0
    assert (folder / "manifest.json.torn").read_text() == "mine"
    assert json.loads((folder / "manifest.json").read_text())["sweep"] == folders.mark(folders.SweepFolder(folder))
