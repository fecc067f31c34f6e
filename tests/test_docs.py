"""What docs/ shows in Python runs as it stands there, and every link leads somewhere."""

import ast
import doctest
import json
import re
from pathlib import Path

import pytest

import search
from search.config.load import load
from tests.support.shown import PAGES, ROOT, anchors, links
from tests.support.small_sweep import train_here

DOCS = ROOT / "docs"
LESS = ["grid.seeds=1", "training.steps=20", "training.final_draws=4"]  # what makes the notebook's sweep small
SHOWN_AS = {"image/png": "_repr_png_", "image/svg+xml": "_repr_svg_", "text/html": "_repr_html_"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small sweep's folder, trained here and now without Ray."""
    settings = ["grid.betas=[1.0, 1e-2, 1e-3, 1e-6]", "grid.seeds=3", "training.steps=40", "training.final_draws=8"]
    return train_here(load(preset="smoke", settings=settings), tmp_path_factory.mktemp("docs") / "sweep").path


def test_the_examples_of_the_python_page(folder):
    found = doctest.testfile(
        str(DOCS / "python.md"), module_relative=False, globs={"folder": folder}, optionflags=doctest.ELLIPSIS
    )
    assert found.attempted > 20 and found.failed == 0


def code_cells() -> list[dict]:
    cells = json.loads((DOCS / "example.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def run_cell(source: str, space: dict):
    """Runs a cell -> the value of its last line, if that is an expression."""
    *body, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        return exec(source, space)
    exec(compile(ast.Module(body, []), "cell", "exec"), space)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), space)


def check_notebook() -> None:
    """Every cell in order; what a cell shows in the notebook, its value can still show."""
    space: dict = {}
    for cell in code_cells():
        value = run_cell("".join(cell["source"]), space)
        values = [output["data"] for output in cell["outputs"] if output["output_type"] == "execute_result"]
        kinds = {kind for data in values for kind in data}
        for kind in kinds & SHOWN_AS.keys():
            assert getattr(value, SHOWN_AS[kind])(), f"a {type(value).__name__} shows no {kind}"


def test_the_notebook_runs_on_a_small_sweep(tmp_path, monkeypatch):
    load_config = search.load_config
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(search, "load_config", lambda preset, settings: load_config(preset, settings=settings + LESS))
    monkeypatch.setattr(search, "run", lambda config, path: train_here(config, Path(path)) and 0)
    check_notebook()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_notebook()


def test_the_notebook_was_run_from_top_to_bottom():
    counts = [cell["execution_count"] for cell in code_cells()]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in code_cells() for output in cell["outputs"]]
    assert outputs and all(output["output_type"] != "error" for output in outputs)


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "deploy" / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page):
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


def test_every_page_of_docs_is_linked():
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page)}
    assert {page for page in DOCS.iterdir() if page.is_file()} <= linked


def test_the_architecture_names_rooms_that_exist():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:analysis|search|trainables|benchmarks|deploy|tests)/[\w/.]*)`", text)
    assert len(named) > 20 and all((ROOT / path).exists() for path in named)
    tree = text.partition("```")[2].partition("```")[0]
    above, rooms = "", set()
    for line in tree.strip().splitlines():
        name = line.split()[0]
        above = above if line.startswith(" ") else name
        rooms.add(name if name == above else above + name)
    here = {f"{path.parent.relative_to(ROOT)}/" for top in ("analysis", "search", "trainables")
            for path in (ROOT / top).rglob("__init__.py")}  # fmt: skip
    assert here - {"search/config/presets/"} <= rooms and all((ROOT / room).is_dir() for room in rooms)
