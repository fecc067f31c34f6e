"""Files take their places all at once, or not at all."""

import os
import stat

import pandas as pd
import pytest

from analysis.files import replace_text, staged, write_csv


def test_what_fails_leaves_the_folder_as_it_was(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "index.html").write_text("old")
    with pytest.raises(OSError), staged(folder, stale=lambda name: True, last="index.html") as temporary:
        (temporary / "index.html").write_text("new")
        raise OSError(28, "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("index.html", "old")]


def test_what_is_stale_goes_and_what_is_not_ours_stays(tmp_path):
    folder = tmp_path / "report"
    (folder / "drawings").mkdir(parents=True)
    for name in ("old.png", "drawings/old.svg", "notes.txt"):
        (folder / name).write_text("old")
    with staged(folder, stale=lambda name: name.endswith(("png", "svg")), last="index.html") as temporary:
        (temporary / "drawings").mkdir()
        for name in ("index.html", "drawings/new.svg"):
            (temporary / name).write_text("new")
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == ["drawings/new.svg", "index.html", "notes.txt"]


def test_a_device_or_pipe_stays_one(tmp_path):
    """Root could make a file of /dev/null, and no process would find its pipe again."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="not a regular file"):
            replace_text(tmp_path / name, "text")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode) and len(list(tmp_path.iterdir())) == 2


def test_a_table_never_waits_for_the_reader_of_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "table.csv")
    with pytest.raises(OSError, match="not a regular file"):
        write_csv(pd.DataFrame({"x": [1]}), tmp_path / "table.csv")
    write_csv(pd.DataFrame({"x": [1]}), tmp_path / "other.csv")
    assert (tmp_path / "other.csv").read_text() == "x\n1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv", "table.csv"]
