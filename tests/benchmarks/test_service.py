"""The bench of the service: its parts on work that takes no time."""

import sys

import pytest

from benchmarks.service import overhead, process_watch
from benchmarks.service.process_watch import KINDS, watch
from search.config.load import load
from search.sweep.grid import expand
from search.sweep.packs import make_packs

WORK = "import pathlib, sys\nwhile not pathlib.Path('charged').exists(): pass"
BY_A_CHILD = f"""
import pathlib, subprocess, sys, time
subprocess.run([sys.executable, "-c", {WORK!r}])
pathlib.Path("ended").touch()
while not pathlib.Path("looked at again").exists():
    time.sleep(0.01)
"""


def trivial(*settings: str):
    return load(preset="smoke", settings=[*overhead.TRIVIAL, *settings])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where a watched command runs: `charged` appears once its work is seen, `looked at again` after it has ended."""
    look = process_watch._look

    def look_and_tell(seen, spent, session):
        ended = (tmp_path / "ended").exists()
        look(seen, spent, session)
        if sum(used[-1] for used in seen.processor.values()) > 0.1:
            (tmp_path / "charged").touch()
        if ended:
            (tmp_path / "looked at again").touch()

    monkeypatch.setattr(process_watch, "_look", look_and_tell)
    monkeypatch.setattr(process_watch, "INTERVAL", 0.05)
    return tmp_path


def test_the_bare_loop_trains_every_pack():
    config = trivial("grid.seeds=2")
    packs = make_packs(expand(config), config.training.recipe(), workers=2, pack_size=config.ray.pack_size)
    assert len(packs) == 2
    found = overhead.bare(config, packs, workers=2)
    assert found["seconds"] > 0 and found["processor_seconds"] > 0


def test_a_watched_command_is_charged_for_its_work(place):
    seen = watch([sys.executable, "-c", WORK], cwd=place)
    spent = seen.spent(seen.started, seen.ended)
    assert seen.returncode == 0 and set(spent) == set(KINDS)
    assert spent["driver"] > 0 and spent["workers"] == spent["ray"] == 0 and 1 < seen.peak["driver"] < 1000
    assert seen.started <= seen.times[0] <= seen.times[-1] <= seen.ended


def test_ended_processes_keep_their_charge(place):
    seen = watch([sys.executable, "-c", BY_A_CHILD], cwd=place)
    assert seen.returncode == 0
    used = seen.processor["ray"]  # of the child, which has ended before the last look
    assert used[-1] > 0 and used == sorted(used)
