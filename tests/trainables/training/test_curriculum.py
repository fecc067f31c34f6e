"""Which dimension and penalty each step takes, and that recipes from before there was a curriculum have none."""

import pytest
from pydantic import ValidationError

from trainables.recipe import Recipe
from trainables.training.curriculum import Curriculum, mean_edges, smaller

BEFORE_WEIGHTS = {
    "penalty_risen": 0,
    "penalty_held": 0,
    "penalty_back": 0,
    "small_penalty": 1,
    "rehearsal_from": 0,
    "rehearsal_weight": 1,
    "rate_held": 0,
}
RECIPE = Recipe(
    steps=24, curriculum=0.25, first_penalty=0.1, highest_penalty=4, penalty_power=2, rehearsal=4, **BEFORE_WEIGHTS
)


def steps_of(recipe: Recipe, dimension: int) -> list[tuple[int, float]]:
    curriculum = Curriculum(recipe, dimension)
    return [(curriculum.dimension(step), curriculum.penalty(step)) for step in range(1, recipe.steps + 1)]


def test_small_dimensions_take_turns_first_and_come_back_now_and_then():
    taken = [n for n, _ in steps_of(RECIPE, 16)]
    small = smaller(16)
    assert taken[:6] == ([16, *small] * 6)[:6]
    assert [step for step, n in enumerate(taken, 1) if step > 6 and n != 16] == [8, 12, 16, 20, 24]
    assert set(taken[6:]) == {16, *small}
    assert Curriculum(RECIPE, 16).dimensions == [*small, 16]


def test_the_penalty_rises_beyond_beta_comes_back_and_grows_towards_small_dimensions():
    at_own = {step: penalty for step, (n, penalty) in enumerate(steps_of(RECIPE, 16), 1) if n == 16}
    assert at_own[1] == pytest.approx(0.1) and at_own[7] == 4.0 and at_own[10] == pytest.approx(2.0)
    rising, falling = ([p for step, p in at_own.items() if a <= step <= b] for a, b in [(1, 7), (7, 13)])
    assert rising == sorted(rising) and falling == sorted(falling, reverse=True)
    assert {penalty for step, penalty in at_own.items() if step > 12} == {1.0}
    for small in smaller(16):
        at_small = {penalty for n, penalty in steps_of(RECIPE, 16)[12:] if n == small}
        assert at_small == {(16 / small) ** 2}


def test_the_penalty_is_back_when_the_recipe_says():
    recipe = RECIPE.model_copy(update={"penalty_back": 0.75})
    at_own = {step: penalty for step, (n, penalty) in enumerate(steps_of(recipe, 16), 1) if n == 16}
    assert at_own[13] == pytest.approx(2.0)  # half of the way, in powers
    assert {step for step, penalty in at_own.items() if penalty == 1.0 and step > 6} == {19, 21, 22, 23}
    held = RECIPE.model_copy(update={"penalty_held": 0.5, "penalty_back": 0.75})
    at_own = {step: penalty for step, (n, penalty) in enumerate(steps_of(held, 16), 1) if n == 16}
    assert {at_own[step] for step in (7, 9, 10, 11, 13)} == {4.0} and at_own[19] == 1.0
    assert at_own[15] == pytest.approx(4.0 ** (4 / 6))


def test_the_penalty_may_go_on_rising_after_the_curriculum():
    late = RECIPE.model_copy(update={"penalty_risen": 0.5, "penalty_held": 0.75, "penalty_back": 1.0})
    at_own = {step: penalty for step, (n, penalty) in enumerate(steps_of(late, 16), 1) if n == 16}
    assert at_own[1] == pytest.approx(0.1) and at_own[7] == pytest.approx(0.1 * 40**0.5)
    assert {at_own[13], at_own[15], at_own[17], at_own[19]} == {4.0}
    assert at_own[22] == pytest.approx(2.0)  # half of the way down, in powers
    without = late.model_copy(update={"curriculum": 0.0, "rehearsal": 0})
    assert {penalty for _, penalty in steps_of(without, 16)} == {1.0}


def test_every_small_dimension_takes_a_multiple_of_beta():
    recipe = RECIPE.model_copy(update={"small_penalty": 3, "penalty_power": 0})
    taken = steps_of(recipe, 16)
    assert {penalty for n, penalty in taken[12:] if n != 16} == {3.0}
    assert {penalty for n, penalty in taken[12:] if n == 16} == {1.0}


def test_rehearsal_begins_late_and_weighs_little():
    recipe = RECIPE.model_copy(update={"rehearsal_from": 0.6, "rehearsal_weight": 0.1})
    curriculum = Curriculum(recipe, 16)
    small = [step for step in range(7, 25) if curriculum.dimension(step) != 16]
    assert small == [16, 20, 24]
    assert [step for step in range(1, 25) if curriculum.weight(step) != 1] == small
    assert {curriculum.weight(step) for step in small} == {0.1}


@pytest.mark.parametrize("trainable", ["pareto", "mlp"])
def test_what_has_no_curriculum_is_trained_as_before_there_was_one(trainable):
    assert not set(Recipe(trainable=trainable).model_dump()) & {"scale_free", "curriculum", "first_penalty"}
    assert Recipe().curriculum and Recipe().scale_free


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 5, 6, 8, 12, 24, 64])
def test_every_dimension_has_a_curriculum_below_itself(dimension):
    small = smaller(dimension)
    assert small == sorted(set(small)) and all(2 <= n < dimension for n in small)
    assert bool(small) == (dimension > 2)
    assert len(steps_of(RECIPE, dimension)) == RECIPE.steps


@pytest.mark.parametrize("recipe", [Recipe.stored({"steps": 24}), Recipe(steps=24, curriculum=0)])
def test_without_a_curriculum_every_step_is_at_n_and_beta(recipe):
    assert set(steps_of(recipe, 16)) == {(16, 1.0)}
    assert mean_edges(recipe, 16) == 16 * 48


def test_dimensions_that_the_recipe_names_take_turns_to_the_end():
    taken = [n for n, _ in steps_of(Recipe(steps=24, dimensions=(6, 3), curriculum=0), 6)]
    assert taken == [6, 3] * 12


def test_small_dimensions_make_a_training_cheaper():
    taken = [n for n, _ in steps_of(RECIPE, 16)]
    assert mean_edges(RECIPE, 16) == pytest.approx(sum(3 * n * n for n in taken) / 24)
    assert mean_edges(RECIPE, 16) < 0.9 * 16 * 48


@pytest.mark.parametrize("trainable", ["pareto", "mlp"])
def test_other_trainables_have_none(trainable):
    with pytest.raises(ValidationError, match="has no curriculum"):
        Recipe(trainable=trainable, curriculum=0.1)
