"""Labels and names in charts, shown as they are: no dollar sign starts mathematics, and no letter becomes a box."""

import math
import warnings
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure
    from matplotlib.text import Text

MANY_DECADES = 1e3  # highest over lowest of an axis that needs no ticks between powers of ten
BOXES = ("Last Resort", "STIXNonUnicode", "cm")  # fonts that have signs of their own for what they cannot show


def show_literally(figure: "Figure") -> None:
    """Texts of labels, titles and legends are not parsed as mathematics, nor are powers of ten on axes (10⁻³).

    Letters that matplotlib's own font lacks come from a font of this machine. A warning names those that none has.
    """
    from matplotlib import rcParams

    _write_powers(figure)
    usual = rcParams["font.sans-serif"][:1]
    lacking: set[str] = set()
    for text in _texts(figure):
        text.set_parse_math(False)
        if not text.get_text().isascii():
            missing = frozenset(text.get_text()) - _letters(usual[0]) - set(" \n")
            if missing:
                others, left = _fonts_with(missing)
                text.set_fontfamily([*usual, *others])
                lacking |= left
    if lacking:
        shown = "".join(sorted(lacking))[:20]
        warnings.warn(f"no font of this machine has {shown}: the picture shows boxes instead", stacklevel=2)


def power(exponent: float) -> str:
    """10 to this power as text: 10⁻⁴."""
    return "10" + f"{exponent:g}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _write_powers(figure: "Figure") -> None:
    """Numbers on logarithmic axes as text, and no ticks between powers of ten where the axis has several.

    Laying out a formula for each power, and nine ticks a decade, would take longer than all else in a picture.
    """
    from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, NullLocator

    class Between(LogFormatterSciNotation):
        """At the ticks that matplotlib would label."""

        def __call__(self, value: float, position: int | None = None) -> str:
            return _on_log_axis(value) if super().__call__(value, position) else ""

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatterSciNotation):
                axis.set_major_formatter(FuncFormatter(lambda value, _=None: _on_log_axis(value)))
                low, high = sorted(axis.get_view_interval())
                if high > MANY_DECADES * low:
                    axis.set_minor_locator(NullLocator())
                elif isinstance(axis.get_minor_formatter(), LogFormatterSciNotation):
                    axis.set_minor_formatter(Between())


def _on_log_axis(value: float) -> str:
    """10⁻³, 0.02, 30, 3×10⁻⁵."""
    exponent = math.log10(value) if value > 0 else 0.0
    if value > 0 and abs(exponent - round(exponent)) < 1e-9:
        return power(round(exponent))
    decade = math.floor(exponent)
    return f"{value:g}" if -4 <= decade < 5 else f"{value / 10.0**decade:g}×{power(decade)}"


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


@cache
def _fonts_with(letters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Fonts that together show `letters`, as many as possible, and the letters that are left."""
    from matplotlib.font_manager import fontManager

    found = []
    for name in sorted({font.name for font in fontManager.ttflist if not font.name.startswith(BOXES)}):
        if letters & _letters(name):
            found.append(name)
            letters -= _letters(name)
        if not letters:
            break
    return found, letters


@cache
def _letters(font: str) -> frozenset[str]:
    """What a font can show."""
    from matplotlib.font_manager import fontManager, get_font

    paths = [entry.fname for entry in fontManager.ttflist if entry.name == font]
    return frozenset(map(chr, get_font(paths[0]).get_charmap())) if paths else frozenset()
