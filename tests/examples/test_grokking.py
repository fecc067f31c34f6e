"""The grokking example: its data, its optimiser, its phases, and a small sweep through the door for experiments."""

import math

import pandas as pd
import pytest
import torch

from examples.grokking.grokking import GROKKING, PAIRS, SUMS, Settings, Training, adam_step, decode, make, train_pack
from search.config.load import load
from search.driver.sweep import write_report
from tests.support.own_experiment import train_own_here
from tests.support.shown import ROOT
from trainables import Run, objects

SMALL = Settings(steps=600, width=32)


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    for name in ("_folders", "_provided", "_modules"):
        monkeypatch.setattr(objects, name, type(getattr(objects, name))())


def run(rate: float, decay: float, seed: int = 0, settings: Settings = SMALL) -> Run:
    return Run({"learning_rate": rate, "weight_decay": decay}, seed, settings)


@pytest.mark.parametrize(
    ("reached", "label"),
    [
        ({}, "confusion"),
        ({"training": 300}, "memorization"),
        ({"training": 300, "validation": 1299}, "comprehension"),
        ({"training": 300, "validation": 1300}, "grokking"),
        ({"training": 300, "validation": 200}, "comprehension"),
        ({"training": 2001}, "confusion"),
    ],
)
def test_phases_are_those_of_the_paper(reached, label):
    assert Training(torch.zeros(1), torch.zeros(1), [], reached).label(2000) == label


@pytest.mark.parametrize("seed", range(5))
def test_held_out_pairs_can_be_known(seed):
    training = make(seed, Settings())
    assert training.split.sum() == 45 and len(PAIRS) == 55
    assert set(SUMS[training.split == 0].tolist()) <= set(SUMS[training.split == 1].tolist())
    embeddings, *layers = training.parameters
    one = decode([tensor[None] for tensor in training.parameters])[0, 12]
    a, b = PAIRS[12]
    x = embeddings[a] + embeddings[b]
    for k in range(0, 6, 2):
        x = (torch.tanh(x) if k else x) @ layers[k] + layers[k + 1][0]
    torch.testing.assert_close(one, x)


def test_steps_are_those_of_adamw():
    settings = Settings()
    start = [torch.randn(1, 3, 2), torch.randn(1, 4, 2)]
    wanted = [torch.nn.Parameter(tensor.clone()) for tensor in start]
    groups = [
        {"params": wanted[:1], "lr": settings.embedding_rate, "weight_decay": 0.0},
        {"params": wanted[1:], "lr": 0.02, "weight_decay": 3.0},
    ]
    theirs, moments = torch.optim.AdamW(groups), [torch.zeros_like(tensor) for tensor in (*start, *start)]
    for step in range(1, 6):
        gradients = [torch.randn(tensor.shape) for tensor in start]
        for parameter, gradient in zip(wanted, gradients, strict=True):
            parameter.grad = gradient.clone()
        theirs.step()
        start = adam_step(start, gradients, moments, step, torch.tensor([[0.02, 3.0]]), settings)
    for mine, parameter in zip(start, wanted, strict=True):
        torch.testing.assert_close(mine, parameter.detach())


def test_a_pack_trains_each_point_as_alone():
    points = [(1e-2, 0.0), (1e-2, 10.0), (1e-5, 0.0)]
    together = list(train_pack([run(*point) for point in points]))
    assert [one.label for one in together] == ["memorization", "confusion", "confusion"]
    for point, outcome in zip(points, together, strict=True):
        [alone] = train_pack([run(*point)])
        assert alone.label == outcome.label and alone.curves["step"] == outcome.curves["step"]
        assert alone.metrics["training_accuracy"] == pytest.approx(outcome.metrics["training_accuracy"], abs=0.1)
    assert math.isnan(together[0].metrics["steps_to_validation"]) and together[0].metrics["steps_to_training"] < 600
    assert together[0].curves["label"][0] == "confusion" and together[0].curves["label"][-1] == "memorization"


def test_it_sweeps(tmp_path):
    settings = ["training.steps=60", "training.width=8", "grid.seeds=1", "mlflow.enabled=false"]
    axes = ["grid.axes.learning_rate=[1e-4, 1e-2]", "grid.axes.weight_decay=[0, 10]"]
    config = load(file=ROOT / "examples" / "grokking" / "grokking.toml", settings=[*settings, *axes])
    folder = train_own_here(config, tmp_path / "sweep")
    table = pd.read_parquet(folder.trainings)
    assert len(table) == 4 and {"learning_rate", "weight_decay", "linearity"} <= set(table)
    assert set(table["label"]) <= {label.name for label in GROKKING.labels} and (table["status"] == "done").all()
    assert write_report(folder)
    assert "decoder learning rate" in (folder.report / "index.html").read_text()
