"""Refinement against a uniform grid: its scores, without training anything."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.refined_or_uniform import design, draw, report, scores


def trainings(count, *, seed, dimensions=range(4, 9)):
    """Convexity below β = 1e-3 at all n, constant above."""
    rng = np.random.default_rng(seed)
    beta, dimension = 10 ** rng.uniform(-6, 0, count), rng.choice(list(dimensions), count)
    frame = pd.DataFrame({"key": [f"{seed}-{i}" for i in range(count)], "beta": beta, "dimension": dimension})
    return frame.assign(algorithm=np.where(beta < 1e-3, "convexity", "constant"))


@pytest.fixture
def few(monkeypatch):
    import functools

    from analysis.phases import phase_map

    monkeypatch.setattr(
        "analysis.phases.phase_map.fit_phase_map", functools.partial(phase_map.fit_phase_map, draws=40, rounds=1)
    )


def test_more_trainings_score_better(few, tmp_path):
    held = trainings(60, seed=9)
    base = trainings(20, seed=0)
    designs = {
        "uniform": pd.concat([base, trainings(10, seed=1)]),
        "refined": pd.concat([base, trainings(150, seed=2)]),
    }
    found = {name: scores(seen, held) | {"seconds": 1.0} for name, seen in designs.items()}
    assert found["refined"]["log_loss"] < found["uniform"]["log_loss"]
    assert found["refined"]["width"] < found["uniform"]["width"]
    lines = report(found).splitlines()
    assert len(lines) == 4 and "+0.000 ± 0.000" in lines[2]
    draw(found, designs, base, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_label_that_a_map_has_never_seen_costs_much_and_not_infinity(few):
    held = trainings(20, seed=9)
    held.loc[0, "algorithm"] = "double_sided"
    found = scores(trainings(40, seed=0), held)
    assert found["log_losses"][0] == pytest.approx(-np.log(1e-3), abs=1e-3)
    json.dumps({name: value for name, value in found.items() if name != "table"})


def test_a_grid_as_options():
    options = design(1e-9, 1, 9, (4, 6), 500)
    assert options[::2] == ["--set"] * 3
    assert options[1::2] == ["grid.dimensions=[4, 6]", "grid.betas={from=1e-09, to=1, count=9}", "grid.seeds=[500]"]
