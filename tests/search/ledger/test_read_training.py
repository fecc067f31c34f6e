"""What a record says of networks that no known algorithm describes: their pattern."""

from dataclasses import replace

import numpy as np
import pytest

from search.ledger.read_training import name_draws, to_record
from search.objects import algorithms
from search.tracking.run_content import training_note, training_run
from tests.support.known_networks import padded, pudding
from tests.support.pattern_networks import PATTERNS
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task
from trainables.training.loop import Member, train_pack

SHORT = {"steps": 3, "snapshots": 1, "snapshot_draws": 2, "final_draws": 2}


@pytest.fixture(scope="module")
def maximum():
    """A record of a training for the maximum, as if it had drawn networks of the pattern that computes it."""
    recipe = Recipe(task="maximum", **SHORT)
    [trained] = train_pack(4, [Member("k", 1e-4, 0)], recipe)
    network = PATTERNS[4].build(4)
    network = padded(network, np.random.default_rng(0), recipe.hidden(4) - network.hidden)
    drawn = type(trained.final.draws)(*(np.stack([array, array]) for array in network.arrays.values()))
    return to_record(replace(trained, final=replace(trained.final, draws=drawn)), recipe, 4)


def test_unnamed_networks_are_recorded_with_their_pattern(maximum):
    row = maximum.row
    assert row["algorithm"] == "other"
    assert row["pattern"] == PATTERNS[4].pattern
    assert row["pattern_r_squared"] > 0.99 and row["pattern_constants"] <= 6
    assert "Σₖ≠ᵢ xₖ" in row["pattern_formula"]


def test_networks_that_are_named_anew_are_explained_anew(maximum):
    names = algorithms(get_task("maximum"), ())
    found = name_draws(maximum.draws, get_task("maximum"), names)
    kept = ("algorithm", "representative", "pattern", "pattern_formula", "pattern_r_squared", "pattern_constants")
    assert {name: found[name] for name in kept} == {name: maximum.row[name] for name in kept}


def test_mlflow_says_the_pattern_in_tag_and_note(maximum):
    run = training_run(maximum, "sweep")
    assert run.tags["pattern"] == PATTERNS[4].pattern
    assert maximum.row["pattern_formula"] in training_note("run", maximum.row, drawing=False)


def test_of_named_networks_the_name_says_it():
    recipe = Recipe(**SHORT)
    [trained] = train_pack(3, [Member("k", 1.0, 0)], recipe)
    network = pudding(3, 1)
    network = padded(network, np.random.default_rng(0), recipe.hidden(3) - network.hidden)
    drawn = type(trained.final.draws)(*(np.stack([array, array]) for array in network.arrays.values()))
    record = to_record(replace(trained, final=replace(trained.final, draws=drawn)), recipe, 3)
    assert record.row["algorithm"] == "pudding_positive" and "pattern" not in record.row
    assert "pattern" not in training_run(record, "sweep").tags
