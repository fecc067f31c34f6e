"""What a training of an experiment yields, and whether it is what it should be."""

import io
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from trainables.errors import TrainableError

Shares: TypeAlias = Mapping[str, float]  # label -> share
FILE = re.compile(r"[\w][\w.+-]{0,99}")
METRIC = re.compile(r"[A-Za-z]\w*")
FAILED = "failed"  # what has no label
MAX_LABEL = 100  # characters


@dataclass(frozen=True)
class Outcome:
    """What came out of one training.

    label: what kind of solution it is, or {label: share} where it is several at once; None: the experiment's `label`
    says it.
    metrics: name -> number.
    curves: name -> values over the training, all as long as "step", which they need; "label" among them shows the
    phases over training.
    files: name -> content: bytes, a text, an array (stored as NAME.npy) or a Path to read. Pictures (.svg, .png) are
    shown in the report.
    failed: why there is no outcome, if there is none.
    """

    label: str | Shares | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""


def check_label(label: object) -> str:
    """TrainableError for what is no label."""
    if not isinstance(label, str):
        raise TrainableError(f"a label must be a text, not {label!r} ({type(label).__name__})")
    if not label.strip() or len(label) > MAX_LABEL or label == FAILED:
        raise TrainableError(
            f"a label must be a text of 1 to {MAX_LABEL} characters other than {FAILED!r}, not {label!r}"
        )
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp", "Cf") for character in label):
        raise TrainableError(f"the label {label!r} holds control characters")
    return label


def shares_of(label: str | Shares) -> dict[str, float]:
    """label -> share, summing to 1. TrainableError for what is neither a label nor shares of labels."""
    if not isinstance(label, Mapping):
        return {check_label(label): 1.0}
    shares = {check_label(name): _number(f"the share of {name!r}", share) for name, share in label.items()}
    total = sum(shares.values())
    if not shares or any(not 0 <= share < math.inf for share in shares.values()) or not total > 0:
        raise TrainableError(f"shares of labels must be positive numbers, not {dict(label)!r}")
    return {name: share / total for name, share in shares.items()}


def checked(outcome: object, taken: frozenset[str] | set[str]) -> Outcome:
    """The outcome with plain values: floats, lists, bytes. TrainableError, in one line, for what it cannot hold.

    taken: columns that no metric can be called.
    """
    if not isinstance(outcome, Outcome):
        what = "nothing" if outcome is None else f"a {type(outcome).__name__}"
        raise TrainableError(f"train returned {what}: it must return an Outcome")
    if outcome.failed:
        return Outcome(failed=" ".join(str(outcome.failed).split())[:1000])
    for name, given in (("metrics", outcome.metrics), ("curves", outcome.curves), ("files", outcome.files)):
        if not isinstance(given, Mapping):
            raise TrainableError(f"an outcome's {name} must be a mapping from names, not a {type(given).__name__}")
    metrics = {_metric(name, taken): _number(f"metric {name!r}", value) for name, value in outcome.metrics.items()}
    return replace(
        outcome,
        metrics=metrics,
        curves=_curves(outcome.curves, taken),
        files=dict(_file(name, content) for name, content in outcome.files.items()),
    )


def _metric(name: object, taken: frozenset[str] | set[str]) -> str:
    if not isinstance(name, str) or not METRIC.fullmatch(name):
        raise TrainableError(f"a metric's name must be a word of letters, digits and _, not {name!r}")
    if name in taken or name.startswith("fraction_"):
        raise TrainableError(f"a metric cannot be called {name!r}: this column is taken")
    return name


def _number(what: str, value: object) -> float:
    """Also of NumPy or a tensor of one element, NaN too."""
    if hasattr(value, "item") and not isinstance(value, Real):
        try:
            value = value.item()
        except (TypeError, ValueError, RuntimeError):
            raise TrainableError(f"{what} must be one number, not {type(value).__name__}") from None
    if isinstance(value, np.bool_ | bool) or not isinstance(value, Real):
        raise TrainableError(f"{what} must be a number, not {value!r}")
    return float(value)


def _curves(curves: Mapping[str, Sequence[Any]], taken: frozenset[str] | set[str]) -> dict[str, list[Any]]:
    if not curves:
        return {}
    lists = {name: list(values) for name, values in curves.items()}
    if "step" not in lists:
        raise TrainableError("curves need the list 'step': the training steps at which their values were taken")
    steps = [_number("a curve's step", step) for step in lists.pop("step")]
    if any(step != int(step) or step < 0 for step in steps) or sorted(set(steps)) != steps:
        raise TrainableError("a curve's steps must be whole numbers that rise")
    found: dict[str, list[Any]] = {"step": [int(step) for step in steps]}
    for name, values in lists.items():
        if len(values) != len(steps):
            raise TrainableError(f"curve {name!r} has {len(values)} values, but there are {len(steps)} steps")
        if name == "label":
            found[name] = [check_label(value) for value in values]
        else:
            found[_metric(name, taken)] = [_number(f"curve {name!r}", value) for value in values]
    return found


def _file(name: object, content: object) -> tuple[str, bytes]:
    if not isinstance(name, str) or not FILE.fullmatch(name):
        raise TrainableError(f"a file's name must be a plain one, like picture.svg, not {name!r}")
    if isinstance(content, bytes):
        return name, content
    if isinstance(content, str):
        return name, content.encode()
    if isinstance(content, Path):
        try:
            return name, content.read_bytes()
        except OSError as error:
            raise TrainableError(f"file {name!r}: {content} cannot be read ({error.strerror})") from None
    try:
        array = np.asarray(content)
        if array.dtype.hasobject:
            raise TypeError
    except (TypeError, ValueError):
        raise TrainableError(
            f"file {name!r} must be bytes, a text, an array or a Path, not {type(content).__name__}"
        ) from None
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return name if name.endswith(".npy") else f"{name}.npy", buffer.getvalue()
