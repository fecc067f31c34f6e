"""What a sweep asks of the experiment that it is about: the one door through which hypernetworks and all others go."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from analysis.errors import UserError
from search.config.own import OwnConfig
from search.config.schema import Config, HypernetworkConfig
from search.ledger.checkpoints import CheckpointInfo
from search.ledger.record import Record
from search.sweep.packs import Pack
from search.sweep.point import Point
from trainables.experiments.experiment import Axis


class Experiment(Protocol):
    """An experiment as a sweep sees it.

    axes: the first is the map's x, the second its y. recipe: what all its trainings share and decides what they
    compute, as JSON; rows of the ledger hold it. steps: of a training, as its checkpoints count them. device: that was
    asked for, "auto", "cpu" or "cuda".
    """

    axes: tuple[Axis, ...]
    recipe: dict[str, Any]
    device: str
    steps: int
    refines_dimensions: bool  # whether a refinement chooses among input dimensions n

    def key(self, place: Mapping[str, float], seed: int) -> str:
        """Identity of the training at a place (axis -> value) with a seed."""

    def plan(
        self,
        points: Iterable[Point],
        begun: Iterable[CheckpointInfo],
        *,
        workers: int,
        pack_size: int | None,
        device: str,
    ) -> list[Pack]:
        """Packs of these points, in the order in which to start them. begun: checkpoints of unfinished ones."""

    def seconds(self, points: Iterable[Point]) -> float | None:
        """Estimated seconds of these trainings on one core; None where nobody knows."""

    def cost_function(self) -> Callable[..., Any] | None:
        """Relative cost of trainings, for PhaseBoundarySampler: axes by name -> (places,); None: all alike."""

    def told(self, pack: Pack) -> dict[str, Any]:
        """What the pack's worker is told of it, besides its index and checkpoint."""

    def told_all(self) -> dict[str, Any]:
        """What every worker is told; "train" in it says which of search.cluster.worker's functions trains."""

    def objects(self) -> list[str]:
        """Specs of the objects that it is made of, whose files travel to the workers."""

    def name(self, record: Record) -> dict[str, Any] | None:
        """What a finished training is called now, as columns of its row; None if it cannot be named anew."""

    def describe(self) -> dict[str, Any]:
        """What the report needs to know of it, as JSON, for the manifest."""


def objects_of(config: Config) -> list[str]:
    """Specs of all objects that a config names."""
    return [*experiment_of(config).objects(), *config.analysis.sections]


def hypernetworks_only(config: Config, path: Path) -> HypernetworkConfig:
    """The config, if its sweep is of hypernetworks; UserError for others."""
    if not isinstance(config, HypernetworkConfig):
        raise UserError(f"{path}: this is for sweeps of hypernetworks, not for experiments of your own")
    return config


def experiment_of(config: Config) -> Experiment:
    """The experiment of a config."""
    if isinstance(config, OwnConfig):
        from search.sweep.own_experiment import OwnExperiment

        return OwnExperiment(config)
    from search.sweep.hypernetworks import Hypernetworks

    return Hypernetworks(config)
