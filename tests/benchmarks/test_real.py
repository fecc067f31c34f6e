"""Designs on real trainings: what a killed run finds again, and what each design may spend."""

import json

import pytest

from benchmarks.boundaries.real import DIMENSIONS, HIGH, LOW, Trainings, ask, middles, report, seconds, seed_of, within
from trainables.recipe import Recipe

RECIPE = Recipe(steps=600)


def row(number, dimension=4, beta=1e-4, label="convexity", steps=600):
    return {"repetition": 0, "design": "refined", "number": number, "steps": steps, "beta": beta,
            "dimension": dimension, "algorithm": label}  # fmt: skip


def test_a_round_that_was_cut_off_stands_up_to_its_first_gap(tmp_path):
    path = tmp_path / "trainings.jsonl"
    path.write_text("".join(json.dumps(row(number)) + "\n" for number in (0, 1, 3)))
    assert [each["number"] for each in Trainings(path, RECIPE).of(0, "refined")] == [0, 1]
    with pytest.raises(SystemExit, match="other steps"):
        Trainings(path, Recipe(steps=700))


def test_a_budget_pays_for_the_first_trainings():
    rows = [row(number, n) for number, n in enumerate((6, 3, 6))]
    assert within(rows, seconds(RECIPE, 6) + seconds(RECIPE, 3), RECIPE) == rows[:2]
    assert within(rows, 0.99 * seconds(RECIPE, 6), RECIPE) == []


def test_seeds_differ():
    keys = [(repetition, design, k) for repetition in range(3) for design in ("start", "peer") for k in range(50)]
    assert len({seed_of(key) for key in keys}) == len(keys)


@pytest.mark.parametrize("design", ["refined", "peer"])
def test_designs_ask_where_they_may(design):
    if design == "peer":
        pytest.importorskip("skactiveml")
    start = [row(k, n, beta, "constant" if beta > 1e-2 else "convexity") for k, (beta, n) in enumerate(middles(6))]
    asked = ask(design, start, 4, RECIPE, 7)
    assert asked == ask(design, start, 4, RECIPE, 7)  # a killed run asks for the same again
    assert len(set(asked)) == 4
    assert all(10**LOW <= beta <= 10**HIGH and n in DIMENSIONS for beta, n in asked)


def test_the_table_has_means_and_their_errors():
    def score(loss):
        return {"trainings": 40, "seconds": 9.0, "log_loss": loss, "wrong": 0.25, "boundaries": 6, "width": 0.5}

    lines = report({"start": [score(1.0), score(1.0)], "uniform": [score(0.5), score(0.7)]}).splitlines()
    assert lines[-1].startswith("| uniform | 0 | 9 | 0.600 ± 0.100 | +0.000 ± +0.000 | 25.0% ± 0.0% | 6.0 | 0.50")
