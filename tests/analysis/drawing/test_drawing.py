"""Drawings show the algorithm: the structure of the scene, and files that repeat."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from analysis.drawing.draw import draw
from analysis.drawing.layout import Scene, scene
from analysis.drawing.picture import PIXELS
from analysis.drawing.png import draw_png
from analysis.drawing.svg import draw_svg
from analysis.errors import UserError
from analysis.network import Network
from tests.support.known_networks import constant, convexity, double_sided, noisy, padded, permuted, pudding, table

RNG_SEED = 3


def strong_edges(drawn: Scene) -> list[tuple[str, str, str, bool]]:
    """(kind and label of the start, of the end, and sign) of every edge that a reader notices."""
    nodes = drawn.nodes
    return [(nodes[e.start].kind, nodes[e.start].label, nodes[e.end].label, e.positive)
            for e in drawn.edges if e.opacity * e.strength > 0.15]  # fmt: skip


@pytest.mark.parametrize("n", [2, 4, 6, 8, 16])
def test_double_sided_joins_each_input_to_its_two_neurons_and_all_to_the_output(n):
    rng = np.random.default_rng(RNG_SEED)
    network = noisy(padded(double_sided(n), rng, n), rng, 0.01)
    edges = strong_edges(scene(network))
    for i in range(n):
        name = scene(network).nodes[i].label
        mine = sorted((end, positive) for kind, start, end, positive in edges if start == name)
        assert mine == [("+", True), ("−", False)]
    to_output = [start for kind, start, end, _ in edges if kind == "hidden" and end == "f"]
    assert sorted(to_output) == ["+"] * n + ["−"] * n


@pytest.mark.parametrize(("sign", "mark"), [(1, "+"), (-1, "−")])
def test_pudding_has_one_sided_neurons_and_a_star_of_pass_throughs(sign, mark):
    rng = np.random.default_rng(RNG_SEED)
    n = 8
    edges = strong_edges(scene(noisy(padded(pudding(n, sign), rng, n), rng, 0.01)))
    assert sum(kind == "input" and end == mark for kind, _, end, _ in edges) == n
    assert sum(kind == "input" and end == "∕" for kind, _, end, _ in edges) == n
    assert sum(kind == "input" for kind, *_ in edges) == 2 * n
    assert sum(end == "f" for _, _, end, _ in edges) == n + 1


def test_dead_neurons_are_left_out_and_counted():
    network = padded(double_sided(4), np.random.default_rng(0), 7)
    drawn = scene(network)
    assert drawn.idle == 7
    assert sum(node.kind == "hidden" for node in drawn.nodes) == 8


def test_positions_lie_in_the_disc_and_neurons_do_not_cover_each_other():
    for known in table():
        if known.network.dimension > 16:
            continue
        drawn = scene(known.network)
        where = np.array([(node.x, node.y) for node in drawn.nodes])
        assert np.isfinite(where).all()
        assert (np.linalg.norm(where, axis=1) <= 1 + 1e-9).all()
        if known.converged and "duplicated" not in known.name:
            distance = np.linalg.norm(where[:, None] - where[None], axis=-1) + np.eye(len(where))
            assert distance.min() > 0.8 * drawn.radius, known.name


def test_the_same_network_has_the_same_drawing_with_its_neurons_in_another_order_too():
    network = noisy(pudding(6, 1, neurons=3), np.random.default_rng(0))
    shuffled = permuted(network, np.random.default_rng(1), inputs=False)
    assert draw_svg(network) == draw_svg(network)
    assert draw_svg(network) == draw_svg(shuffled)
    assert draw_png(network) == draw_png(shuffled)


def test_different_networks_have_different_drawings():
    assert draw_svg(double_sided(4)) != draw_svg(pudding(4, 1))


def test_png_and_svg_share_their_layout():
    network = double_sided(4)
    root = ElementTree.fromstring(draw_svg(network, legend=False))
    circles = [(float(c.get("cx")), float(c.get("cy")), c.get("fill")) for c in root.iter() if c.tag.endswith("circle")]
    assert len(circles) == 4 + 8 + 1
    pixels = np.asarray(Image.open(io.BytesIO(draw_png(network, legend=False))).convert("RGB"))
    left, top, width, height = map(float, root.get("viewBox").split())
    assert pixels.shape[:2] == (PIXELS, PIXELS)
    for x, y, fill in circles[:4]:  # inputs: left of the label the disc's own colour shows
        column, row = (x - 0.04 - left) / width * PIXELS, (y - top) / height * PIXELS
        wanted = [int(fill[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(pixels[round(row), round(column)].astype(int) - wanted).max() < 24


def test_titles_are_escaped():
    root = ElementTree.fromstring(draw_svg(double_sided(2), title="β < 1e-6 & more"))
    assert any(element.text == "β < 1e-6 & more" for element in root.iter())


@pytest.mark.parametrize(
    "network", [constant(4, 12), constant(3, 9, scale=0.1), convexity(5, 25), double_sided(64), pudding(1, 1)]
)
def test_every_kind_of_network_can_be_drawn(network, tmp_path):
    for name in ("a.png", "a.SVG"):
        draw(network, tmp_path / name, title="x")
        assert 1000 < (tmp_path / name).stat().st_size < 400_000


def test_a_network_of_zeros_can_be_drawn():
    nothing = Network(np.zeros((3, 2)), np.zeros(3), np.zeros(3), np.array(1.0))
    assert scene(nothing).idle == 3
    assert draw_png(nothing)


def test_files_are_small():
    assert len(draw_png(double_sided(6))) < 60_000
    assert len(draw_svg(double_sided(6))) < 15_000


def test_bad_paths_give_one_clear_line(tmp_path):
    with pytest.raises(UserError, match=r"a\.pdf: a drawing is a \.png or an \.svg file"):
        draw(double_sided(2), tmp_path / "a.pdf")
    with pytest.raises(UserError, match="No such file or directory"):
        draw(double_sided(2), tmp_path / "nowhere" / "a.png")
