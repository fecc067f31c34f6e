"""What a training would tell of the equilibrium boundaries, and where the next ones go."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.phases.equilibrium import equilibrium
from benchmarks.boundaries.worlds import DIMENSIONS, made_up
from benchmarks.equilibrium_coverage import random_fronts
from search.sampling.front_knowledge import LOOKED_FOR, MIN_TRAININGS, POINTS, FrontKnowledge, next_places, rare_labels

COST = {8.0: 64.0, 16.0: 256.0}
HEAT, SEED = 0.4, [100, 0]


@pytest.fixture(scope="module")
def world():
    """Four algorithms at n = 8 and 16, five trainings at each of 13 β."""
    world = made_up("exponential", HEAT, SEED)
    world.train([(float(beta), n) for n in (8, 16) for beta in np.geomspace(1e-8, 1, 13) for _ in range(5)])
    return world


def read(world):
    beta, n, label, energy, nats = world.columns()
    return equilibrium(beta, n, label, energy, nats, log_x=True)


def likely_in_truth():
    rng = np.random.default_rng(SEED)
    fronts = {n: random_fronts("exponential", rng) for n in DIMENSIONS}

    def likely(beta, n):
        names = list(fronts[8])
        score = [[-np.log(fronts[int(y)][name].objective(b)) / HEAT for name in names]
                 for b, y in zip(beta, n, strict=True)]  # fmt: skip
        share = np.exp(np.array(score) - np.max(score, axis=1, keepdims=True))
        return share / share.sum(axis=1, keepdims=True), names

    return likely


def knowledge(found, y=8.0):
    rows = found.boundaries[found.boundaries["y"] == y]
    widths = np.log10(rows["x_high"] / rows["x_low"])
    pairs = zip(rows["lower_phase"], rows["upper_phase"], rows["x"], widths, strict=True)
    return FrontKnowledge.of(y, found.fronts[y], list(pairs)), widths.to_numpy()


def test_widths_begin_as_they_are_and_fall_by_what_was_foretold(world):
    known, widths = knowledge(read(world))
    np.testing.assert_allclose(known.widths, widths, rtol=1e-9)
    probabilities = np.full((len(known.x), len(known.labels)), 0.25)
    foretold = known.shrinkages(probabilities, width=0.0)
    assert (foretold >= 0).all() and foretold.max() > 0.005
    best = int(foretold.argmax())
    known.take(best, probabilities[best])
    assert widths.sum() - known.widths.sum() == pytest.approx(foretold[best], rel=1e-6)
    assert known.shrinkages(probabilities, width=0.0)[best] < foretold[best]  # the second one tells less


def test_a_training_that_ends_in_another_algorithm_tells_nothing(world):
    known, _ = knowledge(read(world))
    nothing = np.zeros((len(known.x), len(known.labels)))
    assert (known.shrinkages(nothing, width=0.0) == 0).all()
    row = known.labels.index("cheap")
    surely, seldom = (nothing.copy() for _ in range(2))
    surely[:, row], seldom[:, row] = 1.0, 0.1
    assert (known.shrinkages(surely, 0.0) > known.shrinkages(seldom, 0.0)).all()


def test_rounds_narrow_the_bands_more_than_even_places_do(world):
    likely, found = likely_in_truth(), read(world)
    asked = next_places(found, likely, COST, count=48, width=0.05)
    assert len(asked) == 48 and {n for _, n in asked} == {8.0, 16.0}
    assert np.mean([n == 8.0 for _, n in asked]) > 0.7  # a quarter of the cost
    rng = np.random.default_rng(0)
    even = [(float(10 ** rng.uniform(-8, 0)), int(rng.choice([8, 16]))) for _ in range(48)]
    total = {}
    for name, places in (("asked", asked), ("even", even)):
        other = replace(world, rng=np.random.default_rng(1), rows=list(world.rows))
        other.train([(beta, int(n)) for beta, n in places])
        table = read(other).boundaries.query("y == 8")
        assert len(table) == 3
        total[name] = np.log10(table["x_high"] / table["x_low"]).sum()
    assert total["asked"] < 0.6 * total["even"]


def test_cheap_places_come_first_and_none_once_all_is_narrow(world):
    found, likely = read(world), likely_in_truth()
    dear = next_places(found, likely, {8.0: 1.0, 16.0: 1e6}, count=8, width=0.05)
    assert {n for _, n in dear} == {8.0}
    assert next_places(found, likely, COST, count=8, width=10.0) == []
    assert len(next_places(found, likely, {8.0: 1.0}, count=8, width=0.05)) == 8


def test_a_round_is_filled_though_fewer_should_do(world):
    found, likely = read(world), likely_in_truth()
    widest = np.log10(found.boundaries["x_high"] / found.boundaries["x_low"]).max()
    asked = next_places(found, likely, COST, count=40, width=0.98 * widest)
    assert len(asked) == 40 and {n for _, n in asked} == {8.0, 16.0}


def test_algorithms_too_rare_for_a_front_are_asked_for(world):
    other = replace(world, rng=np.random.default_rng(1), rows=[row for row in world.rows if row[2] != "rich"])
    rich = next(row for row in world.rows if row[2] == "rich" and row[1] == 8)
    other.rows.append(rich)
    [first, second, *_] = next_places(read(other), likely_in_truth(), COST, count=8, width=0.05)
    assert first == second and first[1] == 8.0
    x = np.geomspace(1e-8, 1, POINTS)
    probabilities, labels = likely_in_truth()(x, np.full(POINTS, 8.0))
    assert first[0] == pytest.approx(x[probabilities[:, labels.index("rich")].argmax()])


def test_an_algorithm_looked_for_in_vain_is_given_up(world):
    rows = [row for row in world.rows if row[2] != "rich"]
    rich = next(row for row in world.rows if row[2] == "rich" and row[1] == 8)
    assert rare_labels(read(replace(world, rows=[*rows, rich])), 8.0) == {"rich": 1}
    assert rare_labels(read(replace(world, rows=[*rows, rich])), 16.0) == {}
    assert rare_labels(read(replace(world, rows=[*rows, *[rich] * MIN_TRAININGS])), 8.0) == {}
    there = sum(row[0] == rich[0] and row[1] == 8 for row in rows)  # the grid's, of other labels
    another = next(row for row in rows if row[0] == rich[0] and row[1] == 8)
    for more, given_up in ((LOOKED_FOR - there - 2, False), (LOOKED_FOR - there - 1, True)):
        found = read(replace(world, rows=[*rows, rich, *[another] * more]))
        assert (rare_labels(found, 8.0) == {}) is given_up
