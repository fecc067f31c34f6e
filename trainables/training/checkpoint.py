"""A pack's state between two steps, as arrays: from it the pack goes on as if nothing had happened, bit for bit.

Every array has a leading axis of members, so that the rows of some of the members are a state of theirs.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from trainables.training.evaluation import DrawnNetworks, Snapshot

State = dict[str, np.ndarray]  # name -> (members, …)
NATS = "nats "  # before the name of a component of the complexity


class Checkpoint(Protocol):
    """Where a pack's state is kept."""

    def load(self) -> State | None:
        """The state of the pack's members, in their order; None: begin at the beginning."""

    def offer(self, state: Callable[[], State]) -> None:
        """Called between two steps: calls `state` if it is time to keep one."""


def flatten(**parts: State) -> State:
    """One state from the states of parts, as `part/name`."""
    return {f"{part}/{name}": array for part, state in parts.items() for name, array in state.items()}


def part(state: State, name: str) -> State:
    """The part called `name` of a flattened state."""
    return {rest: array for path, array in state.items() for head, _, rest in [path.partition("/")] if head == name}


def pack_evaluations(evaluations: list[list[Snapshot]]) -> State:
    """Looks at all members, one list of snapshots each, as arrays."""
    return flatten(**{str(number): _pack(evaluate) for number, evaluate in enumerate(evaluations)})


def unpack_evaluations(state: State) -> list[list[Snapshot]]:
    """The looks that `pack_looks` was given."""
    numbers = dict.fromkeys(path.partition("/")[0] for path in state)
    return [_unpack(part(state, number)) for number in numbers]


def _pack(evaluate: list[Snapshot]) -> State:
    arrays: dict[str, list[Any]] = {
        "step": [seen.step for seen in evaluate],
        "errors": [seen.errors for seen in evaluate],
    }
    arrays |= {NATS + name: [seen.complexity[name] for seen in evaluate] for name in evaluate[0].complexity}
    arrays |= {name: [getattr(seen.draws, name) for seen in evaluate] for name in DrawnNetworks._fields}
    return {name: np.stack([np.asarray(row) for row in rows]) for name, rows in arrays.items()}


def _unpack(state: State) -> list[Snapshot]:
    components = [name for name in state if name.startswith(NATS)]
    return [
        Snapshot(
            step=int(state["step"][member]),
            draws=DrawnNetworks(**{name: state[name][member] for name in DrawnNetworks._fields}),
            errors=state["errors"][member],
            complexity={name.removeprefix(NATS): float(state[name][member]) for name in components},
        )
        for member in range(len(state["step"]))
    ]
