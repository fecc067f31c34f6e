"""Labels and names in charts, shown as they are: no dollar sign starts mathematics."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure
    from matplotlib.text import Text


def show_literally(figure: "Figure") -> None:
    """Texts of labels, titles and legends are not parsed as mathematics; numbers on axes (10⁻³) still are."""
    for text in _texts(figure):
        text.set_parse_math(False)


def _texts(figure: "Figure") -> "Iterator[Text]":
    """All texts of a figure but those that formatters of numbers make."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    made = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter):  # given one by one
                made |= {id(label) for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)}
            made |= {id(label) for tick in axis.get_minor_ticks() for label in (tick.label1, tick.label2)}
    yield from (text for text in figure.findobj(Text) if id(text) not in made)
