"""Every command that README and docs show is run here with its placeholders filled in, or NOT_RUN_HERE says why not.

Commands that read a sweep run for real, on a small one that is trained once. Commands that train run through all of
the driver but Ray, whose part a stand-in plays (tests/test_sweep.py and tests/test_refine.py run them with Ray).
Of `make` a dry run shows which commands it would call, and these are run likewise.
"""

import importlib.util
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from search.cli import main
from search.config.load import load
from tests.search.conftest import ray
from tests.support.shown import PAGES, README, ROOT, blocks, commands
from tests.support.small_sweep import train_here

__all__ = ["ray"]  # a fixture

NOT_RUN_HERE = {
    "hyperphase anneal SWEEP": "tests/search/driver/test_anneal.py runs it",
    "hyperphase anneal sweeps/quick": "likewise",
    "hyperphase sweep --config examples/grokking/grokking.toml --out sweeps/grokking": "half an hour; "
    "tests/examples/test_grokking.py runs a small one",
    "hyperphase sweep --config examples/tasks/tasks.toml --set training.task=maximum --out sweeps/maximum": "minutes; "
    "tests/benchmarks/test_discovered_formulas.py reads the config",
    "hyperphase sweep --config examples/tasks/tasks.toml --set training.task=sum_of_products "
    "--set training.inputs=rademacher --out sweeps/sum_of_products": "likewise",
    "git clone <this repository> hyperphase && cd hyperphase": "CI runs in a clone",
    "ray up": "tests/deploy checks the file that it reads",
}
OURS = ("hyperphase ", "make ", "python -m ")
TRAINING = ("sweep", "resume", "refine")  # commands that start Ray
LESS = {  # what makes a command's work small
    "sweep": "--set grid.seeds=1 --set mlflow.enabled=false",
    "resume": "--set mlflow.enabled=false",
    "refine": "--trainings 2 --batch 2 --set mlflow.enabled=false",
    "sync": "--set mlflow.models=false --set mlflow.drawings=false",
    "generalise": "--draws 2 --dimensions 2 4",
    "compare": "--most-error 9",
}
PLACEHOLDERS = (  # replaced in this order
    (r" > .*", ""),
    (r"networks/KEY\.npz --out report/drawings/KEY\.svg", "network.npz --out picture.svg"),
    (r"--x COLUMN --y COLUMN --label COLUMN", "--x beta --y dimension --label algorithm"),
    (r"--energy COLUMN --complexity COLUMN", "--energy relative_error --complexity complexity_nats"),
    (r"LABEL=NAME", "convexity=curved"),
    (r"TABLE\.csv", "table.csv"),
    (r"FILE\.toml", "own.toml"),
    (r"--out FILE\.npz", "--out new.npz"),
    (r"FILE\.npz…?", "network.npz"),
    (r"\bKEY\b", "first-key"),
    (r"\bCOMMAND --help", "status --help"),
    (r"\bOTHER\b", "sweeps/other"),
    (r"\bFOLDER\b", "compared"),
    (r"/shared/\w+|\b(DIR|SWEEP)\b", "sweeps/quick"),
)
SETTINGS = ["grid.betas=[1.0, 1e-2, 1e-3, 1e-6]", "grid.seeds=2", "training.steps=20", "training.final_draws=4"]


def fill_in(line: str) -> str:
    for pattern, text in PLACEHOLDERS:
        line = re.sub(pattern, text, line)
    return line


def shown(pages) -> list[str]:
    """The commands of these pages, each once: all of the README's, hyperphase's own of the others."""
    lines = [line for page in pages for line in commands(page) if page == README or line.startswith(OURS)]
    lines = [line for line in lines if line not in NOT_RUN_HERE and not line.endswith("…")]  # …: a command's beginning
    return list({fill_in(line): line for line in reversed(lines)}.values())[::-1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small sweep's folder, trained here without Ray."""
    return train_here(load(preset="smoke", settings=SETTINGS), tmp_path_factory.mktemp("commands") / "sweep")


@pytest.fixture
def workshop(trained, tmp_path, monkeypatch, request):
    """The working directory of a reader who has swept: key of the first training."""
    for name in ("quick", "other", *re.findall(r"sweeps/(\w+)", request.node.name)):
        shutil.copytree(trained.path, tmp_path / "sweeps" / name, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    table = pd.read_parquet("sweeps/quick/trainings.parquet")
    table.to_csv("table.csv")
    shutil.copy(next(trained.networks.iterdir()), "network.npz")
    [config] = blocks(README, "toml")
    (tmp_path / "own.toml").write_text(re.sub(r"(?m)^tracking_uri.*", "", config))
    return table["key"].iloc[0]


def called(line: str, key: str) -> list[list[str]]:
    """The arguments of every `hyperphase` that a shown command would start."""
    program, *arguments = shlex.split(fill_in(line).replace("first-key", key))
    if program == "hyperphase":
        return [arguments]
    if program == "python":
        assert arguments[0] == "-m" and importlib.util.find_spec(arguments[1]), line
        return []
    assert program == "make", f"no test runs `{line}`: add it to NOT_RUN_HERE with the reason"
    dry = subprocess.run(
        ["make", "--dry-run", "--old-file=install", "-f", str(ROOT / "Makefile"), *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    printed = dry.stdout.replace("\\\n", " ").splitlines()
    return [shlex.split(text)[1:] for text in printed if text.startswith(".venv/bin/hyperphase ")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def small(arguments: list[str]) -> list[str]:
    """The same with less to do, and a sweep's results in a new folder."""
    command, *rest = arguments
    if command == "sweep" and "--out" in rest:
        rest[rest.index("--out") + 1] = "sweeps/new"
    return [command, *rest, *shlex.split(LESS.get(command, ""))]


def run(arguments: list[str]) -> None:
    """Like the shell would: what argparse ends with, and the commands' exit codes."""
    try:
        code = main.main(arguments)
    except SystemExit as ended:
        code = ended.code
    assert code == 0


@pytest.mark.parametrize("line", shown(PAGES))
def test_a_shown_command_runs(line, workshop, request, monkeypatch):
    served = []
    monkeypatch.setattr("search.cli.ui.serve", lambda folder, store, port: served.append(port))
    for arguments in called(line, workshop):
        if len(arguments) == 1 and arguments[0] != "completion":
            run([*arguments, "--help"])  # a command's name within a sentence
            continue
        if arguments[0] in TRAINING:
            request.getfixturevalue("ray")
        if arguments[0] == "ui":
            Path("sweeps/quick/mlflow.db").touch()
            arguments += ["--port", str(free_port())]
        run(small(arguments))
        assert bool(served) == (arguments[0] == "ui")


def test_what_is_not_run_here_is_still_shown():
    lines = {line for page in PAGES for line in commands(page)}
    assert lines >= NOT_RUN_HERE.keys()


@pytest.mark.slow
def test_make_sweep_for_real(tmp_path):
    """The README's first command, with the smallest preset and this interpreter's environment."""
    place = f"BIN={ROOT.joinpath(sys.executable).parent}"
    done = subprocess.run(
        ["make", "--old-file=install", "sweep", "PRESET=smoke", f"OUT={tmp_path / 'smoke'}", place],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "smoke" / "report" / "index.html").is_file() and "4 trainings done" in done.stdout
