"""What a training is given: where it is, its seed and settings, and the hooks by which it says how far it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

State = Mapping[str, Any]  # name -> array or number


@dataclass(frozen=True)
class Run:
    """One training of an experiment.

    point: axis -> value; `run["decay"]` is short for `run.point["decay"]`.
    seed: of this training, from the grid.
    settings: of the experiment, validated.
    """

    point: Mapping[str, float]
    seed: int
    settings: Any = None
    on_progress: Callable[[float], None] = lambda share: None
    on_save: Callable[[Callable[[], State]], None] = lambda state: None
    on_load: Callable[[], dict[str, np.ndarray] | None] = lambda: None

    def __getitem__(self, axis: str) -> float:
        return self.point[axis]

    def progress(self, share: float) -> None:
        """How much of the training is done, in [0, 1]: for the bar and its estimate. Cheap: call it at any step."""
        self.on_progress(min(max(float(share), 0.0), 1.0))

    def save(self, state: State | Callable[[], State]) -> None:
        """Offers arrays from which `load` lets a killed training go on; written now and then, so call it often.

        state: name -> array or number, or a function that gives them, which is called only when it is time.
        """
        self.on_save(state if callable(state) else lambda: state)

    def load(self) -> dict[str, np.ndarray] | None:
        """What a killed try of this training saved last; None at the start."""
        return self.on_load()
