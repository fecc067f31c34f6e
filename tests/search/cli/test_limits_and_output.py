"""Bounds are named before anything is written, and output is readable whatever the terminal."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from analysis.network import Network
from search.cli import main
from search.config.load import load
from search.error_text import last_line
from search.terminal import output


def error_of(capsys, *arguments) -> str:
    try:
        code = main.main([str(argument) for argument in arguments])
    except SystemExit as ended:
        code = ended.code
    [line] = capsys.readouterr().err.splitlines()
    assert code == 2 and line.startswith("hyperphase")
    return line


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.steps=99999999999999999999999999", "training.steps should be less than"),
        ("training.learning_rate=inf", "finite number"),
        ("training.width=100000000000", "training.width should be less"),
        ("grid.betas=[5e-324, 1e308]", "grid.betas: 4.94066e-324 is out of range"),
        ("grid.seeds=1000000", "too many, at most 1,000,000"),
        ("grid.betas={from=1e-9,to=1.0,count=10000000000}", "count should be less than"),
        ("grid.dimensions=[1000000]", "grid.dimensions[0] should be less"),
        ("ray.cpus=99999999999", "ray.cpus should be less"),
        ("training.steps=" + "9" * 5000, "is not a TOML value"),
        ("training.steps=" + "[" * 5000, "is not a TOML value"),
        ("grid.seeds=20000", "40,000 trainings, about"),
    ],
)
def test_what_is_too_much_is_refused_before_anything_is_written(setting, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert words in error_of(capsys, "sweep", "--preset", "smoke", "--set", setting)
    assert list(tmp_path.iterdir()) == []


def test_a_large_grid_is_started_when_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("search.driver.sweep.sweep", lambda config, path, command: asked.append(config.grid.size) or 0)
    options = ["sweep", "--preset", "smoke", "--set", "grid.seeds=20000", "--out", str(tmp_path / "s")]
    assert main.main([*options, "--yes"]) == 0 and asked == [40_000]


@pytest.mark.parametrize(
    "content", ["a = " + "9" * 5000, "a = " + "[" * 5000 + "]" * 5000, "[a" + ".b" * 5000 + "]\nc=1"]
)
def test_a_config_that_no_parser_likes(content, tmp_path, capsys):
    (tmp_path / "c.toml").write_text(content)
    assert "c.toml" in error_of(capsys, "sweep", "--config", tmp_path / "c.toml")


def test_a_small_file_of_a_huge_network_is_refused(tmp_path, capsys):
    path, m = tmp_path / "huge.npz", 1_000_000
    np.savez_compressed(path, hidden_weight=np.zeros((m, 2), np.int8), hidden_bias=np.zeros(m, np.int8),
                        output_weight=np.zeros(m, np.int8), output_bias=np.int8(0))  # fmt: skip
    assert path.stat().st_size < 20_000
    for command in ("classify", "draw"):
        assert "at most 8,192 neurons" in error_of(capsys, command, path)
    np.savez_compressed(path, **{name: np.zeros(2**26) for name in ("hidden_weight", "hidden_bias")})
    assert "unpacks to" in error_of(capsys, "classify", path)
    os.mkfifo(tmp_path / "pipe.npz")
    assert "not a regular file" in error_of(capsys, "classify", tmp_path / "pipe.npz")


@pytest.mark.parametrize("command", [["generate", "a", "--sweep", "x", "--out", "y", "--dimension", "1000000"],
                                     ["generalise", "x", "--dimensions", "1000000"],
                                     ["generalise", "x", "--draws", "1000000"]])  # fmt: skip
def test_dimensions_have_a_limit(command, capsys):
    assert "at most 1024, not 1000000" in error_of(capsys, *command)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status"], "hyperphase status: the following arguments are required: SWEEP (see `hyperphase status --help`)"),
        (["status", "x", "--frob"], "hyperphase status: unrecognized arguments: --frob"),
        (["refine", "x", "--batch", "many"], "hyperphase refine: argument --batch: invalid int value: 'many'"),
        (["nonsense"], "hyperphase: argument COMMAND: invalid choice: 'nonsense'"),
        (["refine", "x", "--batch", "9" * 9000], "hyperphase refine: argument --batch"),
        (["status", "x\udcff"], "is not UTF-8"),
        (["status", ""], "expected a path"),
        (["status", "-q", "-v", "x"], "not allowed with argument"),
    ],
)
def test_a_usage_error_is_one_line_of_its_command(arguments, words, capsys):
    assert words in error_of(capsys, *arguments)


@pytest.fixture
def network_file(tmp_path):
    Network(np.eye(2), np.zeros(2), np.zeros(2), np.zeros(())).save(tmp_path / "größe.npz")
    return tmp_path / "größe.npz"


def test_json_is_json(network_file, capsys, monkeypatch):
    numbers = {"a": float("nan"), "b": [float("inf"), np.float64("nan")], "c": np.int64(3)}
    monkeypatch.setattr("analysis.algorithms.classify.describe", lambda file, *_, **__: {"file": str(file)} | numbers)
    assert main.main(["classify", str(network_file), "--json"]) == 0

    def refuse(name):
        raise AssertionError(name)

    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found | {"file": str(network_file), "a": None, "b": [None, None], "c": 3} == found


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_output_will_do(encoding, network_file, monkeypatch):
    for options in ([], ["--json"]):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        assert main.main(["classify", str(network_file), *options]) == 0
        sys.stdout.flush()
        text = raw.getvalue().decode(encoding)
        assert "f(x) ≈" in text if encoding == "utf-8" and not options else text
        if options:
            assert json.loads(text)["file"] == str(network_file)


def test_the_reason_of_an_error_is_not_where_to_read_more():
    from pydantic import ValidationError

    try:
        load(preset="smoke").training.__class__(steps="x")
    except ValidationError as error:
        assert "For further information" in str(error) and "valid integer" in last_line(error)


def test_a_reader_that_has_enough_is_no_failed_report(tmp_path, monkeypatch):
    from search.driver.report import write_report
    from search.sweep.folder import SweepFolder, write_config
    from tests.support.fake_sweep import write_fake_sweep

    write_fake_sweep(tmp_path, dimensions=(4,), betas=(1e-6,), seeds=2, failed=0, snapshots=False)
    write_config(SweepFolder(tmp_path), load(preset="smoke"))

    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert write_report(SweepFolder(tmp_path)) is True


def test_our_own_faults_are_one_line_too(tmp_path, monkeypatch, capsys):
    def broken(path):
        raise KeyError("inner")

    monkeypatch.setattr("search.sweep.folder.existing", broken)
    assert main.main(["status", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("hyperphase: internal error: KeyError: 'inner'")
    with pytest.raises(KeyError):
        main.main(["status", str(tmp_path), "-v"])


def test_quiet_prints_no_notes(monkeypatch):
    output.be_quiet(True)
    assert output.notes() is not sys.stderr
    output.be_quiet(False)
    assert output.notes() is sys.stderr


@pytest.mark.slow
def test_a_real_terminal_in_ascii(network_file):
    shown = subprocess.run(
        [sys.executable, "-m", "search.cli", "classify", str(network_file)],
        env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True,
    )  # fmt: skip
    assert b"\\u2248" in shown.stdout and shown.stderr == b""


def json_of(capsys, *arguments):
    assert main.main([*map(str, arguments), "--json"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    return json.loads(line)


def test_status_in_json(tmp_path, capsys):
    from search.ledger import ledger
    from search.sweep import folder as folders
    from tests.support.records import records, smoke

    folder = folders.create(tmp_path / "sweep")
    folders.write_config(folder, smoke("grid.seeds=3"))
    for record in records(smoke()):
        ledger.write(folder.ledger, record)
    found = json_of(capsys, "status", folder.path)
    assert (found["trainings"], found["done"], found["failed"], found["missing"]) == (6, 4, 1, 2)
    assert found["reasons"] == {"loss not finite at step 7": 1} and found["report"] is None
    assert found["resume"].startswith("hyperphase resume") and sum(found["algorithms"].values()) == 3


def test_boundaries_are_printed(tmp_path, capsys):
    lines = [f"1e-{k},{n},{'low' if k > 4 else 'high'}" for k in range(1, 9) for n in (4, 6) for _ in range(2)]
    (tmp_path / "t.csv").write_text("\n".join(["beta,n,phase", *lines]))
    command = ["boundaries", tmp_path / "t.csv", "--x", "beta", "--y", "n", "--label", "phase", "--log-x",
               "--out", tmp_path / "out"]  # fmt: skip
    found = json_of(capsys, *command)
    assert found["labels"] == ["high", "low"] and {row["y"] for row in found["boundaries"]} == {4, 6}
    first = found["boundaries"][0]
    assert first["lower_phase"] == "low" and first["x_low"] < first["x"] < first["x_high"]
    assert main.main(list(map(str, command))) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "boundaries in beta (90 % interval):"
    assert shown[1].startswith(f"  n = 4: low | high at {first['x']:.4g} ({first['x_low']:.4g} … ")


def test_comparison_in_json(tmp_path, capsys):
    from tests.support.fake_sweep import write_fake_sweep

    folders = [write_fake_sweep(tmp_path / name, dimensions=(4,), betas=(1e-6, 1e-1), seeds=3) for name in "ab"]
    found = json_of(capsys, "compare", *folders, "--out", tmp_path / "out")
    assert {row["sweep"] for row in found["order_parameters"]} == {"a", "b"} and "boundaries" in found


@pytest.mark.parametrize(
    "arguments", [["status", "SWEEP"], ["sweep", "--preset", "qick"], ["sweep", "--preset", "smoke", "--set", "a.b=1"]]
)
def test_what_needs_no_training_imports_no_pytorch(arguments, tmp_path):
    from search.sweep import folder as folders
    from tests.support.records import smoke

    folder = folders.create(tmp_path / "sweep")
    folders.write_config(folder, smoke())
    arguments = [str(folder.path) if word == "SWEEP" else word for word in arguments]
    script = (
        "import sys; from search.cli.main import main; main(sys.argv[1:]);"
        "sys.exit([name for name in ('torch', 'ray', 'mlflow', 'pandas', 'matplotlib') if name in sys.modules] or 0)"
    )
    shown = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


def test_hints_do_not_mislead(capsys):
    assert "known: " in error_of(capsys, "sweep", "--preset", "smoke", "--set", "training.depth=3")
    assert "did you mean 'steps'" in error_of(capsys, "sweep", "--preset", "smoke", "--set", "training.stepz=3")


def test_the_report_starts_without_training_software():
    code = (
        "import sys, search.cli.sweep_commands, search.driver.report, search.sweep.relabel, search.sweep.tables; "
        "print([m for m in ('torch', 'ray', 'mlflow', 'optuna') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
