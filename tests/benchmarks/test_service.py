"""The bench of the service: its parts on work that takes no time."""

import sys

from benchmarks.service import overhead
from benchmarks.service.process_watch import KINDS, watch
from search.config.load import load
from search.sweep.grid import expand
from search.sweep.packs import make_packs


def trivial(*settings: str):
    return load(preset="smoke", settings=[*overhead.TRIVIAL, *settings])


def test_the_bare_loop_trains_every_pack():
    config = trivial("grid.seeds=2")
    packs = make_packs(expand(config), config.training.recipe(), workers=2, pack_size=config.ray.pack_size)
    assert len(packs) == 2
    found = overhead.bare(config, packs, workers=2)
    assert found["seconds"] > 0 and 0 < found["processor_seconds"] < 60


def test_a_watched_command_is_charged_for_its_work():
    busy = "import time\nwhile time.process_time() < 1: pass"
    seen = watch([sys.executable, "-c", busy])
    spent = seen.spent(seen.started, seen.ended)
    assert seen.returncode == 0 and set(spent) == set(KINDS)
    assert spent["driver"] > 0.2 and spent["workers"] == 0 and 1 < seen.peak["driver"] < 1000
    assert seen.started <= seen.times[0] <= seen.times[-1] <= seen.ended


def test_ended_processes_keep_their_charge():
    busy = "import time\nwhile time.process_time() < 1: pass"
    parent = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {busy!r}])\ntime.sleep(0.6)"
    seen = watch([sys.executable, "-c", parent])
    assert seen.spent(seen.started, seen.ended)["ray"] > 0.2
