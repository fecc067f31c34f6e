"""MLflow's pages on a sweep, in a real browser against a real server."""

import re
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from search.tracking import Tracker
from search.tracking_content import list_address
from tests.browser import browser, visit
from tests.search.records import records, smoke

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
mlflow = pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(address, tracker) of a sweep of four trainings behind `hyperphase ui`."""
    from search import folder as folders

    browser()
    config, folder = smoke(), folders.create(tmp_path_factory.mktemp("ui") / "sweep")
    folders.write_config(folder, config)
    folder.report.mkdir()
    tracker = Tracker(config, folder, "the-sweep")
    tracker.open_sweep({})
    for record in records(config):
        tracker.log(record)
    drawing = next((folder.mlflow_artifacts).rglob("drawing.png"))
    (folder.report / "phase_map.png").write_bytes(drawing.read_bytes())
    tracker.close_sweep("FINISHED", {"convexity": 1, "constant": 1, "double_sided": 1})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "search.cli", "ui", str(folder.path), "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + 120
    try:
        while True:
            try:
                urllib.request.urlopen(address + "health").read()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, "the server does not start"
                time.sleep(0.5)
        yield address, tracker
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_list_shows_the_sweep_and_a_filter_works(served, tmp_path):
    address, tracker = served
    page, said = visit(f"{address}#/experiments/{tracker.experiment}/runs", tmp_path)
    assert "sweep sweep" in page and said == []
    query = "tags.algorithm = 'convexity'"
    page, said = visit(address + list_address(tracker.experiment, query), tmp_path)
    assert "n=3 β=1e-06 seed=0" in page and "n=3 β=1 seed=0" not in page and said == []
    assert "l1_norm n=3" in page


def test_drawing_formula_and_phase_map_show(served, tmp_path):
    address, tracker = served
    child, _ = tracker.children[records(smoke())[0].row["key"]]
    for run, words in ((tracker.parent, "tags.algorithm = 'constant'"), (child, "faithfulness 0.900")):
        page, said = visit(f"{address}#/experiments/{tracker.experiment}/runs/{run}", tmp_path)
        assert words in page and said == []
        [source] = re.findall(r'<img[^>]* src="(get-artifact[^"]+)"', page)
        picture = urllib.request.urlopen(address + source.replace("&amp;", "&")).read()
        assert picture.startswith(b"\x89PNG")


def test_the_hypernetwork_stands_in_the_list_of_models(served, tmp_path):
    address, tracker = served
    page, _ = visit(f"{address}#/experiments/{tracker.experiment}/models", tmp_path)
    assert page.count(">hypernetwork<") == 3 and "Ready" in page
