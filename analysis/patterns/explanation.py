"""What was found in a network: neuron types, formula, pattern, and how faithful it all is."""

import os
from functools import cached_property
from html import escape
from typing import Any

import numpy as np

from analysis.activations import ACTIVATIONS
from analysis.drawing.draw import Drawing, draw
from analysis.drawing.picture import Marking
from analysis.patterns import formula_code, formula_text, pattern_text
from analysis.patterns.description import Description
from analysis.patterns.fit import Inputs, Model
from analysis.patterns.names import algorithm_of


class Explanation(Description):
    """What was found in a network, in words and pictures."""

    @property
    def idle(self) -> int:
        """Hidden neurons that carry nothing."""
        return len(self.structure.idle)

    @property
    def left_over(self) -> float:
        """Share of the output's variance that the formula doesn't explain."""
        return 1 - self.r_squared

    @property
    def directions(self) -> int:
        """Rows of the network's own that the formula refers to: constants that `constants` doesn't count."""
        return sum(len(kind.rows) for kind in self.types if kind.rows is not None)

    @property
    def algorithm(self) -> str:
        """The known algorithm of the L1 norm that has this pattern, `constant` or `other`."""
        return algorithm_of(self)

    @cached_property
    def text(self) -> str:
        """Readable text, for example `1.99·Σᵢ r(xᵢ) − 0.98·Σᵢ xᵢ + 0.05, r(u) = u·σ(4·u)`."""
        return formula_text.text(self, formula_text.TEXT)

    @cached_property
    def latex(self) -> str:
        return formula_text.text(self, formula_text.LATEX)

    @cached_property
    def pattern(self) -> str:
        """The formula without its numbers: the same for two networks that do the same at different n."""
        return pattern_text.pattern(self)

    @cached_property
    def python(self) -> str:
        """Source of a function f(x) of inputs (samples, n), which needs numpy as np."""
        return formula_code.python(self)

    def expression(self) -> Any:
        """The formula as a sympy expression in x (indexed from 1), and w for rows of the network's own."""
        return formula_code.expression(self)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(samples,) values of the formula on inputs x (samples, n)."""
        model = Model(self.types, self.groups, Inputs(np.asarray(x)), ACTIVATIONS[self.network.activation])
        return model.values(model.start(self.slopes, self.offset))

    @property
    def markings(self) -> tuple[Marking, ...]:
        """Every type's neurons with the colour and the words that they have in the drawing."""
        return tuple(
            Marking(kind.neurons, COLOURS[index % len(COLOURS)], formula_text.term(self, index))
            for index, kind in enumerate(self.types)
        )

    def summary(self) -> dict[str, str | int | float]:
        """What tables and `hyperphase classify` say about a network's pattern."""
        return {
            "pattern": self.pattern,
            "pattern_formula": self.text,
            "pattern_r_squared": self.r_squared,
            "pattern_r_squared_at_twice_the_scale": self.r_squared_at_twice_the_scale,
            "pattern_constants": self.constants,
        }

    def draw(self, path: str | os.PathLike[str] | None = None, *, title: str | None = None) -> Drawing:
        """The network's drawing, in which every type has one colour; with a path, a .png or .svg file too."""
        return draw(self.network, path, title=title, markings=self.markings)

    def _repr_html_(self) -> str:
        """What a notebook shows: formula and drawing."""
        return f"<p><code>{escape(self.text)}</code> ({self._quality})</p>{self.draw().svg}"

    def __repr__(self) -> str:
        return f"Explanation({self.text}; {self._quality})"

    @property
    def _quality(self) -> str:
        rows = f" and {self.directions} rows of its own" if self.directions else ""
        return f"R² {self.r_squared:.4f}, {self.constants} constants{rows}"


# Tol's "bright" scheme, which stays apart for colour-blind readers, then his "muted" one
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#332288", "#882255", "#44aa99", "#999933")
