"""What is said of sweeps of tasks without names: patterns, ground states, faithfulness; and names by patterns."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.network import Network
from benchmarks import discovered_formulas, names_by_patterns
from search.config.load import load
from tests.support.known_networks import double_sided, noisy
from tests.support.pattern_networks import PATTERNS
from tests.support.shown import ROOT

STANDS_OUT = next(pattern for pattern in PATTERNS if pattern.name == "what stands out and a sum")
CROSSING = 0.99 / 100  # of an error of 0.01 with 100 nats and one of 1 with none


def flat(n: int) -> Network:
    return Network(np.zeros((1, n)), np.zeros(1), np.zeros(1), np.array(1.0))


def write_sweep(folder: Path, task: str, build, algorithm: str) -> Path:
    """Networks that `build` makes of (n, seed) at β = 1e-5 and 1e-3, constants at 1; three seeds, n = 3 and 5."""
    (folder / "networks").mkdir(parents=True)
    rows = []
    for n in (3, 5):
        for beta in (1e-5, 1e-3, 1.0):
            for seed in range(3):
                key, constant = f"{n}-{beta:g}-{seed}".replace(".", "_"), beta == 1.0
                (flat(n) if constant else build(n, seed)).save(folder / "networks" / f"{key}.npz")
                rows.append({
                    "key": key, "task": task, "dimension": n, "beta": beta, "seed": seed,
                    "relative_error": 1.0 if constant else 0.01, "complexity_nats": 0.0 if constant else 100.0 + seed,
                    "algorithm": "constant" if constant else algorithm, "margin": 0.5,
                })  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "trainings.parquet")
    return folder


@pytest.fixture(scope="module")
def maximum(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "maximum"
    return write_sweep(
        folder, "maximum", lambda n, seed: noisy(STANDS_OUT.build(n), np.random.default_rng(seed)), "other"
    )


def test_a_task_s_patterns_and_where_each_is_the_ground_state(maximum, tmp_path, capsys):
    assert discovered_formulas.main([str(maximum), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "18 trainings, 12 with error ≤ 0.05; of these 12 (100%) with R² ≥ 0.98" in said
    assert f"| A | {STANDS_OUT.pattern} | 12; 3: 6, 5: 6 | " in said
    assert "\n| 3 | A to 0.0" in said and "\n| 5 | A to 0.0" in said and said.count(", constant |") == 2
    assert "\nA in n: `0." in said and "·(n − 1)^-0.7" in said and "`; R² at n = 3: 0.99" in said
    table = pd.read_csv(tmp_path / "maximum.csv")
    assert table["phase"].value_counts().to_dict() == {STANDS_OUT.pattern: 12, "constant": 6}
    assert (table["r_squared"] > 0.98).all()
    assert (tmp_path / "maximum_1.svg").read_text().startswith("<svg")
    bounds = discovered_formulas.discover(maximum).best.boundaries
    assert bounds["x"].between(CROSSING / 2, CROSSING * 2).all() and len(bounds) == 2


def test_phases_that_are_as_good_as_equal_stand_together():
    bounds = pd.DataFrame(
        [(4, "a", "b", 1e-4, 1e-6, 1e-2), (4, "b", "c", 1e-2, 5e-3, 2e-2), (6, "a", "c", 1e-3, 5e-4, 2e-3)],
        columns=["y", "lower_phase", "upper_phase", "x", "x_low", "x_high"],
    )
    states = pd.DataFrame({"y": [8], "ground_state": ["b"]})
    found = SimpleNamespace(best=SimpleNamespace(boundaries=bounds, ground_states=states))
    told = [discovered_formulas._stretches(found, n, {"a": "A", "b": "B"}) for n in (4, 6, 8)]
    assert told == ["A or B to 0.01 (0.005 … 0.02), c", "A to 0.001 (0.0005 … 0.002), c", "B"]


def test_the_example_is_a_grid_of_every_dimension_for_any_task():
    for task in ("maximum", "range", "sum_of_products"):
        config = load(file=ROOT / "examples" / "tasks" / "tasks.toml", settings=[f"training.task={task}"])
        assert config.training.task == task and {2, 4, 8} <= set(config.grid.dimensions)


def test_trainings_without_a_faithful_formula_are_named(tmp_path, capsys):
    def unstructured(n: int, seed: int) -> Network:
        rng = np.random.default_rng(seed)
        return Network(*(rng.standard_normal(shape) for shape in ((4 * n, n), 4 * n, 4 * n)), np.array(0.0))

    folder = write_sweep(tmp_path / "sweep", "maximum", unstructured, "other")
    found = discovered_formulas.discover(folder)
    said = discovered_formulas.report(found)
    poor = (found.rows["r_squared"] < discovered_formulas.FAITHFUL).sum()
    assert poor > 0 and said.count("not so: ") == poor


def test_a_folder_that_is_no_sweep_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        discovered_formulas.main([str(tmp_path)])
    assert stopped.value.code == 2 and "not a sweep" in capsys.readouterr().err


def test_names_by_patterns_are_counted_and_differences_told(tmp_path, capsys):
    def build(n: int, seed: int) -> Network:
        return noisy(double_sided(n), np.random.default_rng(seed))

    folder = write_sweep(tmp_path / "sweep", "l1_norm", build, "double_sided")
    table = pd.read_parquet(folder / "trainings.parquet")
    table.loc[0, "algorithm"] = "other"
    table.to_parquet(folder / "trainings.parquet")
    assert names_by_patterns.main([str(folder)]) == 0
    said = capsys.readouterr().out
    assert "the same name in 17 of 18 trainings (94.44%)" in said
    assert f"{table.loc[0, 'key']}: other, by its pattern double_sided" in said
