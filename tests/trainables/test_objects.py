"""Objects of a user's own, from a file or a package; what is wrong with one is one line that names the place."""

import sys

import pytest

from trainables import objects
from trainables.errors import TrainableError
from trainables.tasks.builtin import MAXIMUM
from trainables.tasks.registry import get_task
from trainables.tasks.task import Task

MINIMUM = """
from trainables import Task
MINIMUM = Task("minimum", target=lambda x: x.min(-1), variance=lambda n: 1 / n)
NUMBER = 5
"""


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    """An empty current folder, and nothing remembered afterwards."""
    for name in ("_folders", "_provided", "_modules"):
        monkeypatch.setattr(objects, name, type(getattr(objects, name))())
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def test_a_task_from_a_file_and_from_a_package(places):
    (places / "mine.py").write_text(MINIMUM)
    assert get_task("mine.py:MINIMUM").name == "minimum" and get_task(f"{places}/mine.py:MINIMUM").variance(4) == 0.25
    assert get_task("mine.py:MINIMUM") is get_task("mine.py:MINIMUM")
    assert get_task("trainables.tasks.builtin:MAXIMUM") is MAXIMUM
    (places / "mine.py").write_text(MINIMUM.replace("1 / n", "2 / n"))
    assert get_task("mine.py:MINIMUM").variance(4) == 0.5  # a file that changed is loaded anew


def test_a_file_may_import_its_neighbours(places):
    (places / "neighbour_of_mine.py").write_text("SHARE = 1 / 3\n")
    (places / "mine.py").write_text("from neighbour_of_mine import SHARE" + MINIMUM.replace("1 / n", "SHARE"))
    assert get_task("mine.py:MINIMUM").variance(4) == 1 / 3


def test_what_a_file_imports_from_beside_itself_travels_with_it(places, tmp_path, monkeypatch):
    tasks = places / "tasks"
    tasks.mkdir()
    (tasks / "share_of_mine.py").write_text("def share():\n    from half_of_mine import HALF\n    return HALF\n")
    (tasks / "half_of_mine.py").write_text("HALF = 0.5\n")
    (tasks / "not_imported.py").write_text("")
    text = "import math\nfrom share_of_mine import share\nSHARE = share()" + MINIMUM.replace("1 / n", "SHARE")
    (tasks / "mine.py").write_text(text)
    spec = "tasks/mine.py:MINIMUM"
    files = objects.files_of(spec)
    assert files.keys() == {"tasks/mine.py", "tasks/share_of_mine.py", "tasks/half_of_mine.py"}
    assert get_task(spec).variance(4) == 0.5

    def elsewhere():
        """Another machine: nothing is there, nothing is loaded."""
        for name in ("share_of_mine", "half_of_mine"):
            sys.modules.pop(name, None)
        objects._modules.clear()
        monkeypatch.chdir(tmp_path)

    elsewhere()
    with pytest.raises(TrainableError, match=r"tasks/mine\.py: no such file"):
        get_task(spec)
    copies = tmp_path / "sweep" / objects.CODE
    copies.mkdir(parents=True)
    for place, content in files.items():
        (copies / objects.copy_name(place)).write_text(content)
    objects.also_look_in(tmp_path / "sweep")
    assert get_task(spec).variance(4) == 0.5 and objects.files_of(spec) == files
    elsewhere()
    objects._folders.clear()
    objects.provide(files)
    assert get_task(spec).variance(4) == 0.5
    elsewhere()


def test_files_are_found_beside_a_config_in_a_sweep_and_as_text(places, tmp_path):
    spec, config, sweep = "tasks/mine.py:MINIMUM", tmp_path / "config", tmp_path / "sweep"
    with pytest.raises(TrainableError, match=r"^tasks/mine.py: no such file$"):
        get_task(spec)
    (sweep / objects.CODE).mkdir(parents=True)
    (sweep / objects.CODE / objects.copy_name("tasks/mine.py")).write_text(MINIMUM)
    objects.also_look_in(sweep)
    assert get_task(spec).variance(1) == 1
    (config / "tasks").mkdir(parents=True)
    (config / "tasks" / "mine.py").write_text(MINIMUM.replace("1 / n", "2 / n"))
    objects.also_look_in(config)
    assert get_task(spec).variance(1) == 2
    place, text = objects.file_of(spec)
    objects.provide({place: text.replace("2 / n", "3 / n")})
    assert get_task(spec).variance(1) == 3
    assert objects.file_of("package.module:NAME") is None and objects.file_of("l1_norm") is None


@pytest.mark.parametrize(
    ("text", "spec", "message"),
    [
        (MINIMUM, "mine.py", "unknown task 'mine.py'; known: deviation_from_mean, l1_norm, "),
        (MINIMUM, "mine.py:", "'mine.py:' must be package.module:NAME or path/file.py:NAME"),
        (MINIMUM, "mine.py:MAXIMUM", "mine.py has no 'MAXIMUM'; its Tasks: MINIMUM"),
        (MINIMUM, "mine.py:NUMBER", "mine.py:NUMBER must be a Task, but is of type int"),
        (MINIMUM, "\udcff.py:TASK", "the path '\\udcff.py' is not UTF-8"),
        (MINIMUM, "..:TASK", "..: no such module; a path ends in .py"),
        (MINIMUM, "no.such.module:TASK", "no.such.module: no such module; is it installed, or on PYTHONPATH?"),
        ("\n\nnot python at all", "mine.py:X", "mine.py, line 3: SyntaxError: invalid syntax"),
        ("X = 1\nX = Y\n", "mine.py:X", "mine.py, line 2: NameError: name 'Y' is not defined"),
        ("import no_such_module\n", "mine.py:X", "mine.py, line 1: ModuleNotFoundError: No module named"),
        (
            MINIMUM.replace("lambda n: 1 / n", "5"),
            "mine.py:MINIMUM",
            "line 3: task 'minimum': variance",
        ),
    ],
    ids=lambda value: value if len(value) < 40 else "",
)
def test_mistakes_are_one_line(places, text, spec, message):
    (places / "mine.py").write_text(text)
    with pytest.raises(TrainableError) as caught:
        get_task(spec)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_bad_task_is_refused():
    for arguments in ({"name": ""}, {"target": 1}, {"algorithms": "convexity"}):
        with pytest.raises(TrainableError, match="task"):
            Task(**{"name": "x", "target": abs, "variance": float} | arguments)
