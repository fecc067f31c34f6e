"""The grid: keys that never change by accident, and packs that keep every core busy."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.config.load import load, parse
from search.sweep import packs as packs_module
from search.sweep.grid import expand
from search.sweep.packs import LARGEST_PACK, make_packs, pack_seconds
from search.sweep.point import Point, training_key
from trainables.recipe import BEFORE, Recipe

RECIPE = Recipe(steps=20)
POINT = {"dimension": 6, "beta": 1e-5, "seed": 3}


def key_of(**changes):
    return training_key(RECIPE, **{**POINT, **changes})


def test_every_part_of_the_identity_counts():
    keys = {
        key_of(),
        key_of(dimension=7),
        key_of(beta=1.0000000000000002e-5),  # one unit in the last place
        key_of(seed=4),
        training_key(Recipe(steps=21), **POINT),
        training_key(Recipe(steps=20, channels=17), **POINT),
    }
    assert len(keys) == 6


def test_the_order_of_the_recipes_fields_does_not_count():
    fields = RECIPE.model_dump()
    backwards = Recipe(**dict(reversed(fields.items())))
    assert list(backwards.model_fields_set) and training_key(backwards, **POINT) == key_of()
    # nor does the order in which the model declares them: what is hashed is sorted
    reordered = Recipe.model_construct(**dict(reversed(fields.items())))
    reordered.__dict__.update(dict(reversed(list(reordered.__dict__.items()))))
    assert training_key(reordered, **POINT) == key_of()


def test_a_default_that_is_written_out_gives_the_same_key():
    assert training_key(Recipe(steps=20, learning_rate=Recipe().learning_rate, task="l1_norm"), **POINT) == key_of()


def test_fields_that_came_later_leave_the_keys_of_trainings_without_them():
    before = Recipe.stored({"steps": 20})
    assert not set(BEFORE) & set(before.model_dump())
    assert {name: getattr(before, name) for name in BEFORE} == BEFORE
    several = RECIPE.model_copy(update={"dimensions": (4, 5)})
    for recipe in (before, RECIPE, several):
        assert Recipe.stored(recipe.model_dump(mode="json")) == recipe
    assert training_key(several, **POINT) not in (key_of(), training_key(Recipe(steps=20, dimensions=(5, 4)), **POINT))


def test_keys_are_the_same_in_other_processes():
    script = (
        "from search.sweep.point import Point, training_key; from trainables.recipe import Recipe;"
        "print(training_key(Recipe(steps=20), dimension=6, beta=1e-5, seed=3))"
    )
    for seed in ("1", "2"):
        shown = subprocess.run(
            [sys.executable, "-c", script],
            check=False,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
        )
        assert shown.stdout.strip() == key_of(), shown.stderr


def test_the_grid_is_complete_without_doubles():
    loaded = load(preset="quick")
    points = expand(loaded)
    grid = loaded.grid
    assert len({point.key for point in points}) == len(points)
    assert {(p.dimension, p.beta, p.seed) for p in points} == {
        (n, beta, seed) for n in grid.dimensions for beta in grid.betas for seed in grid.seeds
    }


def test_a_larger_grid_keeps_the_keys_of_the_smaller_one():
    small = {point.key for point in expand(load(preset="smoke"))}
    large = {point.key for point in expand(load(preset="smoke", settings=["grid.seeds=5"]))}
    assert small < large


@pytest.mark.parametrize("workers", [1, 4])
def test_trainings_that_share_a_hypernetwork_stay_together(workers):
    tables = {"grid": {"betas": [0.1, 1e-3, 1e-5], "seeds": 9, "dimensions": [2, 3]}}
    loaded = parse(tables | {"training": {"trainable": "pareto"}})
    packs = make_packs(expand(loaded), loaded.training.recipe(), workers=workers, pack_size=4)
    assert len(packs) >= 6  # at most four hypernetworks each
    found = [(pack.dimension, seed) for pack in packs for seed in {point.seed for point in pack.members}]
    assert len(found) == len(set(found)) == 18
    assert sum(len(pack.members) for pack in packs) == 54


@settings(max_examples=40)
@given(
    sizes=st.dictionaries(st.integers(1, 20), st.integers(1, 60), max_size=4),
    workers=st.integers(1, 9),
    pack_size=st.none() | st.integers(1, 20),
)
def test_packs_hold_every_training_once_and_one_dimension_each(sizes, workers, pack_size):
    points = [
        point
        for n, count in sizes.items()
        for point in expand(parse({"grid": {"betas": [0.1], "seeds": count, "dimensions": [n]}}))
    ]
    packs = make_packs(points, RECIPE, workers=workers, pack_size=pack_size)
    packed = [point for pack in packs for point in pack.members]
    assert sorted(packed, key=lambda p: p.key) == sorted(points, key=lambda p: p.key)
    for pack in packs:
        assert {point.dimension for point in pack.members} == {pack.dimension}
        assert 1 <= len(pack.members) <= (pack_size or LARGEST_PACK["cpu"])
        assert pack.seconds == pack_seconds(RECIPE, pack.dimension, len(pack.members))


@pytest.mark.parametrize("preset", ["quick", "paper"])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_cores_end_together(preset, workers):
    loaded = load(preset=preset)
    packs = make_packs(expand(loaded), RECIPE, workers=workers)
    free = [0.0] * workers
    for pack in packs:
        free.sort()
        free[0] += pack.seconds
    assert max(free) <= 1.15 * sum(free) / workers
    if workers <= 3:  # something is to be seen not long after the sweep is half over, however few its trainings
        assert packs[0].seconds <= 0.6 * sum(free) / workers


def test_a_plan_does_not_depend_on_chance():
    points = expand(load(preset="quick"))
    assert make_packs(points, RECIPE, workers=2) == make_packs(points, RECIPE, workers=2)
    assert make_packs([], RECIPE, workers=2) == []


def test_a_large_grid_is_planned_with_few_plans(monkeypatch):
    """By sizes alone: what is tried grows with the dimensions, not with trainings times cores."""
    tried, loss = [], packs_module._Plans.loss
    monkeypatch.setattr(packs_module._Plans, "loss", lambda self, counts: tried.append(1) or loss(self, counts))
    points = [Point({"beta": 1e-4, "dimension": n}, seed, f"{n}-{seed}") for n in range(4, 10) for seed in range(2000)]
    packs = make_packs(points, RECIPE, workers=64)
    assert len(tried) <= (6 * 2 + 1) * (packs_module.MAX_CHOICES + 2)
    assert sorted(point.key for pack in packs for point in pack.members) == sorted(point.key for point in points)
    free = [0.0] * 64
    for pack in packs:
        free[free.index(min(free))] += pack.seconds
    assert max(free) <= 1.1 * sum(free) / 64
