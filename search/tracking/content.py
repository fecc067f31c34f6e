"""What MLflow's pages show of a sweep, by the kind of its experiment."""

from typing import Any, Protocol

from search.config.own import OwnConfig
from search.config.schema import Config
from search.ledger.record import Record
from search.tracking.run_content import TrainingRun, dataset, training_note, training_run


class Content(Protocol):
    """label_tag: what a label's tag is called. tags: of axes, to filter by. order: a metric that lists are sorted by.
    models: whether trainings are logged as models too.
    """

    label_tag: str
    tags: tuple[str, ...]
    order: str
    models: bool

    def training_run(self, record: Record, sweep: str) -> TrainingRun:
        """What MLflow is told of a training."""

    def training_note(self, run_id: str, record: Record, *, drawing: bool) -> str:
        """A training's description. drawing: whether its pictures are logged."""

    def datasets(self) -> list[Any]:
        """mlflow.entities.Dataset of all that is trained on."""


class HypernetworkContent:
    """`Content` of hypernetworks."""

    label_tag = "algorithm"
    order = "relative_error"
    models = True
    tags: tuple[str, ...] = ("dimension", "beta")

    def __init__(self, config: Config):
        self._config = config

    def training_run(self, record: Record, sweep: str) -> TrainingRun:
        return training_run(record, sweep)

    def training_note(self, run_id: str, record: Record, *, drawing: bool) -> str:
        return training_note(run_id, record.row, drawing=drawing)

    def datasets(self) -> list[Any]:
        """One a dimension."""
        recipe = self._config.training.recipe()
        return [dataset(recipe, int(n)) for n in self._config.grid.values["dimension"]]


def content_of(config: Config) -> Content:
    if isinstance(config, OwnConfig):
        from search.tracking.own_content import OwnContent

        return OwnContent(config)
    return HypernetworkContent(config)
