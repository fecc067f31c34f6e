"""Networks of one pattern at different n share one formula in n."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.algorithms.inputs import fresh_inputs
from analysis.errors import UserError
from analysis.patterns.across import shared_formula
from analysis.patterns.explain import explain
from tests.support.known_networks import assemble, pass_through
from tests.support.pattern_networks import PATTERNS, against_rest


def test_constants_follow_their_law_in_n():
    standing_out = PATTERNS[4]  # built with rho = −0.9 / (n − 1)^(3/4), all other constants the same at every n
    found = shared_formula([explain(standing_out.build(n)) for n in (4, 6, 8, 12, 16)])
    assert found.pattern == standing_out.pattern and found.dimensions == (4, 6, 8, 12, 16)
    [laws] = found.laws
    assert laws["A"].exponent == 0 and laws["A"](8) == pytest.approx(0.8, rel=0.02)
    assert laws["tau"](8) == pytest.approx(-0.8, rel=0.02)
    assert laws["rho"](8) == pytest.approx(-0.9 / 7**0.75, rel=0.03)
    assert laws["rho"].exponent == pytest.approx(-0.75, abs=0.02)  # of n − 1
    assert found.slope(8) == pytest.approx(0.3, rel=0.03)
    assert "(n − 1)^-0.75·Σₖ≠ᵢ xₖ − 0." in found.text and min(found.r_squared().values()) > 0.99


def test_one_formula_predicts_a_dimension_that_it_was_not_made_of():
    for place in (0, 4, 5, 6, 7):  # both sides, one against the rest, pairs
        pattern = PATTERNS[place]
        found = shared_formula([explain(pattern.build(n)) for n in (4, 6, 8)])
        x = fresh_inputs(10, 512, 3)
        wanted = pattern.build(10)(x)
        assert found.complete and found.pattern == pattern.pattern
        assert np.corrcoef(wanted, found.predict(x))[0, 1] ** 2 > 0.99


def test_mirror_images_and_guises_share_a_formula():
    turned = [replace(PATTERNS[4].build(n), hidden_weight=-PATTERNS[4].build(n).hidden_weight) for n in (4, 8)]
    guises = [explain(assemble(against_rest(6, -1, 0.3, 0.8, 0.8), pass_through(6, 0.3)))]
    found = shared_formula([explain(network) for network in [PATTERNS[4].build(5), *turned]] + guises)
    assert found.pattern == PATTERNS[4].pattern and found.dimensions == (4, 5, 6, 8)
    assert found.laws[0]["tau"](6) == pytest.approx(-0.8, rel=0.02)


def test_rows_without_structure_have_no_formula_in_n():
    found = shared_formula([explain(PATTERNS[10].build(n)) for n in (6, 8)])
    assert not found.complete
    with pytest.raises(UserError, match="no formula in n"):
        found.predict(fresh_inputs(6, 8, 0))


def test_different_patterns_have_no_formula_in_common():
    with pytest.raises(UserError, match="one pattern, not 2"):
        shared_formula([explain(PATTERNS[0].build(4)), explain(PATTERNS[1].build(4))])
