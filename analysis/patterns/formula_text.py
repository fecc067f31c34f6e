"""Formulas as text and LaTeX."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.activations import ACTIVATIONS, Activation
from analysis.patterns.description import Description
from analysis.patterns.types import NeuronType


@dataclass(frozen=True)
class Notation:
    """The pieces of a formula in one language."""

    times: str
    minus: str
    every_input: str
    every_pair: str
    every_pair_once: str
    some_inputs: str  # with a list
    some_pairs: str  # with a count
    some_subsets: str
    rows: str
    first: str
    second: str
    rest_of_one: str
    rest_of_pair: str
    subset: str
    rest_of_subset: str
    total: str
    total_of: str
    row: str
    centred_row: str
    radius: str
    spread: str
    soft: str
    relu: str
    sigma: str
    subscript: str


TEXT = Notation(
    times="·", minus="−", every_input="Σᵢ ", every_pair="Σᵢ≠ⱼ ", every_pair_once="Σᵢ<ⱼ ", some_inputs="Σ_{{i∈{{{}}}}} ",
    some_pairs="Σ_{{{} of {} pairs}} ", some_subsets="Σ_{{{} of {} sets S of {}}} ", rows="Σⱼ ", first="xᵢ",
    second="xⱼ", rest_of_one="Σₖ≠ᵢ xₖ", rest_of_pair="Σₖ≠ᵢ,ⱼ xₖ", subset="Σ_S xᵢ", rest_of_subset="Σ_rest xₖ",
    total="Σᵢ xᵢ", total_of="Σ_{{i∈{{{}}}}} xᵢ", row="wⱼ·x", centred_row="wⱼ·(x − x̄)",
    radius="√(Σᵢ xᵢ²{})", spread="√(Σᵢ (xᵢ − x̄)²{})", soft="r", relu="relu",
    sigma="{r}(u) = u·{gate}({s}u)", subscript="{}",
)  # fmt: skip
LATEX = Notation(
    times=r"\,", minus="-", every_input=r"\sum_i ", every_pair=r"\sum_{i \neq j} ", every_pair_once=r"\sum_{i<j} ",
    some_inputs=r"\sum_{{i \in \{{{}\}}}} ", some_pairs=r"\sum_{{{}\text{{ of }}{}\text{{ pairs}}}} ",
    some_subsets=r"\sum_{{S:\,{}\text{{ of }}{},\,|S|={}}} ", rows=r"\sum_j ", first="x_i", second="x_j",
    rest_of_one=r"\sum_{k \neq i} x_k", rest_of_pair=r"\sum_{k \neq i,j} x_k", subset=r"\sum_{i \in S} x_i",
    rest_of_subset=r"\sum_{k \notin S} x_k", total=r"\sum_i x_i", total_of=r"\sum_{{i \in \{{{}\}}}} x_i",
    row=r"w_j \cdot x", centred_row=r"w_j \cdot (x - \bar x)", radius=r"\sqrt{{\sum_i x_i^2{}}}",
    spread=r"\sqrt{{\sum_i (x_i - \bar x)^2{}}}", soft="r", relu=r"\mathrm{relu}",
    sigma=r"{r}(u) = u\,{gate}({s}u)", subscript="_{{{}}}",
)  # fmt: skip
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def text(described: Description, words: Notation) -> str:
    """The formula; where bends are soft, what r means follows after a comma."""
    names, n = _bend_names(described, words), described.dimension
    together: dict[tuple[float, str], list[NeuronType]] = {}  # types of one amplitude under one sum
    for kind in described.types:
        if kind.kind == "radial":
            term = _radius(kind, words)
            together[kind.constants["A"], term] = []
        else:
            together.setdefault((kind.constants["A"], sum_sign(kind, n, words)), []).append(kind)
    pieces = [(A, total + _bends(kinds, names, words)) for (A, total), kinds in together.items()]
    pieces += [(slope, _slope_of(group, n, words))
               for group, slope in zip(described.groups, described.slopes, strict=True) if slope]  # fmt: skip
    body = signed_sum(pieces, described.offset, words)
    activation = ACTIVATIONS[described.network.activation]
    return ", ".join([body, *(bend_rule(bend, s, activation, words) for s, bend in names.items())])


def _bends(kinds: list[NeuronType], names: dict[str, str], words: Notation) -> str:
    """`r(u)`, `[r(u) + r(w)]`, or |u| for two that are mirror images."""
    if not kinds:
        return ""
    if len(kinds) == 2 and is_mirror(*kinds):
        return f"|{argument(max(kinds, key=lambda kind: kind.side), words)}|"
    found = [
        f"{names.get(digits(kind.constants.get('s', math.inf)), words.relu)}({argument(kind, words)})" for kind in kinds
    ]
    return found[0] if len(found) == 1 else f"[{' + '.join(found)}]"


def term(described: Description, index: int) -> str:
    """The term of one type, with its own constants."""
    kind = described.types[index]
    if kind.kind == "radial":
        return signed_sum([(kind.constants["A"], _radius(kind, TEXT))], 0.0, TEXT)
    names = _bend_names(described, TEXT)
    total = sum_sign(kind, described.dimension, TEXT)
    return signed_sum([(kind.constants["A"], total + _bends([kind], names, TEXT))], 0.0, TEXT)


def _radius(kind: NeuronType, words: Notation) -> str:
    return (words.spread if kind.centred else words.radius).format(_signed(kind.constants["e"], words))


def argument(kind: NeuronType, words: Notation) -> str:
    """u, what a bend acts on."""
    given, pieces = kind.constants, _set_apart(kind, words)
    if kind.kind == "pair":
        pieces.append((given["beta"], words.second))
    if given.get("rho"):
        pieces.append((given["rho"], rest_of(kind, words)))
    return signed_sum(pieces, given.get("tau", 0.0), words)


def set_apart(kind: NeuronType, words: Notation) -> str:
    """The inputs set apart, the first of a pair."""
    return signed_sum(_set_apart(kind, words), 0.0, words)


def _set_apart(kind: NeuronType, words: Notation) -> list[tuple[float, str]]:
    main = {"one": words.first, "pair": words.first, "all": words.total, "dense": words.row}.get(kind.kind, "")
    if kind.kind == "subset":
        main = f"{words.first} + {words.second}" if kind.size == 2 else words.subset
    if kind.kind == "subset" and kind.size == 2 and kind.side < 0:
        return [(-1.0, words.first), (-1.0, words.second)]  # of a sum of two inputs the sign belongs to both
    return [(float(kind.side), main)]


def rest_of(kind: NeuronType, words: Notation) -> str:
    """The sum of all inputs that aren't set apart."""
    if kind.kind == "one":
        return words.rest_of_one
    return words.rest_of_pair if kind.size == 2 else words.rest_of_subset


def sum_sign(kind: NeuronType, dimension: int, words: Notation, *, counted: bool = True) -> str:
    """The sum over a type's members: over every input or pair if it is complete, and told if it isn't."""
    possible, members = kind.possible(dimension), len(kind.members)
    if kind.kind == "all":
        return ""
    if kind.kind == "dense":
        return words.rows
    if kind.kind == "one":
        if members == possible:
            return words.every_input
        if not counted:
            return "Σ_{some i} "
        return words.some_inputs.format(",".join(str(i + 1) for (i,) in kind.members))
    if kind.kind == "pair":
        if members == possible:
            return words.every_pair
        if 2 * members == possible and len({frozenset(member) for member in kind.members}) == members:
            return words.every_pair_once
        return words.some_pairs.format(members, possible) if counted else "Σ_{some pairs} "
    if members == possible:
        return words.every_pair_once if kind.size == 2 else words.some_subsets.format("all", possible, kind.size)
    if not counted:
        return "Σ_{some pairs} " if kind.size == 2 else "Σ_{some S} "
    if kind.size == 2:
        return words.some_pairs.format(members, possible)
    return words.some_subsets.format(members, possible, kind.size)


def is_mirror(one: NeuronType, other: NeuronType) -> bool:
    """Whether relu(u) and relu(−u), equally strong: together |u|."""
    if one.kind not in ("one", "subset", "all") or (one.kind, one.members) != (other.kind, other.members):
        return False
    first, second = one.constants, other.constants
    if "s" in first or "s" in second or one.side != -other.side or first["A"] != second["A"]:
        return False
    return all(first.get(name, 0.0) == -second.get(name, 0.0) for name in ("rho", "tau"))


def _bend_names(described: Description, words: Notation) -> dict[str, str]:
    """Sharpness in three digits -> the name of its bend: r if there is one, r₁, r₂ … if there are several."""
    return bend_names([digits(kind.constants["s"]) for kind in described.types if "s" in kind.constants], words)


def bend_names(sharpness: Iterable[str], words: Notation) -> dict[str, str]:
    """A name for every level of sharpness, in words."""
    levels = list(dict.fromkeys(sharpness))
    if len(levels) == 1:
        return {levels[0]: words.soft}
    return {s: words.soft + _subscript(index + 1, words) for index, s in enumerate(levels)}


def _subscript(number: int, words: Notation) -> str:
    return words.subscript.format(str(number).translate(SUBSCRIPTS) if words is TEXT else number)


def bend_rule(name: str, s: str, activation: Activation, words: Notation) -> str:
    """What a soft bend means, s its sharpness in words."""
    if activation.gate:
        gate = activation.gate if words is TEXT else {"σ": r"\sigma", "Φ": r"\Phi"}[activation.gate]
        return words.sigma.format(r=name, gate=gate, s="" if s == "1" else s + words.times)
    act = activation.name if words is TEXT else rf"\mathrm{{{activation.name}}}"
    return f"{name}(u) = {act}(u)" if s == "1" else f"{name}(u) = {act}({s}{words.times}u)/{s}"


def _slope_of(group: Sequence[int], dimension: int, words: Notation) -> str:
    if len(group) == dimension:
        return words.total
    if len(group) == 1:
        return f"x{_subscript(group[0] + 1, TEXT)}" if words is TEXT else f"x_{{{group[0] + 1}}}"
    return words.total_of.format(",".join(str(i + 1) for i in group))


def digits(value: float) -> str:
    """Three significant digits."""
    return f"{abs(value):.3g}"


def _signed(value: float, words: Notation) -> str:
    return f" {'+' if value >= 0 else words.minus} {digits(value)}" if value else ""


def signed_sum(pieces: Sequence[tuple[float, str]], offset: float, words: Notation, *, numbers: bool = True) -> str:
    """`1.5·A − 2·B + 0.1`: signs as operators, and no number where it is 1."""
    found = ""
    for value, term in [*pieces, (offset, "")]:
        if not term and (not value and found):
            continue
        number = digits(value) if numbers or not term else "1"
        body = (term if number == "1" else f"{number}{words.times}{term}") if term else number
        sign = words.minus if value < 0 else "+"
        found += f" {sign} {body}" if found else (f"{sign}{body}" if value < 0 else body)
    return found
