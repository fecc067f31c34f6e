"""What docs/ shows in Python runs as it stands there."""

import doctest
import json
from pathlib import Path

import pytest

from search import collect, ledger
from search import folder as folders
from search.config import load
from search.grid import expand
from search.worker import to_record
from trainables.training import Member, train_pack

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small sweep's folder, trained here and now without Ray."""
    settings = ["grid.betas=[1.0, 1e-2, 1e-3, 1e-6]", "grid.seeds=3", "training.steps=40", "training.final_draws=8"]
    config = load(preset="smoke", settings=settings)
    recipe, place = config.training.recipe(), folders.create(tmp_path_factory.mktemp("docs") / "sweep")
    folders.write_config(place, config)
    members = [Member(point.key, point.beta, point.seed) for point in expand(config)]
    for trained in train_pack(3, members, recipe):
        ledger.write(place.ledger, to_record(trained, recipe, 3))
    collect.collect(place, recipe)
    return place.path


def test_the_examples_of_the_python_page(folder):
    found = doctest.testfile(
        str(DOCS / "python.md"), module_relative=False, globs={"folder": folder}, optionflags=doctest.ELLIPSIS
    )
    assert found.attempted > 20 and found.failed == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_notebook_runs(tmp_path, monkeypatch):
    """Every cell, in order, as Python runs it."""
    monkeypatch.chdir(tmp_path)
    cells = json.loads((DOCS / "example.ipynb").read_text(encoding="utf-8"))["cells"]
    space: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), space)
            assert cell["outputs"] or cell["execution_count"], "a cell of the notebook was not run"
