"""Why a config is refused, in one line."""

import difflib
import re
from collections.abc import Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from analysis.errors import UserError
from search.config.schema import HypernetworkConfig, section_of


class ConfigError(UserError):
    """A config that the user can mend."""


def explain(problems: Sequence[ErrorDetails], config: type[BaseModel] = HypernetworkConfig) -> list[str]:
    """One clause per mistake in a config of this class.

    A list whose elements are wrong also counts as too short: that is no news.
    """
    places = [problem["loc"] for problem in problems]
    empty_by_errors = {place[:-1] for place in places if place and isinstance(place[-1], int)}
    return [
        _explain_one(problem, config)
        for problem in problems
        if problem["type"] != "too_short" or problem["loc"] not in empty_by_errors
    ]


def _explain_one(problem: ErrorDetails, config: type[BaseModel]) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    place = re.sub(r"\.(\d+)", r"[\1]", place)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(config, problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.75)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return f"unknown key {place!r} ({hint})"
    if problem["type"] == "too_short":
        return f"{place} is empty"
    if problem["type"] == "missing":
        return f"{place} is missing"
    if problem["type"] == "value_error":  # raised by our own validators: it names the value itself
        text = on_one_line(str(problem["ctx"]["error"]))
        return f"{place}: {text}" if place else text
    message = on_one_line(problem["msg"]).removeprefix("Input ").replace("a valid tuple", "a list")
    shown = repr(problem["input"])
    return f"{place} {message}" + (f", not {shown}" if len(shown) <= 60 else "")


def _known_keys(config: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    section = section_of(config, *map(str, place))
    return list(section.model_fields) if section else ["from", "to", "count"]


def on_one_line(text: str) -> str:
    return " ".join(text.split())
