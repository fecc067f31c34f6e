"""MLflow's pages on a sweep, in a real browser against a real server."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from analysis.drawing.draw import draw
from search.tracking.run_content import list_address
from search.tracking.tracker import Tracker
from tests.support.browser import PATIENCE, browser
from tests.support.known_networks import double_sided
from tests.support.records import records, smoke

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
mlflow = pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(address, tracker, what it printed) of a sweep of four trainings behind `hyperphase ui`."""
    from search.sweep import folder as folders

    config, folder = smoke(), folders.create(tmp_path_factory.mktemp("ui") / "sweep")
    folders.write_config(folder, config)
    folder.report.mkdir()
    tracker = Tracker(config, folder, "the-sweep")
    tracker.open_sweep({})
    for record in records(config):
        tracker.log(record)
    draw(double_sided(3), folder.report / "phase_map.png")
    tracker.close_sweep("FINISHED", {"convexity": 1, "constant": 1, "double_sided": 1})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    printed = folder.path / "printed"
    with open(printed, "w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "search.cli", "ui", str(folder.path), "--port", str(port)],
            stdout=out, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    address, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE
    try:
        while "Ctrl-C" not in printed.read_text():
            assert server.poll() is None and time.monotonic() < deadline, "the server does not start"
            time.sleep(0.2)
        yield address, tracker, printed.read_text()
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_command_prints_the_address_of_the_sweep_page(served, tmp_path):
    address, tracker, printed = served
    page = re.search(r"http\S+", printed)[0]
    assert page.startswith(f"{address}#/experiments/{tracker.experiment}/runs/{tracker.parent}")
    with browser(tmp_path) as tab:
        tab.visit(page, until=f"{shows('sweep sweep')} && {shows('Model registry')} && !{shows('Prompts')}")


def test_a_foreign_page_that_gives_us_its_name_is_refused(served):
    address, _, printed = served
    assert len(printed.splitlines()) == 2  # nothing of MLflow's own start
    for host in ("10.evil.com", "127.0.0.1.evil.com", "evil.com:80"):
        asked = urllib.request.Request(f"{address}api/2.0/mlflow/experiments/search", headers={"Host": host})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(asked, timeout=60)


def shows(words: str) -> str:
    """JavaScript: the page shows these words."""
    return f"document.body.innerText.includes({json.dumps(words)})"


def test_the_list_shows_the_sweep_and_a_filter_works(served, tmp_path):
    address, tracker, _ = served
    with browser(tmp_path) as tab:
        dataset = shows("l1_norm n=3")  # of the sweep's run, so no row of the filtered list has it
        tab.visit(f"{address}#/experiments/{tracker.experiment}/runs", until=f"{shows('sweep sweep')} && {dataset}")
        query = "tags.algorithm = 'convexity'"
        tab.visit(address + list_address(tracker.experiment, query), until=shows("n=3 β=1e-6 seed=0"))
        tab.wait(f"!{shows('n=3 β=1 seed=0')} && !{shows('sweep sweep')} && {shows('1 matching run')}")
        assert tab.said == []


def test_the_view_folds_trainings_and_has_columns_for_what_was_found(served, tmp_path):
    address, tracker, _ = served
    note = tracker.client.get_run(tracker.parent).data.tags["mlflow.note.content"]
    view = re.search(r"\[folded by sweep, with columns\]\(([^)\s]+)\)", note)[1]
    with browser(tmp_path, width=1900) as tab:
        tab.visit(address + view, until=shows("sweep sweep"))
        for heading in ("algorithm", "dimension", "beta", "relative_error"):
            tab.wait(shows(heading))
        assert not tab.run(shows("n=3 β=1 seed=0"))
        assert tab.said == []


def test_drawing_formula_and_phase_map_show(served, tmp_path):
    address, tracker, _ = served
    child, _ = tracker.children[records(smoke())[0].row["key"]]
    with browser(tmp_path) as tab:
        for run, words in ((tracker.parent, "tags.algorithm = 'constant'"), (child, "faithfulness 0.900")):
            picture = f'document.querySelector(\'img[src*="get-artifact"][src*="{run}"]\')'
            tab.visit(f"{address}#/experiments/{tracker.experiment}/runs/{run}", until=shows(words))
            tab.wait(f"{picture} !== null && {picture}.naturalWidth > 100")
        assert tab.said == []


def test_the_hypernetwork_stands_in_the_list_of_models(served, tmp_path):
    address, tracker, _ = served
    with browser(tmp_path) as tab:
        tab.visit(f"{address}#/experiments/{tracker.experiment}/models", until=shows("convexity n=3 seed="))
        assert tab.run("document.body.innerText.split('n=3 seed=').length - 1") == 3 and tab.run(shows("Ready"))
