"""Patterns: formulas without their numbers, the same for networks that do the same at different n."""

import math
import re
from dataclasses import replace

from analysis.patterns.description import Description
from analysis.patterns.formula_text import TEXT, argument, signed_sum, sum_sign
from analysis.patterns.guise import spread_of, usual_guise
from analysis.patterns.types import NeuronType

MATTERS = 0.3  # share of u's spread from which on the rest of the inputs belongs to the pattern
LINEAR_MATTERS = 0.03  # share of the output's variance from which on the linear part belongs to the pattern
UNEVEN_SLOPES = "Σᵢ dᵢ·xᵢ"


def pattern(described: Description) -> str:
    """What the types are and how they are summed, with signs for numbers: `Σᵢ r(xᵢ − Σₖ≠ᵢ xₖ) + Σᵢ xᵢ`.

    Networks that compute the same in two guises have one pattern (guise.py). The rest of the inputs is named where it
    has a good share in what a neuron reads. How large a type's bias is, and what the slopes are, is left out; types
    with the same words are one.
    """
    described = usual_guise(described)
    n, pieces = described.dimension, []
    for kind in described.types:
        sign = math.copysign(1.0, kind.constants["A"])
        if kind.kind in ("dense", "radial"):
            term = TEXT.rows + f"r({TEXT.centred_row if kind.centred else TEXT.row})"
        else:
            term = f"{sum_sign(kind, n, TEXT, counted=False)}r({argument(_rough(kind, n), TEXT)})"
        pieces.append((sign, term))
    if described.linear_share > LINEAR_MATTERS:
        slopes = [slope for slope in described.slopes if slope]
        if len(slopes) == 1 and len(described.groups[0]) == n:
            pieces.append((math.copysign(1.0, slopes[0]), TEXT.total))
        elif slopes:
            pieces.append((1.0, UNEVEN_SLOPES))
    return _ordered(pieces)


def mirror_image(pattern: str) -> str:
    """The pattern of f(−x): every argument of a bend turned round, and the linear part."""
    pieces = []
    for sign, term in _terms(pattern):
        bend = re.fullmatch(r"(.*?)r\((.*)\)", term)
        if bend and bend[2] not in (TEXT.row, TEXT.centred_row):
            turned = signed_sum([(-side, part) for side, part in _terms(bend[2])], 0.0, TEXT, numbers=False)
            turned = re.sub("^−xᵢ \\+ xⱼ", "xᵢ − xⱼ", turned)  # which of two inputs is called i is open
            pieces.append((sign, f"{bend[1]}r({turned})"))
        else:
            pieces.append((-sign if term == TEXT.total else sign, term))
    return _ordered(pieces)


def _ordered(pieces: list[tuple[float, str]]) -> str:
    linear = (TEXT.total, UNEVEN_SLOPES)
    unique = sorted(set(pieces), key=lambda piece: (piece[1] in linear, -piece[0], piece[1]))
    return signed_sum(unique, 0.0, TEXT, numbers=False) if unique else "constant"


def _terms(text: str) -> list[tuple[float, str]]:
    """(sign, term) of a sum; a term's parentheses stay whole."""
    found, depth, start, sign = [], 0, 0, 1.0
    if text == "constant":
        return []
    if text.startswith(TEXT.minus):
        start, sign = 1, -1.0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0 and text[place : place + 3] in (" + ", f" {TEXT.minus} "):
            found.append((sign, text[start:place]))
            start, sign = place + 3, 1.0 if text[place + 1] == "+" else -1.0
    return [*found, (sign, text[start:])]


def _rough(kind: NeuronType, dimension: int) -> NeuronType:
    """The type with signs for numbers, and without what hardly counts."""
    given, rough = kind.constants, {}
    if "beta" in given:
        rough["beta"] = math.copysign(1.0, given["beta"])
    if abs(given.get("rho", 0.0)) * math.sqrt(max(dimension - kind.size, 0)) > MATTERS * spread_of(kind, dimension):
        rough["rho"] = math.copysign(1.0, given["rho"])
    return replace(kind, constants=rough)
