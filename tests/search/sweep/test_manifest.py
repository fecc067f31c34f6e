"""The manifest says what made the results, and holds no secrets."""

import json
import subprocess

import pytest

from analysis.sweeps.load import load_sweep
from search.sweep import folder as folders
from search.sweep import manifest
from tests.support.fake_sweep import write_fake_sweep
from tests.support.records import smoke


def test_it_says_what_made_the_results(tmp_path):
    folder = folders.create(tmp_path)
    config = smoke()
    facts = manifest.begin(folder, config, ["hyperphase", "sweep", "--preset", "smoke"])
    manifest.end(folder, facts, status="complete", trainings=4)
    found = manifest.read(folder)
    assert found["config"]["grid"]["betas"] == [1.0, 1e-6] and found["seeds"] == [0, 1]
    assert found["packages"]["torch"] and found["packages"]["ray"] and found["python"]
    assert found["hardware"]["cores"] >= 1
    [run] = found["runs"]
    assert run["command"] == "hyperphase sweep --preset smoke" and run["status"] == "complete"
    assert run["finished_at"] >= run["started_at"]


def test_the_sweep_keeps_its_name_and_its_history(tmp_path):
    folder = folders.create(tmp_path)
    names = {manifest.begin(folder, smoke(), ["x"])["sweep"] for _ in range(3)}
    assert len(names) == 1 and len(manifest.read(folder)["runs"]) == 3


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_manifest_is_no_manifest(tmp_path, text):
    folder = folders.create(tmp_path)
    folder.manifest.write_text(text)
    assert manifest.read(folder) == {}
    assert manifest.begin(folder, smoke(), ["x"])["runs"]


def test_git_state_of_a_checkout(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    source = tmp_path / "search" / "sweep" / "manifest.py"
    source.parent.mkdir(parents=True)
    source.write_text("one\n")
    assert manifest.git_state(tmp_path) is None  # no repository
    git("init")
    assert manifest.git_state(tmp_path) is None  # not tracked: installed inside somebody's repository
    git("add", ".")
    git("commit", "-m", "one")
    clean = manifest.git_state(tmp_path)
    assert len(clean["commit"]) == 40 and not clean["dirty"]
    source.write_text("two\n")
    (tmp_path / "new.py").write_text("")
    dirty = manifest.git_state(tmp_path)
    assert dirty["dirty"] and dirty["changed"] == ["search/sweep/manifest.py"] and dirty["untracked"] == ["new.py"]
    assert len(dirty["diff_sha256"]) == 64 and "diff" not in dirty and "two" not in json.dumps(dirty)
    asked = manifest.git_state(tmp_path, diff=True)
    assert "+two" in asked["diff"] and not asked["diff_cut"]
    assert manifest.shareable({"git": asked, "runs": []}) == {"git": dirty, "runs": []}


def test_a_secret_in_a_files_name_is_masked(tmp_path):
    for words in (["init"], ["config", "user.name", "a"], ["config", "user.email", "a@b"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)
    names = ["search/sweep/manifest.py", "größe.txt", "password=hunter2.txt", "ghp_0123456789abcdefghij"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    for words in (["add", "."], ["commit", "-m", "one"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)
    for name in names:
        (tmp_path / name).write_text("two")
    (tmp_path / "token=hunter2").write_text("")
    state = manifest.git_state(tmp_path)
    assert set(state["changed"]) == {"search/sweep/manifest.py", "größe.txt", "password=***", "***"}
    assert state["untracked"] == ["token=***"]


def test_the_diff_is_kept_on_request_and_never_shown(tmp_path, monkeypatch):
    def state(source, *, diff):
        return {"commit": "c"} | ({"diff": "+two"} if diff else {})

    monkeypatch.setattr(manifest, "git_state", state)
    write_fake_sweep(tmp_path / "sweep")
    folder = folders.SweepFolder(tmp_path / "sweep")
    manifest.begin(folder, smoke(), ["x"])
    assert "+two" not in folder.manifest.read_text()
    manifest.begin(folder, smoke("manifest.diff=true"), ["x"])
    assert "+two" in folder.manifest.read_text()
    assert load_sweep(folder.path).manifest["git"] == {"commit": "c"}


def test_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    from pathlib import Path

    assert manifest.git_state(Path(manifest.__file__).parents[2]) is None


def test_masks_reach_the_file(tmp_path):
    folder = folders.create(tmp_path)
    manifest.begin(folder, smoke(), ["hyperphase", "--set", "mlflow.tracking_uri=http://me:hunter2@host"])
    assert "hunter2" not in folder.manifest.read_text() and json.loads(folder.manifest.read_text())
