"""Colours, where a person looks: on a terminal, unless NO_COLOR is set or the terminal is a dumb one."""

import os
from typing import TextIO

RESET = "\x1b[0m"


def coloured(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    """`text` in a hex colour: the nearest of the 6 × 6 × 6 that nearly every terminal has."""
    r, g, b = (round(int(colour[i : i + 2], 16) / 255 * 5) for i in (1, 3, 5))
    return f"\x1b[38;5;{16 + 36 * r + 6 * g + b}m{text}{RESET}" if text else ""


def error(text: str, stream: TextIO) -> str:
    """`hyperphase: text`, its name in red on a terminal."""
    return f"{paint('hyperphase:', '#d1495b') if coloured(stream) else 'hyperphase:'} {text}"
