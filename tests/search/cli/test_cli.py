"""The command line: help at once, mistakes in one line with exit code 2, and the commands that need no Ray."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from analysis.files import replace_text
from analysis.network import Network
from search.cli import main
from search.ledger import ledger
from search.sweep import folder as folders
from search.sweep.grid import expand
from tests.support.pattern_networks import PATTERNS
from tests.support.records import records, smoke

COMMANDS = (
    "sweep", "resume", "refine", "status", "report", "boundaries", "classify", "draw", "generate", "generalise", "ui",
    "compare", "sync", "completion",
)  # fmt: skip


@pytest.fixture
def swept(tmp_path):
    """A sweep's folder with a full ledger and nothing else."""
    folder, config = folders.create(tmp_path / "swept"), smoke()
    folders.write_config(folder, config)
    for record in records(config):
        ledger.write(folder.ledger, record)
    return folder


@pytest.fixture
def network_file(tmp_path):
    path = tmp_path / "network.npz"
    eye = np.eye(3)
    Network(np.concatenate([9 * eye, -9 * eye]), np.zeros(6), np.full(6, 1 / 9), np.zeros(())).save(path)
    return path


def one_line_error(capsys, *arguments):
    assert main.main([str(argument) for argument in arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and len(shown.err.splitlines()) == 1
    return shown.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main.main([command, "--help"])
    assert ended.value.code == 0 and "usage: hyperphase" in capsys.readouterr().out


def test_help_names_every_command():
    shown = subprocess.run([sys.executable, "-m", "search.cli", "--help"], capture_output=True, text=True, check=True)
    assert all(command in shown.stdout for command in COMMANDS)


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from search.cli.main import parser; parser().format_help();"
        "print([m for m in ('torch', 'ray', 'mlflow', 'optuna', 'pandas', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "quik"], "unknown preset 'quik'; known: "),
        (["--preset", "smoke", "--set", "grid.betas=[-1]"], "grid.betas[0] should be greater than 0"),
        (["--preset", "smoke", "--set", "grid.seeds=[]"], "grid.seeds is empty"),
        (["--preset", "smoke", "--set", "training.stepz=1"], "did you mean 'steps'"),
        (["--config", "/absent.toml"], "no such file"),
        (["--preset", "smoke", "--out", "/proc/sweep"], "cannot write to /proc/sweep"),
        (["--preset", "smoke", "--set", 'mlflow.tracking_uri="http://a:b@c"'], "holds a password"),
    ],
)
def test_a_bad_config_stops_before_ray_starts(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("search.cluster.session.connected", lambda *a: pytest.fail("Ray was started"))
    assert words in one_line_error(capsys, "sweep", *arguments)


def test_a_syntax_error_in_toml(capsys, tmp_path):
    (tmp_path / "bad.toml").write_text("[grid\n")
    assert "line 1" in one_line_error(capsys, "sweep", "--config", tmp_path / "bad.toml")


@pytest.mark.parametrize("command", ["resume", "refine", "status", "report", "ui", "sync"])
def test_what_is_no_sweep(command, capsys, tmp_path):
    assert "no such folder" in one_line_error(capsys, command, tmp_path / "absent")
    assert "not a sweep's folder" in one_line_error(capsys, command, tmp_path)


def test_a_second_driver_is_refused(swept, capsys):
    with folders.locked(swept):
        for command in ("resume", "report", "sync"):
            assert "another hyperphase" in one_line_error(capsys, command, swept.path)


def test_usage_mistakes_exit_with_2(capsys):
    for arguments in (
        ["sweep"],
        ["sweep", "--preset", "a", "--config", "b"],
        ["nonsense"],
        ["generate", "x"],
    ):
        with pytest.raises(SystemExit) as ended:
            main.main(arguments)
        assert ended.value.code == 2
    assert main.main([]) == 2


def test_version(capsys):
    assert main.main(["--version"]) == 0 and capsys.readouterr().out.startswith("hyperphase ")


def test_no_traceback_for_ctrl_c(capsys, monkeypatch, tmp_path):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "existing", interrupt)
    assert main.main(["status", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "hyperphase: interrupted\n"


def test_status(swept, capsys):
    assert main.main(["status", str(swept.path)]) == 0
    assert "4 of 4 trainings done, 1 of them failed" in capsys.readouterr().out


def test_status_of_a_running_sweep(swept, capsys):
    recorded = max(record.row["finished_at"] for record in records(smoke()))
    replace_text(swept.manifest, json.dumps({"runs": [{"started_at": recorded - 60}]}))
    folders.write_config(swept, smoke("grid.seeds=4"))
    with folders.locked(swept):
        assert main.main(["status", str(swept.path)]) == 0
    shown = capsys.readouterr().out
    assert "4 of 8 trainings done" in shown and f"running: process {os.getpid()}, for " in shown
    assert re.search(r"about .* left", shown)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell, capsys, tmp_path):
    assert main.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS) and "preset" in script
    assert "training.steps=" in script and "smoke" in script
    (tmp_path / "script").write_text(script)
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)


def test_completion_in_bash(capsys, tmp_path):
    main.main(["completion", "bash"])
    ask = """
complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  _shtab_hyperphase hyperphase "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"; echo "${COMPREPLY[@]}"; }
complete_of hyperphase re
complete_of hyperphase sweep --preset qu
complete_of hyperphase classify --task max
complete_of hyperphase sweep --preset quick --set training.learning
"""
    (tmp_path / "script").write_text(capsys.readouterr().out + ask)
    shown = subprocess.run(["bash", str(tmp_path / "script")], capture_output=True, text=True, check=True)
    first, *others = shown.stdout.splitlines()
    assert set(first.split()) >= {"resume", "report", "refine"} and others == [
        "quick",
        "maximum",
        "training.learning_rate=",
    ]


def test_classify_prints_a_json_object_a_file(network_file, capsys):
    assert main.main(["classify", str(network_file), str(network_file), "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    found = json.loads(lines[0])
    assert found["algorithm"] == "double_sided" and found["file"] == str(network_file)
    assert {"formula", "faithfulness", "relative_error", "order_parameters"} <= found.keys()
    assert main.main(["classify", str(network_file)]) == 0
    assert "double-sided" in capsys.readouterr().out


def test_classify_gives_the_pattern_and_tells_it_of_networks_without_a_name(tmp_path, capsys):
    PATTERNS[4].build(5).save(tmp_path / "a.npz")
    assert main.main(["classify", str(tmp_path / "a.npz"), "--task", "maximum", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pattern"] == PATTERNS[4].pattern and found["pattern_r_squared"] > 0.99
    assert {"pattern_formula", "pattern_r_squared_at_twice_the_scale", "pattern_constants"} <= set(found)
    assert main.main(["classify", str(tmp_path / "a.npz"), "--task", "maximum"]) == 0
    assert found["pattern_formula"] in capsys.readouterr().out


def test_classify_and_draw_refuse_what_is_no_network(tmp_path, capsys):
    (tmp_path / "bad.npz").write_text("no")
    for command in ("classify", "draw"):
        assert "bad.npz" in one_line_error(capsys, command, tmp_path / "bad.npz")
    assert "unknown task" in one_line_error(capsys, "classify", tmp_path / "bad.npz", "--task", "x")


def test_draw_writes_pictures(network_file, tmp_path, capsys):
    assert main.main(["draw", str(network_file), "--out", str(tmp_path / "a.svg")]) == 0
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert main.main(["draw", str(network_file), "--out", str(tmp_path / "many")]) == 0
    assert (tmp_path / "many" / "network.png").read_bytes()[:4] == b"\x89PNG"


def test_boundaries_writes_its_files(tmp_path, capsys):
    lines = ["beta,n,phase"]
    lines += [f"1e-{k},{n},{'low' if k > 4 else 'high'}" for k in range(1, 9) for n in (4, 6) for _ in range(2)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    arguments = ["boundaries", tmp_path / "t.csv", "--x", "beta", "--y", "n", "--label", "phase", "--log-x"]
    assert main.main([str(argument) for argument in [*arguments, "--out", tmp_path / "out"]]) == 0
    header = (tmp_path / "out" / "boundaries.csv").read_text().splitlines()[0].split(",")
    assert header[:6] == ["lower_phase", "upper_phase", "y", "x", "x_low", "x_high"]
    assert (tmp_path / "out" / "phase_map.png").exists() and (tmp_path / "out" / "probabilities.csv").exists()
    capsys.readouterr()
    assert "no such file" in one_line_error(
        capsys, "boundaries", tmp_path / "x.csv", *arguments[2:], "--out", tmp_path / "out"
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A sweep's folder with one real training."""
    from search.ledger.read_training import to_record
    from trainables.training.loop import Member, train_pack

    config = smoke()
    folder, point = folders.create(tmp_path_factory.mktemp("trained")), expand(config)[0]
    folders.write_config(folder, config)
    [result] = train_pack(3, [Member(point.key, point.beta, point.seed)], config.training.recipe())
    ledger.write(folder.ledger, to_record(result, config.training.recipe(), 3))
    return folder, point.key


def generate(folder, key, out, *, dimension=5, seed=0):
    return ["generate", key, "--sweep", folder.path, "--dimension", dimension, "--seed", seed, "--out", out]


def test_generate_draws_at_any_dimension(trained, tmp_path, capsys):
    folder, key = trained
    for name, seed in (("a.npz", 1), ("b.npz", 1), ("c.npz", 2)):
        assert main.main([str(part) for part in generate(folder, key[:6], tmp_path / name, seed=seed)]) == 0
    a, b, c = (Network.load(tmp_path / name) for name in ("a.npz", "b.npz", "c.npz"))
    assert (a.dimension, a.hidden) == (5, 15)
    assert (a.hidden_weight == b.hidden_weight).all() and (a.hidden_weight != c.hidden_weight).any()


def test_generate_explains_what_it_cannot_do(trained, swept, tmp_path, capsys):
    folder, key = trained
    out = tmp_path / "a.npz"
    assert "no training 'zzz'" in one_line_error(capsys, *generate(folder, "zzz", out))
    assert "--dimension" in one_line_error(capsys, *generate(folder, key, out, dimension=0))
    assert "--seed" in one_line_error(capsys, *generate(folder, key, out, seed=-1))
    assert "cannot write" in one_line_error(capsys, *generate(folder, key, "/proc/a.npz"))
    failed = next(record.row["key"] for record in records(smoke()) if record.row["status"] == "failed")
    assert "has no hypernetwork" in one_line_error(capsys, *generate(swept, failed, out))
    assert not out.exists()


def test_ui_refuses_what_cannot_work(swept, capsys):
    assert "--port" in one_line_error(capsys, "ui", swept.path, "--port", "0")
    assert "nothing is logged yet" in one_line_error(capsys, "ui", swept.path)


def test_a_pipe_that_closes_early_is_no_error(swept):
    shown = subprocess.run(
        f"{sys.executable} -m search.cli status {swept.path} | true",
        shell=True, capture_output=True, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}, check=True
    )  # fmt: skip
    assert shown.stderr == ""


def test_boundaries_merges_labels(tmp_path, capsys):
    rows = [f"{10.0**e},4,{side if e < -3 else 'c'}" for e in range(-7, 1) for side in ("a", "b")]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,label", *rows]))
    command = ["boundaries", str(tmp_path / "t.csv"), "--x", "x", "--y", "y", "--label", "label", "--log-x", "--out",
               str(tmp_path / "out")]  # fmt: skip
    assert main.main([*command, "--merge", "a=coin", "--merge", "b=coin"]) == 0
    first, *others = (tmp_path / "out" / "boundaries.csv").read_text().splitlines()[1:]
    assert first.startswith("coin,c,4") and not others
    capsys.readouterr()
    assert "expected LABEL=NAME" in one_line_error(capsys, *command, "--merge", "a")
