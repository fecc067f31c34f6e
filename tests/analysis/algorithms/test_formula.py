"""Formulas say what the networks do, in the algorithm's own words."""

import numpy as np
import pytest

from analysis.algorithms.formula import Formula, explained, faithfulness, formula
from analysis.algorithms.inputs import fresh_inputs
from analysis.network import Network
from tests.support.known_networks import Known, convexity, double_sided, pudding, table

CONVERGED = [known for known in table() if known.converged]


@pytest.mark.parametrize("known", CONVERGED, ids=lambda known: known.name)
def test_formulas_of_converged_networks_are_faithful_also_at_twice_the_scale(known: Known):
    closed = formula(known.network, known.algorithm)
    assert faithfulness(known.network, closed) >= 0.98
    assert faithfulness(known.network, closed, scale=2.0) >= 0.97


def test_constants_are_the_algorithm_s():
    double = formula(double_sided(6, t=50.0), "double_sided")
    assert double.constants["p"] == pytest.approx(1, abs=0.02)
    assert double.constants["q"] == pytest.approx(1, abs=0.02)
    for sign, name in ((1, "pudding_positive"), (-1, "pudding_negative")):
        closed = formula(pudding(6, sign, t=50.0), name)
        assert closed.constants["a"] == pytest.approx(2, abs=0.05)
        assert closed.constants["b"] == pytest.approx(-sign, abs=0.05)


def test_texts():
    assert formula(double_sided(6, t=400.0), "double_sided").text == "1·Σᵢ relu(xᵢ) + 1·Σᵢ relu(−xᵢ)"
    assert Formula("constant", "constant", 4, {"c": -3.14159}).text == "−3.14"
    positive = Formula("pudding_positive", "pudding_positive", 4, {"a": 1.994, "b": -0.98, "c": 0.05})
    assert positive.text == "1.99·Σᵢ relu(xᵢ) − 0.98·Σᵢ xᵢ + 0.05"
    soft = Formula("double_sided", "double_sided", 4, {"p": 1.0, "q": 1.0, "c": -0.2, "t": 3.0})
    assert soft.text == "1·Σᵢ xᵢ·σ(3·xᵢ) + 1·Σᵢ (−xᵢ)·σ(−3·xᵢ) − 0.2"
    dense = Formula("convexity", "convexity", 4, {"a": 0.3, "b": -1.25, "c": 2.0}, np.ones((5, 4)))
    assert dense.text == "0.3·Σⱼ swish(wⱼ·x − 1.25) + 2"
    assert dense.latex == r"0.3\,\sum_j \mathrm{swish}(w_j \cdot x - 1.25) + 2"


def test_softness_is_a_constant_only_where_it_matters():
    assert "t" in formula(double_sided(6, t=2.0), "double_sided").constants
    assert "t" not in formula(double_sided(6, t=80.0), "double_sided").constants


def test_prediction_is_the_formula_s_value():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    closed = Formula("pudding_negative", "pudding_negative", 2, {"a": 2.0, "b": 1.0, "c": 0.5})
    np.testing.assert_allclose(closed.predict(x), [2 * 2 - 1 + 0.5, 0 + 3.5 + 0.5])
    np.testing.assert_allclose(Formula("constant", "constant", 2, {"c": 4.0}).predict(x), [4.0, 4.0])


@pytest.mark.parametrize("name", ["double_sided", "pudding_positive", "pudding_negative", "convexity", "constant"])
def test_sympy_says_the_same_as_predict(name):
    import sympy

    network = convexity(3, 6) if name == "convexity" else double_sided(3, t=2.0)
    closed = formula(network, name)
    x = np.array([[0.7, -1.2, 0.4]])
    expression = closed.expression().doit()
    values = {sympy.IndexedBase("x")[i + 1]: value for i, value in enumerate(x[0])}
    if closed.rows is not None:
        w = sympy.IndexedBase("w")
        values |= {w[j + 1, i + 1]: value for (j, i), value in np.ndenumerate(closed.rows)}
    assert float(expression.subs(values)) == pytest.approx(closed.predict(x)[0], rel=1e-6)


def test_the_wrong_formula_is_not_faithful():
    network = double_sided(8)
    assert faithfulness(network, formula(network, "constant")) < 0.98
    random = Network(*(np.random.default_rng(0).standard_normal(s) for s in ((24, 8), 24, 24, ())))
    assert faithfulness(random, formula(random, "other")) < 0.9


def test_other_is_told_as_the_nearest_formula():
    closed = formula(pudding(6, 1), "other")
    assert (closed.algorithm, closed.form) == ("other", "double_sided")
    assert closed.text.startswith("no known algorithm; nearest is double_sided: ")
    assert formula(convexity(6, 18), "other").form == "convexity"


def test_convexity_s_rows_do_not_depend_on_how_rows_and_outgoing_weights_share_the_scale():
    network = convexity(6, 18, t=4.0)
    factor = np.exp(np.random.default_rng(0).uniform(-0.4, 0.4, 18))
    other = Network(
        network.hidden_weight * factor[:, None],
        network.hidden_bias,
        network.output_weight / factor,
        network.output_bias,
    )
    assert faithfulness(other, formula(other, "convexity")) > 0.98


def test_flat_outputs_are_explained_by_their_constant():
    closed = Formula("constant", "constant", 2, {"c": 0.0})
    assert explained([closed], np.zeros((1, 5)), np.zeros((1, 5))) == [1.0]
    flat = Network(np.zeros((1, 2)), np.zeros(1), np.zeros(1), np.array(2.0))
    assert faithfulness(flat, formula(flat, "constant")) == 1.0
    assert faithfulness(flat, formula(flat, "other")) == 1.0


def test_fresh_inputs_are_antithetic_and_differ_by_seed():
    x = fresh_inputs(3, 10, 0)
    np.testing.assert_array_equal(x[:5], -x[5:])
    assert not np.array_equal(x, fresh_inputs(3, 10, 1))
    np.testing.assert_array_equal(2 * x, fresh_inputs(3, 10, 0, scale=2.0))
