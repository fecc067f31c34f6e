"""What the benchmarks count, and that they run."""

import pytest

from benchmarks.label_agreement import agreement, shares
from benchmarks.training_speed import measure, products, step_costs
from trainables.recipe import Recipe


def test_products_grow_with_the_edges():
    few, many = (products(Recipe(), n) for n in (32, 128))
    assert many / few == pytest.approx(16, rel=0.15)
    assert products(Recipe(layers=8), 32) == pytest.approx(2 * few, rel=0.2)


def test_costs_of_a_step_are_read_off_a_bench():
    wanted = 4e-4, 5e-5, 9e-7  # of a pack's step, a member, an edge
    edges = {n: n * Recipe().hidden(n) for n in (4, 6, 16)}
    rows = [
        {
            "dimension": n,
            "pack": k,
            "training_steps_per_second": k / (wanted[0] + k * (wanted[1] + wanted[2] * edges[n])),
        }
        for n in edges
        for k in (1, 16, 64)
    ]
    assert step_costs(rows) == pytest.approx(wanted)


def test_labels_of_two_paths_are_compared_place_by_place():
    one = {(1e-9, 0): "pudding", (1e-9, 1): "pudding", (1e-3, 0): "pudding", (1e-3, 1): "convexity"}
    other = {(1e-9, 0): "pudding", (1e-9, 1): "other", (1e-3, 0): "convexity", (1e-3, 1): "convexity"}
    assert agreement(one, other) == (2, 4)
    assert shares(one, 1e-3) == "convexity 1, pudding 1"


def test_the_ordinary_loop_is_measured():
    assert measure(2, 1, 0.0, "cpu") > 0  # training-steps a second, of the fewest steps
