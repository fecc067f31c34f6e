"""What goes to standard output: JSON that is JSON, and texts that any terminal's encoding can show."""

import json
import math
import os
import sys
from typing import Any, TextIO

_quiet = False


def be_quiet(quiet: bool) -> None:
    """-q: notes and progress are not printed."""
    global _quiet
    _quiet = quiet


def notes() -> TextIO:
    """Where notes and progress go: standard error, or nowhere."""
    return open(os.devnull, "w", encoding="utf-8") if _quiet else sys.stderr


def show_what_can_be_shown() -> None:
    """Letters that the encoding of a stream lacks become numbers (\\u03b2) instead of an exception."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def json_text(value: Any) -> str:
    """One line of JSON: null for what is not finite, plain ASCII where the output is not UTF-8."""
    plain = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") != "utf8"
    text = json.dumps(_finite(value), ensure_ascii=plain, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of a file that is no UTF-8
        text = json.dumps(_finite(value), allow_nan=False)
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if hasattr(value, "tolist"):  # of NumPy
        return _finite(value.tolist())
    return value
