"""The report's templates."""

import base64
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"


def environment(colour: Mapping[str, str]) -> "jinja2.Environment":
    """The templates, with what all of them use. colour: label -> hex colour."""
    from analysis import formatting
    from analysis.algorithms.names import display_name

    found = _templates().overlay()
    found.globals = {
        **found.globals, "colour": colour, "title": display_name, "number": formatting.format_number,
        "penalty": formatting.format_beta
    }  # fmt: skip
    return found


@lru_cache(maxsize=1)
def _templates() -> "jinja2.Environment":
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["base64"] = lambda content: base64.b64encode(content).decode()
    return found
