"""Only our own files are written over or removed; folders, storages and sessions of others are left alone."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import UserError
from analysis.network import Network
from search.cli import main
from search.cluster import session
from search.driver.sweep import sweep
from search.ledger import checkpoints, ledger, storage
from search.sweep import folder as folders
from search.sweep import manifest
from tests.support.records import records, smoke


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def project(folder: Path) -> Path:
    """Somebody's own folder, with names that a sweep has too."""
    for name in ("checkpoints/model.pt", "checkpoints/a.npz", "config.toml", "report/index.html", "networks/mine.npz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"of somebody: {name}")
    return folder


def refused(capsys, *arguments) -> str:
    assert main.main([str(argument) for argument in arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_a_folder_of_others_is_refused(tmp_path, capsys, ray):
    folder = project(tmp_path / "proj")
    before = contents(tmp_path)
    for command in ("resume", "refine", "status", "report", "ui", "sync", "generalise"):
        assert "not a sweep's folder" in refused(capsys, command, folder)
    assert "neither empty nor a sweep's folder" in refused(capsys, "sweep", "--preset", "smoke", "--out", folder)
    assert contents(tmp_path) == before and ray["asked"] == []


def test_a_storage_of_others_is_refused(tmp_path, capsys, ray):
    store = project(tmp_path / "store")
    before = contents(tmp_path)
    setting = f'ray.storage="{store}"'
    options = ["sweep", "--preset", "smoke", "--set", setting, "--out", tmp_path / "out"]
    assert "neither empty nor ours" in refused(capsys, *options)
    assert contents(tmp_path) == before and not (tmp_path / "out").exists()
    storage.mark(tmp_path / "ours")
    (tmp_path / "ours" / "ledger").mkdir()
    storage.check_free(tmp_path / "ours")


@pytest.mark.parametrize("option", [["--out", ""], ["--config", ""]])
def test_an_empty_path_is_refused(option, tmp_path, capsys, monkeypatch, ray):
    monkeypatch.chdir(tmp_path)
    source = [] if option[0] == "--config" else ["--preset", "smoke"]
    with pytest.raises(SystemExit) as ended:
        main.main(["sweep", *source, *option])
    assert ended.value.code == 2 and list(tmp_path.iterdir()) == []


def test_a_sweep_older_than_the_mark_goes_on(tmp_path, ray):
    config, folder = smoke("mlflow.enabled=false"), folders.SweepFolder(tmp_path / "old")
    folder.ledger.mkdir(parents=True)
    folders.write_config(folder, config)
    folder.manifest.write_text('{"sweep": "old-0123abcd", "runs": []}')
    for record in records(config)[:2]:
        ledger.write(folder.ledger, record)
    assert sweep(config, folder.path, command=["x"]) == 0 and ray["asked"] == [2]
    assert manifest.read(folder)["sweep"] == folders.mark(folder) == "old-0123abcd"
    folder.manifest.write_text("damaged")  # its name is kept by the mark too, so nothing is logged twice
    assert manifest.begin(folder, config, ["x"])["sweep"] == "old-0123abcd"


def test_checkpoints_of_others_stay(tmp_path):
    place = tmp_path / "checkpoints"
    place.mkdir()
    for name in ("model.pt", "a.npz", "notes"):
        (place / name).write_text(name)
    np.savez(place / "theirs.npz", weights=np.zeros(3))
    ours = checkpoints.PackCheckpoint(place, "0123456789abcdef", dimension=3, keys=["a"], device="cpu", seconds=1e-9)
    ours.offer(lambda: {"step": np.array([3])})
    (place / "fedcba9876543210.npz").write_text("torn")
    before = contents(place)
    assert checkpoints.resumable(place, set()) == []
    assert set(before) - set(contents(place)) == {"0123456789abcdef.npz", "fedcba9876543210.npz"}
    checkpoints.remove_all(place)
    assert len(contents(place)) == 4
    checkpoints.remove_all(tmp_path / "absent")


def test_only_a_session_of_ours_is_removed(tmp_path, monkeypatch):
    folder, base = folders.create(tmp_path / "sweep"), Path(tempfile.mkdtemp(prefix="hyper", dir="/tmp"))
    monkeypatch.setattr(session, "_socket_base", lambda: base)
    try:
        victims = [tmp_path / "home", base / "other", base / "hyperphase-link", base / "hyperphase-a" / "deep"]
        (tmp_path / "home").mkdir()
        for path in (base / "other", base / "hyperphase-a" / "deep", base / "hyperphase-unowned"):
            path.mkdir(parents=True)
        (base / "hyperphase-link").symlink_to(tmp_path / "home")
        victims += [base / "hyperphase-unowned"]
        folder.tune.mkdir()
        for victim in victims:
            (folder.tune / "session").write_text(str(victim))
            with session._socket_folder(folder):
                pass
            assert victim.exists()
        with session._socket_folder(folder) as running:  # noted in a copy of this sweep
            copy = folders.SweepFolder(Path(shutil.copytree(folder.path, tmp_path / "copy")))
            with session._socket_folder(copy):
                assert running.exists()
        left = base / "hyperphase-left"
        left.mkdir()
        (left / session.OWNER).touch()
        (folder.tune / "session").write_text(str(left))
        with session._socket_folder(folder) as new:
            assert not left.exists() and new.exists()
        assert not new.exists()
    finally:
        shutil.rmtree(base)


def networks(tmp_path: Path, *names: str) -> list[Path]:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Network(np.eye(2), np.zeros(2), np.ones(2), np.zeros(())).save(tmp_path / name)
    return [tmp_path / name for name in names]


def test_every_drawing_has_a_file_of_its_own(tmp_path, capsys):
    files = networks(tmp_path, "d1/n.npz", "d2/n.npz", "d3/n.png")
    assert main.main(["draw", *map(str, files), "--out", str(tmp_path / "out")]) == 0
    assert sorted(contents(tmp_path / "out")) == ["n-2.png", "n-3.png", "n.png"]
    before = files[2].read_bytes()
    assert main.main(["draw", str(files[2])]) == 0
    assert files[2].read_bytes() == before and (tmp_path / "d3" / "n-2.png").exists()


def test_a_picture_of_others_stays(tmp_path, capsys):
    [file] = networks(tmp_path, "n.npz")
    (tmp_path / "n.png").write_bytes(b"\x89PNG mine")
    for _ in range(2):  # our own is drawn again
        assert main.main(["draw", str(file)]) == 0
    assert (tmp_path / "n.png").read_bytes() == b"\x89PNG mine"
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["n-2.png", "n.png"]


@pytest.mark.parametrize("out", ["a.pdf", "a.jpeg", "many.png"])
def test_a_drawing_of_another_kind_is_refused(out, tmp_path, capsys):
    files = networks(tmp_path, "n.npz", "m.npz")
    before = contents(tmp_path)
    refused(capsys, "draw", *files, "--out", tmp_path / out)
    assert contents(tmp_path) == before


def test_a_config_of_an_older_sweep_must_be_ours(tmp_path):
    (tmp_path / "ledger").mkdir()
    (tmp_path / "config.toml").write_text("[tool]\n")
    with pytest.raises(UserError, match="unknown key"):
        folders.existing(tmp_path)
