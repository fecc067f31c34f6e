"""Formulas as sympy expressions and as Python source."""

from typing import Any

from analysis.activations import ACTIVATIONS
from analysis.patterns.description import Description
from analysis.patterns.formula_text import TEXT, text
from analysis.patterns.types import NeuronType


def expression(described: Description) -> Any:
    """Sums over every input stay sums; those over pairs, subsets and some inputs are written out."""
    import sympy  # slow to import, needed by nobody else

    i, j, k = sympy.symbols("i j k", integer=True)
    x, w, n = sympy.IndexedBase("x"), sympy.IndexedBase("w"), described.dimension
    total = sympy.Sum(x[k], (k, 1, n))
    activation = ACTIVATIONS[described.network.activation]

    def bend(u: Any, s: float | None) -> Any:
        return sympy.Max(u, 0) if s is None else activation.expression(s * u) / s

    def term(kind: NeuronType) -> Any:
        given = kind.constants
        A, s, tau, rho = given["A"], given.get("s"), given.get("tau", 0.0), given.get("rho", 0.0)
        if kind.kind == "radial":
            mean = total / n if kind.centred else 0
            return A * sympy.sqrt(sympy.Sum((x[i] - mean) ** 2, (i, 1, n)) + given["e"])
        if kind.kind == "all":
            return A * bend(kind.side * total + tau, s)
        if kind.rows is not None:  # dense
            u = sympy.Sum(w[j, i] * x[i], (i, 1, n)) + tau
            return A * sympy.Sum(bend(u, s), (j, 1, len(kind.rows)))
        if kind.kind == "one" and len(kind.members) == n:
            u = kind.side * x[i] + (rho * (total - x[i]) if rho else 0) + tau
            return A * sympy.Sum(bend(u, s), (i, 1, n))
        found = 0
        for member in kind.members:
            inside = [x[index + 1] for index in member]
            u = kind.side * (inside[0] if kind.kind == "pair" else sum(inside))
            u += given["beta"] * inside[1] if kind.kind == "pair" else 0
            found += bend(u + (rho * (total - sum(inside)) if rho else 0) + tau, s)
        return A * found

    slopes = [
        slope * (total if len(group) == n else sum(x[index + 1] for index in group))
        for group, slope in zip(described.groups, described.slopes, strict=True)
    ]
    return sum([*map(term, described.types), *slopes], sympy.Float(described.offset))


def python(described: Description) -> str:
    """`def f(x)` for x (samples, n). Complete sums are written for any n."""
    lines = ["def f(x):", f'    """{text(described, TEXT)}"""', "    total = x.sum(1, keepdims=True)"]
    lines.append(f"    y = np.full(len(x), {described.offset!r})")
    act = ACTIVATIONS[described.network.activation].python
    for kind in described.types:
        lines += ["    " + line for line in _python_term(kind, described.dimension, act)]
    for group, slope in zip(described.groups, described.slopes, strict=True):
        part = "total[:, 0]" if len(group) == described.dimension else f"x[:, {list(group)}].sum(1)"
        lines += [f"    y += {slope!r} * {part}"] if slope else []
    return "\n".join([*lines, "    return y"])


def _python_term(kind: NeuronType, dimension: int, act: str) -> list[str]:
    given = kind.constants
    A, s, tau, rho = given["A"], given.get("s"), given.get("tau", 0.0), given.get("rho", 0.0)
    if kind.kind == "radial":
        inside = "(x - x.mean(1, keepdims=True))" if kind.centred else "x"
        return [f"y += {A!r} * np.sqrt(({inside}**2).sum(1) + {given['e']!r})"]
    lines, apart = [], "main"
    if kind.kind == "all":
        lines.append("main = total")
    elif kind.rows is not None:  # dense
        lines.append(f"main = x @ np.array({kind.rows.T.tolist()})")
    elif kind.kind == "one":
        lines.append("main = x" if len(kind.members) == dimension else f"main = x[:, {[i for (i,) in kind.members]}]")
    elif kind.kind == "pair":
        first = "i, j = np.nonzero(~np.eye(x.shape[1], dtype=bool))"
        if len(kind.members) < kind.possible(dimension):
            first = f"i, j = np.array({[list(member) for member in kind.members]}).T"
        lines += [first, "main, partner = x[:, i], x[:, j]"]
        apart = "main - partner"
    else:
        lines.append(f"main = x[:, {[list(member) for member in kind.members]}].sum(2)")
    u = "main" if kind.side > 0 else "-main"
    u += f" + {given['beta']!r} * partner" if kind.kind == "pair" else ""
    u += f" + {rho!r} * (total - {apart})" if rho else ""
    lines.append(f"u = {u}" + (f" + {tau!r}" if tau else ""))
    if s is None:
        return [*lines, f"y += {A!r} * np.maximum(u, 0).sum(1)"]
    return [*lines, f"z = {s!r} * u", f"y += {A / s!r} * ({act.format(z='z')}).sum(1)"]
