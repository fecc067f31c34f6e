"""A stand-in for Ray, for tests of what the drivers ask of it."""

import contextlib

import pytest

from search.cluster import session
from search.config.own import OwnConfig
from search.driver import sweep as driver
from search.driver import train
from search.ledger import ledger
from tests.support.own_experiment import made_up_own
from tests.support.records import record_of


@pytest.fixture
def ray(monkeypatch):
    """A stand-in for Ray: trains what it is given until `ray["stop"]` says otherwise."""
    state = {"asked": [], "stop": None, "algorithm": lambda point: "convexity", "measures": lambda point: {}}

    @contextlib.contextmanager
    def connected(config, folder):
        yield session.Cluster(workers=2, device="cpu", gpus=0)

    def run_packs(config, folder, cluster, packs, on_progress):
        points = [point for pack in packs for point in pack.members]
        state["asked"].append(len(points))
        for count, point in enumerate(points):
            if state["stop"] and count >= state["stop"][0]:
                if isinstance(state["stop"][1], BaseException):
                    raise state["stop"][1]
                return [state["stop"][1]]
            record = (
                made_up_own(point, config)
                if isinstance(config, OwnConfig)
                else record_of(point, config, algorithm=state["algorithm"](point))
            )
            record.row.update(state["measures"](point))
            ledger.write(folder.ledger, record)
        on_progress(0, 1.0)
        return []

    monkeypatch.setattr(session, "connected", connected)
    monkeypatch.setattr(train, "run_packs", run_packs)
    monkeypatch.setattr(driver, "write_report", lambda folder, **options: True)
    return state
