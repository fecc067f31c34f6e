"""The registry: an algorithm is one object, and labels that it doesn't know are shown all the same."""

import math

import numpy as np
import pytest

from analysis import Algorithm, LinearForm, Term, UserError, beyond, worst
from analysis.algorithms import names
from analysis.algorithms.builtin import BUILTIN, PUDDING_POSITIVE
from analysis.algorithms.classify import describe, read, summarise
from analysis.algorithms.formula import faithfulness, formula
from analysis.network import Network
from tests.support.known_networks import pudding


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(names, "_known", dict(names._known))
    monkeypatch.setattr(names, "_given", {})


def sided(parameters, dimension):
    return worst(beyond(parameters["locality"], 0.7, 1.0), beyond(parameters["sidedness_min"], 0.5, 1.0))


HINGES = LinearForm(
    Term("a", "Σᵢ max(xᵢ, 0)", r"\sum_i \max(x_i, 0)", lambda x: np.maximum(x, 0).sum(1)),
    Term("b", "Σᵢ xᵢ", r"\sum_i x_i", lambda x: x.sum(1)),
)
HINGE = Algorithm("hinge", sided, title="one hinge", formula=HINGES)
SILENT = Algorithm("silent", sided)


def l1_norm(x):
    return np.abs(x).sum(1)


def batch(network: Network) -> Network:
    return network.map(lambda array: array[None])


def test_one_object_is_a_label_a_title_a_colour_a_formula_and_a_share():
    network = pudding(6, 1, t=50.0)
    readings = read(batch(network), l1_norm, names=["double_sided", HINGE])
    row = summarise(readings)
    assert row["algorithm"] == "hinge" and row["fraction_hinge"] == 1 and row["fraction_double_sided"] == 0
    assert row["faithfulness"] > 0.99
    found = describe(network, l1_norm, names=[HINGE])
    assert found["algorithm"] == "hinge" and found["constants"]["a"] == pytest.approx(2, abs=0.05)
    assert "·Σᵢ max(xᵢ, 0) − " in found["formula"] and r"\,\sum_i \max(x_i, 0) - " in found["formula_latex"]
    assert names.display_name("hinge") == "one hinge"
    assert names.in_order(["zeta", "other", "hinge", "constant"]) == ["constant", "hinge", "other", "zeta"]


def test_an_algorithm_without_a_closed_formula_works():
    network = pudding(6, 1)
    readings = read(batch(network), l1_norm, names=[SILENT])
    assert readings.algorithm[0] == "silent" and np.isnan(readings.faithfulness[0])
    found = describe(network, l1_norm, names=[SILENT])
    assert found["formula"] is None and found["formula_latex"] is None and found["constants"] == {}
    assert math.isnan(found["faithfulness"])
    assert formula(network, "nobody knows this") is None and math.isnan(faithfulness(network, None))


def test_a_new_formula_may_be_the_nearest_of_what_has_no_name():
    network = pudding(4, 1, t=2.0)
    itself = LinearForm(Term("a", "f(x)", "f(x)", network))
    assert formula(network, "other").form == "double_sided"
    names.register(Algorithm("itself", sided, formula=itself))
    assert formula(network, "other").text == "no known algorithm; nearest is itself: 1·f(x)"
    names.register(Algorithm("itself", sided, formula=itself, nearest=False))
    assert formula(network, "other").form == "double_sided"


def test_names_are_unknown_taken_or_given_back():
    with pytest.raises(UserError, match="unknown algorithm 'hinge'; known: constant, "):
        names.resolve(["hinge"])
    names.register(HINGE)
    assert [one.name for one in names.resolve(["hinge"])] == ["constant", "hinge"]
    assert names.resolve(None) == BUILTIN
    names.register(SILENT)
    again = names.register(Algorithm("hinge", sided))
    assert names.get_algorithm("hinge") is again
    for taken in ("pudding_positive", "pudding"):
        with pytest.raises(UserError, match=f"algorithm '{taken}': a phase of this name is known already"):
            names.register(Algorithm(taken, sided))
    assert names.get_algorithm("pudding_positive") is PUDDING_POSITIVE


def test_mirror_images_of_ones_own_merge_in_pairs():
    left, right = (Algorithm(f"hinge_{side}", sided, merged="hinges") for side in ("left", "right"))
    names.register(left)
    assert "hinge_left" not in names.mirror_images()
    names.register(right)
    assert names.mirror_images()["hinge_left"] == names.mirror_images()["hinge_right"] == "hinges"
    with pytest.raises(UserError, match="'hinges' has two mirror images already"):
        names.register(Algorithm("hinge_third", sided, merged="hinges"))


def test_no_two_unknown_labels_look_the_same():
    names.register(SILENT)
    labels = [f"label {number}" for number in range(200)]
    colours = names.colours([*labels, "silent", *names.palette()])
    assert len(set(colours.values())) == len(colours) - 1  # a merged phase has its first image's colour
    assert names.colours(labels[150:]) == {label: colours[label] for label in labels[150:]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "two words"}, "algorithm 'two words': its name must be a word"),
        ({"name": "other"}, "algorithm 'other': its name must be"),
        ({"name": "x", "colour": "red"}, "algorithm 'x': colour must be like #1f77b4, not 'red'"),
        ({"name": "x", "score": 5}, "algorithm 'x': score must be a function"),
        ({"name": "x", "formula": "a·x"}, "algorithm 'x': formula must be a ClosedForm, not 'a·x'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_algorithm_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        Algorithm(**{"score": sided} | arguments)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda parameters, dimension: parameters["lokality"], "there is no order parameter 'lokality'"),
        (lambda parameters, dimension: 1.0, "its score must be one number per network"),
        (lambda parameters, dimension: np.full(1, np.nan), "its score must be one number per network"),
    ],
    ids=["no such parameter", "a number", "not a number"],
)
def test_a_wrong_criterion_is_one_line(score, message):
    with pytest.raises(UserError, match=f"algorithm 'wrong': {message}"):
        read(batch(pudding(4, 1)), l1_norm, names=[Algorithm("wrong", score)])
