"""Networks of one pattern at different n share one formula in n."""

import pytest

from analysis.errors import UserError
from analysis.patterns.across import shared_formula
from analysis.patterns.explain import explain
from tests.support.pattern_networks import PATTERNS


def test_constants_follow_their_law_in_n():
    standing_out = PATTERNS[4]  # built with rho = −0.9 / (n − 1)^(3/4), all other constants the same at every n
    found = shared_formula([explain(standing_out.build(n)) for n in (4, 6, 8, 12, 16)])
    assert found.pattern == standing_out.pattern and found.dimensions == (4, 6, 8, 12, 16)
    [laws] = found.laws
    assert laws["A"].exponent == 0 and laws["A"](8) == pytest.approx(0.8, rel=0.02)
    assert laws["tau"](8) == pytest.approx(-0.8, rel=0.02)
    assert laws["rho"](8) == pytest.approx(-0.9 / 7**0.75, rel=0.03) and laws["rho"].exponent < -0.7
    assert found.slope(8) == pytest.approx(0.3, rel=0.03)
    assert "n^" in str(found)


def test_different_patterns_have_no_formula_in_common():
    with pytest.raises(UserError, match="one pattern, not 2"):
        shared_formula([explain(PATTERNS[0].build(4)), explain(PATTERNS[1].build(4))])
