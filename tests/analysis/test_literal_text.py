"""Numbers on charts' axes."""

import pytest

from analysis.literal_text import show_literally


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((2e-5, 9e-5), ["2×10⁻⁵", "3×10⁻⁵", "4×10⁻⁵", "6×10⁻⁵"]),
        ((12, 90), ["20", "30", "40", "60"]),
        ((3e5, 8e5), ["3×10⁵", "4×10⁵", "6×10⁵"]),
        ((0.5, 5000), ["10⁰", "10¹", "10²", "10³"]),
    ],
)
def test_numbers_on_a_logarithmic_axis(ends, labels):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    axes.set_xscale("log")
    axes.plot(ends, [0, 1])
    show_literally(axes.figure)
    low, high = axes.get_xlim()
    shown = {text.get_position()[0]: text.get_text() for text in axes.get_xticklabels(which="both")}
    assert [shown[place] for place in sorted(shown) if low <= place <= high and shown[place]] == labels
