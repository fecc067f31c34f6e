"""Damaged and foreign things in a sweep's folder: one line, a documented exit code, and the rest goes on."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.cli import main
from search.ledger import ledger
from search.ledger.checkpoints import PackCheckpoint
from search.sweep import folder as folders
from search.sweep.grid import expand
from tests.support.records import record_of, smoke
from tests.support.small_sweep import train_here

CONFIG = ("mlflow.enabled=false", "grid.betas=[1.0, 1e-3, 1e-6]", "grid.seeds=3", "training.snapshots=1")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A tiny sweep with nothing wrong."""
    return train_here(smoke(*CONFIG), tmp_path_factory.mktemp("whole") / "sweep").path


def first(folder: Path) -> Path:
    return sorted((folder / "ledger").glob("*.npz"))[0]


def rewritten(change):
    """A record's row, changed."""

    def damage(folder: Path) -> None:
        path = first(folder)
        record = ledger.read(path)
        path.unlink()
        ledger.write(folder / "ledger", replace(record, row=change(dict(record.row))))

    return damage


def without(name: str):
    return rewritten(lambda row: {key: value for key, value in row.items() if key != name})


def with_value(**values):
    return rewritten(lambda row: row | values)


def arrays(change):
    """A record's arrays, changed."""

    def damage(folder: Path) -> None:
        path = first(folder)
        with np.load(path) as archive:
            content = {name: archive[name] for name in archive.files}
        path.unlink()
        np.savez(path, **change(content))

    return damage


def text(name: str, content: str):
    return lambda folder: (folder / name).write_text(content)


def in_the_place_of(name: str, make):
    """A folder or a pipe where a file should be."""

    def damage(folder: Path) -> None:
        path = first(folder) if name == "record" else folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        make(path)

    return damage


def checkpoint(**arrays):
    def damage(folder: Path) -> None:
        config = smoke(*CONFIG)
        keys = [point.key for point in expand(config)]
        pack = PackCheckpoint(folder / "checkpoints", "0" * 16, dimension=3, keys=keys, device="cpu", seconds=1e-9)
        pack.offer(lambda: {"step": np.full(len(keys), 3)} | arrays)

    return damage


def short(content: dict) -> dict:
    return content | {"draws/hidden_bias": content["draws/hidden_bias"][:1]}


DAMAGE = {
    "a row without its β": without("beta"),
    "a row without its recipe": without("recipe"),
    "a row without its algorithm": without("algorithm"),
    "a β that is a text": with_value(beta="1e-3"),
    "a dimension that is no whole number": with_value(dimension=3.5),
    "an unknown status": with_value(status="so so"),
    "a recipe that is no table": with_value(recipe="[1]"),
    "a recipe of another world": with_value(recipe='{"depth": 3}'),
    "a list in a row": with_value(purity=[1, 2]),
    "a key that is none": with_value(key="<b>"),
    "a representative that was not drawn": with_value(representative=99),
    "draws of two sizes": arrays(short),
    "draws of texts": arrays(lambda content: content | {"draws/hidden_bias": content["draws/hidden_bias"].astype(str)}),
    "snapshots that are a number": arrays(lambda content: content | {"snapshots": np.frombuffer(b"7", np.uint8)}),
    "a hypernetwork of another size": arrays(
        lambda content: {name: array[:3] if name.startswith("hyper") else array for name, array in content.items()}
    ),
    "half a record": lambda folder: first(folder).write_bytes(first(folder).read_bytes()[:-200]),
    "a folder for a record": in_the_place_of("record", lambda path: path.mkdir()),
    "a pipe for a record": in_the_place_of("record", os.mkfifo),
    "a foreign file in the ledger": text("ledger/notes.txt", "mine"),
    "no record's name": lambda folder: shutil.copy(first(folder), folder / "ledger" / "a b.npz"),
    "a manifest of nothing": text("manifest.json", ""),
    "a manifest of other types": text("manifest.json", '{"runs": [{"started_at": "noon"}], "config": 3}'),
    "a manifest that is a pipe": in_the_place_of("manifest.json", os.mkfifo),
    "links that are a list": text("links.json", "[1]"),
    "links of numbers": text("links.json", '{"a": 1}'),
    "a study of junk": text("refine.db", "junk" * 999),
    "rounds of junk": text("refinement.json", '{"rounds": 3}'),
    "a table of junk": text("trainings.parquet", "junk"),
    "a folder for a table": in_the_place_of("snapshots.parquet", lambda path: path.mkdir()),
    "a lock that is a folder": in_the_place_of(".lock", lambda path: path.mkdir()),
    "a file for the networks": in_the_place_of("networks", lambda path: path.write_text("mine")),
    "a file for the report": in_the_place_of("report", lambda path: path.write_text("mine")),
    "a config of junk": text("config.toml", "= = ="),
    "a config that is a pipe": in_the_place_of("config.toml", os.mkfifo),
    "a checkpoint of nothing": lambda folder: [(folder / "checkpoints").mkdir(), text("checkpoints/x.npz", "")(folder)],
    "a checkpoint of odd arrays": checkpoint(junk=np.zeros((2, 2)), step=np.zeros(9, int)),
    "a pipe for a checkpoint": lambda folder: [
        (folder / "checkpoints").mkdir(), os.mkfifo(folder / "checkpoints" / f"{'0' * 16}.npz")
    ],
}  # fmt: skip

FAST, READING = ("status", "resume"), ("status", "compare", "generate")
SLOW = [pytest.param(command, marks=pytest.mark.slow) for command in ("compare", "generate", "report", "refine")]


def arguments(command: str, folder: Path) -> list[str]:
    if command == "compare":
        return ["compare", str(folder), "--out", str(folder.parent / "out"), "--most-error", "1000"]
    if command == "generate":
        key = next((path.stem for path in sorted((folder / "ledger").glob("*.npz")) if path.is_file()), "a")
        return [
            "generate",
            key,
            "--sweep",
            str(folder),
            "--dimension",
            "4",
            "--out",
            str(folder.parent / "out" / "n.npz"),
        ]
    return [command, str(folder)] + (["--trainings", "1"] if command == "refine" else [])


@pytest.mark.parametrize("command", [*FAST, *SLOW])
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_line(kind, command, whole, tmp_path, capsys, recwarn, ray):
    folder = Path(shutil.copytree(whole, tmp_path / "sweep"))
    DAMAGE[kind](folder)
    outside = set(tmp_path.iterdir())
    code = main.main(arguments(command, folder))
    shown = capsys.readouterr()
    assert code in (0, 1, 2) and "Traceback" not in shown.err + shown.out and "internal error" not in shown.err
    assert [line.startswith("hyperphase: ") for line in shown.err.splitlines()].count(True) == (code == 2), shown.err
    assert set(tmp_path.iterdir()) - outside <= {tmp_path / "out"}
    mine = folder / "ledger" / "notes.txt"
    assert kind != "a foreign file in the ledger" or mine.read_text() == "mine"


@pytest.mark.parametrize(
    "kind", ["a row without its β", "half a record", "a folder for a record", "a pipe for a record"]
)
def test_what_is_damaged_is_trained_again(kind, whole, tmp_path, capsys, ray):
    folder = Path(shutil.copytree(whole, tmp_path / "sweep"))
    DAMAGE[kind](folder)
    assert main.main(["resume", str(folder)]) == 0 and ray["asked"] == [1]
    assert len(list((folder / "ledger").glob("*.torn"))) == 1
    assert len(ledger.read_all(folder / "ledger", whole_row=True)) == 9


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_reading_commands_work_where_nothing_can_be_written(whole, tmp_path, capsys):
    folder = Path(shutil.copytree(whole, tmp_path / "sweep"))
    DAMAGE["half a record"](folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        for command in READING:
            assert main.main(arguments(command, folder)) == 0, capsys.readouterr().err
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
