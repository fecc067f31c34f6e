"""A sweep that was made before recipes had a curriculum: its config, keys and networks are what they were.

tests/data/sweep_before_curricula was written at commit 9dde321.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from search.cli import main
from search.ledger import ledger
from search.sweep import folder as folders
from search.sweep.experiment import experiment_of
from search.sweep.grid import expand
from search.sweep.point import training_key
from search.sweep.tables import matches_recipe
from trainables.recipe import Recipe
from trainables.training.draw import draw_networks
from trainables.training.loop import Member, train_pack

SWEEP = folders.SweepFolder(Path(__file__).parents[2] / "data" / "sweep_before_curricula")
KEY = "13ce60fa2b3a6340"


@pytest.fixture(scope="module")
def record():
    return ledger.read(ledger.record_path(SWEEP.ledger, KEY))


def test_nothing_of_it_is_to_be_trained_again(record):
    config = folders.read_config(SWEEP)
    assert [point.key for point in expand(config)] == [KEY]
    assert matches_recipe(record.row, experiment_of(config).recipe)


@pytest.mark.parametrize("command", ["resume", "refine", "anneal", "sync"])
def test_no_command_asks_for_it_anew(command, tmp_path, monkeypatch):
    """Settings on top or not: fields that its config lacks are what they were then, not today's defaults."""
    folder, asked = Path(shutil.copytree(SWEEP.path, tmp_path / "sweep")), []
    runs = {"resume": "sweep.sweep", "refine": "refine.refine", "anneal": "anneal.anneal", "sync": "sync.sync"}
    monkeypatch.setattr(f"search.driver.{runs[command]}", lambda config, *rest, **more: asked.append(config) or 0)
    for settings in ([], ["--set", "mlflow.enabled=false"]):
        assert main.main([command, str(folder), *settings]) == 0
        assert KEY in [point.key for point in expand(asked.pop())]


def test_its_recipe_keeps_its_key(record):
    fields = json.loads(record.row["recipe"])
    recipe, point = Recipe.stored(fields), {"dimension": 2, "beta": 1e-6, "seed": 0}
    assert recipe.model_dump(mode="json") == fields
    assert training_key(recipe, **point) == KEY
    assert training_key(recipe.model_copy(update={"curriculum": 0.25}), **point) != KEY


def test_it_draws_the_same_network(record):
    drawn = draw_networks(record.hypernetwork, Recipe.stored(json.loads(record.row["recipe"])), 5, seed=1)
    assert drawn.hidden_weight.sum() == pytest.approx(-1.0863814, abs=1e-4)
    assert drawn.output_bias[0] == pytest.approx(2.0545855, abs=1e-4)
    np.testing.assert_allclose(drawn.output_weight[0, :3], [0.41418996, 0.46112016, -0.51860493], atol=1e-4)


def test_the_same_training_gives_the_same_hypernetwork(record):
    recipe = Recipe.stored(json.loads(record.row["recipe"]))
    [again] = train_pack(2, [Member(KEY, 1e-6, 0)], recipe)
    for name, array in record.hypernetwork.items():
        np.testing.assert_allclose(again.hypernetwork[name], array, atol=1e-4)


def test_a_new_config_survives_its_file(tmp_path, record):
    config = folders.read_config(SWEEP)
    folder = folders.SweepFolder(tmp_path)
    for training in (config.training, type(config.training)(steps=5)):
        changed = config.model_copy(update={"training": training})
        folders.write_config(folder, changed)
        assert folders.read_config(folder) == changed
