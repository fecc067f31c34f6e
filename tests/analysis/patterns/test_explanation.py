"""What an explanation says is what it computes, in every language."""

import numpy as np
import pytest
import sympy

from analysis.network import Network, NetworkFileError
from analysis.patterns.explain import explain
from analysis.patterns.pattern_text import mirror_image
from tests.support.known_networks import assemble, convexity, double_sided, l1_norm, mirrored, pass_through, pudding
from tests.support.pattern_networks import PATTERNS, against_rest, around_the_mean

NETWORKS = {pattern.name: pattern.build(pattern.smallest) for pattern in PATTERNS if pattern.smallest < 6}
NETWORKS["unstructured rows"] = Network(
    np.random.default_rng(3).standard_normal((5, 3)), np.full(5, 0.1), np.full(5, 1.0), np.array(0.0)
)
NETWORKS["rows around the mean"] = around_the_mean(3, 9, np.random.default_rng(0))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_python_source_and_sympy_say_the_same_as_predict(network):
    found = explain(network)
    n = found.dimension
    x = np.random.default_rng(0).standard_normal((3, n))
    space = {"np": np}
    exec(found.python, space)
    np.testing.assert_allclose(space["f"](x), found.predict(x), rtol=1e-9)
    values = {sympy.IndexedBase("x")[i + 1]: value for i, value in enumerate(x[0])}
    for kind in found.types:
        if kind.rows is not None:
            values |= {sympy.IndexedBase("w")[j + 1, i + 1]: v for (j, i), v in np.ndenumerate(kind.rows)}
    assert float(found.expression().doit().subs(values)) == pytest.approx(found.predict(x)[0], rel=1e-6)


def test_complete_sums_in_python_work_at_any_n():
    space = {"np": np}
    exec(explain(pudding(6, 1, t=40.0)).python, space)
    x = np.random.default_rng(1).standard_normal((5, 11))
    offset = space["f"](np.zeros((1, 11)))
    np.testing.assert_allclose(space["f"](x) - offset, np.abs(x).sum(1), atol=0.2)


def test_texts():
    assert explain(double_sided(6)).text == "Σᵢ [r(xᵢ) + r(−xᵢ)] + 0.411, r(u) = u·σ(4·u)"
    assert explain(double_sided(6)).latex == r"\sum_i [r(x_i) + r(-x_i)] + 0.411, r(u) = u\,\sigma(4\,u)"
    assert explain(double_sided(6, t=200.0)).text == "Σᵢ |xᵢ|"
    assert explain(pudding(6, 1)).text.startswith("2·Σᵢ r(xᵢ) − 1.01·Σᵢ xᵢ + 0.404, r(u)")


def test_one_pattern_at_every_n():
    for pattern in PATTERNS:
        sizes = range(max(pattern.smallest, 4), min(pattern.largest, 9), 2)
        assert {explain(pattern.build(n)).pattern for n in sizes} == {pattern.pattern}


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_mirror_images_have_mirrored_patterns(pattern):
    network = pattern.build(6)
    assert mirror_image(pattern.pattern) == explain(mirrored(network)).pattern
    assert mirror_image(mirror_image(pattern.pattern)) == pattern.pattern


def test_the_guise_of_a_bend_is_no_pattern_of_its_own():
    """r(−u) = r(u) − u: the same function, its bends turned round, has the same pattern, and a formula of its own."""
    there = explain(assemble(against_rest(6, 1, -0.3, -0.8), pass_through(6, 0.3)))
    back = explain(assemble(against_rest(6, -1, 0.3, 0.8), pass_through(6, 0.3 + 1 - 5 * 0.3)))
    assert there.pattern == back.pattern == "Σᵢ r(xᵢ − Σₖ≠ᵢ xₖ) + Σᵢ xᵢ"
    assert "r(−xᵢ + 0.3·Σₖ≠ᵢ xₖ + 0.8" in back.text
    pudding_negative = explain(pudding(6, -1))  # no threshold: this side is the network's own
    assert pudding_negative.pattern == "Σᵢ r(−xᵢ) + Σᵢ xᵢ"


def test_identities_simplify():
    """r(u) − r(−u) = u, and a neuron with a large bias is linear: both leave a sum of inputs and no type."""
    eye = np.eye(4)
    network = Network(np.concatenate([3 * eye, -3 * eye]), np.zeros(8), np.repeat([0.5, -0.5], 4), np.array(0.0))
    found = explain(network)
    assert found.types == () and found.text == "1.5·Σᵢ xᵢ"
    biased = Network(np.full((1, 4), 0.4), np.full(1, 9.0), np.full(1, 2.0), np.array(0.0))
    assert explain(biased).types == () and explain(biased).slopes == pytest.approx([0.8], rel=0.01)


def test_a_flat_network_is_a_constant():
    flat = Network(np.zeros((2, 3)), np.zeros(2), np.zeros(2), np.array(1.5))
    found = explain(flat)
    assert (found.text, found.pattern, found.algorithm, found.r_squared) == ("1.5", "constant", "constant", 1.0)


def test_a_network_that_is_no_better_than_a_constant_is_one_where_the_target_is_known():
    rng = np.random.default_rng(0)
    weak = Network(rng.standard_normal((9, 3)), np.zeros(9), 0.02 * rng.standard_normal(9), np.array(2.4))
    assert explain(weak, l1_norm).pattern == "constant"
    assert explain(weak).pattern != "constant"


def test_drawings_have_one_colour_a_type(tmp_path):
    found = explain(double_sided(4))
    found.draw(tmp_path / "network.svg")
    drawn = (tmp_path / "network.svg").read_text()
    for marking in found.markings:
        assert drawn.count(f'fill="{marking.colour}"') == 4 + 1  # neurons, and the legend's disc
    assert "<svg" in found._repr_html_()
    found.draw(tmp_path / "network.png")
    assert (tmp_path / "network.png").read_bytes().startswith(b"\x89PNG")


def test_files_and_their_faults(tmp_path):
    convexity(5, 12).save(tmp_path / "network.npz")
    assert explain(tmp_path / "network.npz").algorithm == "convexity"
    (tmp_path / "bad.npz").write_bytes(b"no")
    with pytest.raises(NetworkFileError):
        explain(tmp_path / "bad.npz")
