"""The script for GPUs, tried on the CPU."""

import json

import pytest
import torch

from benchmarks import gpu_check


@pytest.fixture(autouse=True)
def threads():
    """As many as before."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_device_that_is_right_and_one_that_is_not(monkeypatch):
    cpu = torch.device("cpu")
    assert gpu_check.correctness(3, 2, cpu, ["eager"])["eager"] < gpu_check.TOLERANCE
    real = gpu_check.loss_in_torch
    monkeypatch.setattr(gpu_check, "loss_in_torch", lambda *given: 1.01 * real(*given))
    assert gpu_check.correctness(3, 2, cpu, ["eager"])["eager"] > gpu_check.TOLERANCE


def test_the_grid_takes_the_fastest_packs():
    row = {"dimension": 8, "noise_share": 0.5, "start_seconds": 3.0}
    rows = [row | {"pack": 512, "training_steps_per_second": 51200.0}, row | {"pack": 16, "left_out": "no memory"},
            row | {"pack": 256, "training_steps_per_second": 2560.0}]  # fmt: skip
    assert gpu_check.grid_seconds(rows, 8) == pytest.approx(6000 * 0.01 * 1.5 + 3)  # one pack of 512 for 429 trainings
    assert gpu_check.grid_seconds(rows, 12) is None


def test_the_script(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gpu_check, "labels", lambda *_, **__: {(1.0, 0): "constant"})  # trainings of a minute
    out = tmp_path / "check.json"
    options = ["--device=cpu", "--dimensions=2", "--packs=1", "2", "--kinds=eager", "--seconds=0.01", f"--out={out}"]
    options = [part for option in options for part in option.split("=")]
    assert gpu_check.main(options) == 0
    found = json.loads(out.read_text())
    assert [row["pack"] for row in found["results"]] == [1, 2] and found["labels"] == {"same": 1, "of": 1}
    assert "33 seeds x 13 betas" in capsys.readouterr().out


def test_no_gpu_is_one_line(capsys):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(SystemExit) as ended:
        gpu_check.main([])
    assert ended.value.code == 2 and "no GPU here" in capsys.readouterr().err
