"""Numbers, penalties, durations, lists and foreign texts as people read them."""

import math
import os
import shlex
import unicodedata


def format_number(value) -> str:
    """A number as people read it: three digits, thousands in full, an en dash for a gap."""
    if value is None or math.isnan(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def format_beta(beta: float, digits: int = 2) -> str:
    """A value of β: 1e-9, where Python would write 1e-09."""
    return f"{beta:.{digits}g}".replace("e-0", "e-")


def enumeration(values: list[str]) -> str:
    return " and ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def rough_duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def duration(seconds: float) -> str:
    """7 → '7 s', 100 → '1 min 40 s', 7300 → '2 h 02 min'."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def trainings(number: int) -> str:
    return f"{number} training{'' if number == 1 else 's'}"


def short(number: float) -> str:
    """A number as people write it: 1e-9, not 1e-09."""
    return f"{number:g}".replace("e-0", "e-").replace("e+0", "e")


def printable(text: object) -> str:
    """A text from outside on one line of a terminal: what would steer the terminal is shown by its number, \\u001b."""
    return "".join(character if _is_shown(character) else _escaped(character) for character in str(text))


def _is_shown(character: str) -> bool:
    """False for control characters, line breaks, what reverses the writing's direction, and parts of bad UTF-8."""
    return character == " " or unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp", "Cf")


def _escaped(character: str) -> str:
    """As JSON has it, so that a text of JSON stays one."""
    code = ord(character)
    if code > 0xFFFF:
        return f"\\u{0xD7C0 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def quoted(path: str | os.PathLike) -> str:
    """A path as one would type it in a shell, where it is the argument of a command."""
    text = os.fspath(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
