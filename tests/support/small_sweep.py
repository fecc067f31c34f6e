"""A sweep's folder that is trained in this process, without Ray: for tests of whatever reads one."""

from pathlib import Path

from search.config.schema import Config
from search.ledger import ledger
from search.ledger.read_training import to_record
from search.sweep import folder as folders
from search.sweep import manifest, tables
from search.sweep.experiment import experiment_of
from search.sweep.folder import SweepFolder
from search.sweep.grid import expand
from trainables.training.loop import Member, train_pack


def train_here(config: Config, path: Path) -> SweepFolder:
    """Ledger, tables, networks and manifest of all trainings that the config asks for."""
    folder, recipe, points = folders.create(path), config.training.recipe(), expand(config)
    folders.write_config(folder, config)
    facts = manifest.begin(folder, config, ["hyperphase"])
    for dimension in sorted({point.dimension for point in points}):
        members = [Member(point.key, point.beta, point.seed) for point in points if point.dimension == dimension]
        for trained in train_pack(dimension, members, recipe):
            ledger.write(folder.ledger, to_record(trained, recipe, dimension))
    tables.collect(folder, experiment_of(config))
    manifest.end(folder, facts, status="complete")
    return folder
