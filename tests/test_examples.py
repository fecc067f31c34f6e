"""The examples, run small."""

from pathlib import Path

import pandas as pd
import pytest

from search.config.load import load
from tests.support.own_experiment import train_own_here
from trainables import objects

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    for name in ("_folders", "_provided", "_modules"):
        monkeypatch.setattr(objects, name, type(getattr(objects, name))())


@pytest.mark.parametrize("name", ["overfitting.py", "overfitting.toml"])
def test_the_page_on_experiments_shows_the_example_as_it_is(name):
    page = (EXAMPLES.parent / "docs" / "experiments.md").read_text(encoding="utf-8")
    assert (EXAMPLES / "overfitting" / name).read_text(encoding="utf-8").rstrip() in page


def test_kernel_ridge_regression_underfits_fits_and_overfits(tmp_path):
    settings = [
        "grid.seeds=1",
        "grid.axes.alpha=[1e-6, 100]",
        "grid.axes.gamma=[0.01, 1, 1000]",
        "mlflow.enabled=false",
    ]
    config = load(file=EXAMPLES / "overfitting" / "overfitting.toml", settings=settings)
    table = pd.read_parquet(train_own_here(config, tmp_path / "sweep").trainings).set_index(["alpha", "gamma"])
    assert (table.loc[100, "label"] == "underfits").all()
    assert table.loc[1e-6, "label"].to_dict() == {0.01: "underfits", 1: "fits", 1000: "overfits"}
