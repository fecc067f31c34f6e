"""Boundaries on synthetic truths: coverage, islands, coin flips, edges, and the files that the command writes."""

import numpy as np
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.phases.boundaries import adjacency, boundaries, mirror_splits
from analysis.phases.from_table import write_boundaries
from analysis.phases.phase_map import fit_phase_map
from benchmarks.boundaries.synthetic import random_truth, sweep_design
from benchmarks.coverage import measure

CONTRACT = ["lower_phase", "upper_phase", "y", "x", "x_low", "x_high"]


def fitted(kind, design, seed=0, **options):
    rng = np.random.default_rng(seed)
    truth = random_truth(kind, rng)
    x, y = sweep_design(design, rng)
    return truth, fit_phase_map(x, y, truth.draw(x, y, rng), log_x=True, log_y=True, **options)


@pytest.mark.parametrize(("kind", "design"), [("slanted", "quick"), ("curved", "scattered"), ("label_noise", "quick")])
def test_bands_cover_the_truth(kind, design):
    """A smoke test of honesty; `python -m benchmarks.coverage` measures it."""
    found = measure(kind, design, repetitions=6, draws=200, rounds=6)
    assert found.covered > 0.7
    assert found.reported > 0.9
    assert found.false < 0.05
    assert found.band < 0.8  # decades; a band that holds everything is no answer
    assert found.error < 0.2


def test_phases_are_in_order_along_x():
    truth, phase_map = fitted("parallel", "quick")
    table = boundaries(phase_map, [6.0])
    assert list(table.columns[:6]) == CONTRACT
    assert list(zip(table["lower_phase"], table["upper_phase"], strict=True)) == [
        (low, high) for low, high, _ in truth.boundaries(6.0)
    ]
    assert (table["x_low"] < table["x"]).all() and (table["x"] < table["x_high"]).all()


def test_an_island_has_two_sides():
    truth, phase_map = fitted("island", "scattered", seed=1)
    at = truth.island[1]
    table = boundaries(phase_map, [at])
    assert {("pudding", "island"), ("island", "pudding")} <= set(
        zip(table["lower_phase"], table["upper_phase"], strict=True)
    )
    assert adjacency(phase_map).has_edge("island", "pudding")
    assert not adjacency(phase_map).has_edge("island", "constant")


def test_a_coin_flip_is_no_boundary():
    truth, phase_map = fitted("coin_flip", "quick", seed=2)
    table = boundaries(phase_map)
    between = table["lower_phase"].str.startswith("pudding") & table["upper_phase"].str.startswith("pudding")
    assert len(table) > 0 and not between.any()
    _, merged = fitted("coin_flip", "quick", seed=2, merge=truth.merge)
    split = mirror_splits(merged)
    assert split["label"].tolist() == ["pudding_negative", "pudding_positive"]
    assert split["count"].sum() == split["total"].iloc[0] == (merged.row_labels == "pudding").sum()
    assert split["fair"].all()


def test_an_unfair_coin_is_called_unfair():
    labels = ["heads"] * 50 + ["tails"] * 10 + ["other"] * 20
    phase_map = fit_phase_map(
        np.r_[np.linspace(0, 1, 60), np.linspace(2, 3, 20)],
        np.ones(80),
        labels,
        merge={"heads": "coin", "tails": "coin"},
        rounds=0,
    )
    split = mirror_splits(phase_map).set_index("label")
    assert not split["fair"].any()
    assert split.loc["heads", "share_low"] == pytest.approx(0.7343, abs=0.01)  # Clopper-Pearson, 50 of 60 at 90 %


def test_noise_alone_has_no_boundary():
    rng = np.random.default_rng(0)
    x, y = sweep_design("quick", rng)
    phase_map = fit_phase_map(x, y, rng.choice(["a", "b"], len(x)), log_x=True)
    assert len(boundaries(phase_map)) == 0


def test_a_boundary_outside_the_data_is_not_invented():
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(0, 10, 21), np.arange(5.0)))
    labels = np.where(x < 3 + 2.5 * y, "a", "b")  # at y = 3 and 4 it lies beyond x = 10
    table = boundaries(fit_phase_map(x, y, labels))
    assert table["y"].tolist() == [0.0, 1.0, 2.0]
    assert len(boundaries(fit_phase_map(x, y, labels), [-1.0, 9.0])) == 0


def test_width_of_a_crossover_is_found():
    rng = np.random.default_rng(0)
    x, y = 10 ** rng.uniform(-6, 0, 900), rng.integers(4, 9, 900)
    scale = 0.3  # decades; 0.1 to 0.9 takes 2 ln 9 of it
    labels = np.where(rng.random(900) < 1 / (1 + np.exp(-(np.log10(x) + 3) / scale)), "b", "a")
    row = boundaries(fit_phase_map(x, y, labels, log_x=True), [6.0]).iloc[0]
    assert row["width_low"] < 2 * np.log(9) * scale < row["width_high"]
    assert row["width_high"] < 4 * row["width_low"]


def test_adjacency_follows_the_order():
    _, phase_map = fitted("parallel", "wide_grid")
    graph = adjacency(phase_map)
    assert set(map(frozenset, graph.edges)) == set(
        map(frozenset, [("double_sided", "pudding"), ("pudding", "convexity"), ("convexity", "constant")])
    )
    assert sum(area for _, area in graph.nodes(data="area")) == pytest.approx(1)


# The command's side


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(5)
    truth = random_truth("slanted", rng)
    x, y = sweep_design("few", rng)
    return pd.DataFrame({"beta": x, "dimension": y.astype(int), "algorithm": truth.draw(x, y, rng)})


ASKED = {"x": "beta", "y": "dimension", "label": "algorithm", "log_x": True}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_files_are_written(table, tmp_path, suffix):
    path, out = tmp_path / f"t.{suffix}", tmp_path / "deep" / "out"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    write_boundaries(path, **ASKED, out=out)
    assert list(pd.read_csv(out / "boundaries.csv").columns[:6]) == CONTRACT
    probabilities = pd.read_csv(out / "probabilities.csv")
    means = [f"p_{label}" for label in sorted(set(table["algorithm"]))]
    assert list(probabilities.columns[:2]) == ["beta", "dimension"] and set(means) <= set(probabilities.columns)
    np.testing.assert_allclose(probabilities[means].sum(axis=1), 1, atol=1e-6)
    assert (out / "phase_map.png").read_bytes().startswith(b"\x89PNG")


def test_one_y_is_a_problem_in_one_dimension(table, tmp_path):
    rng = np.random.default_rng(0)
    x = np.logspace(-4, 0, 40)
    labels = np.where(np.log10(x) + rng.normal(0, 0.1, 40) < -2, "low", "high")
    pd.DataFrame({"beta": x, "dimension": 6, "algorithm": labels}).to_csv(tmp_path / "t.csv", index=False)
    _, found = write_boundaries(tmp_path / "t.csv", **ASKED, out=tmp_path / "out")
    assert found[["lower_phase", "upper_phase"]].to_numpy().tolist() == [["low", "high"]]
    assert abs(np.log10(found["x"][0]) + 2) < 0.15
    assert 0.02 < np.log10(found["x_high"][0] / found["x_low"][0]) < 0.5


def spoilt(table, column, row, value):
    table = table.astype({column: object})
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns="beta"), "no column 'beta'; it has dimension, algorithm"),
        (lambda t: spoilt(t, "beta", 4, "oops"), r"beta is not a finite number \('oops'\) in row 5"),
        (lambda t: spoilt(t, "dimension", 2, None), "dimension is missing in row 3"),
        (lambda t: spoilt(t, "beta", 6, -1.0), "beta must be positive on a log axis; row 7 has -1"),
        (lambda t: spoilt(t, "algorithm", 0, None), "algorithm is missing in row 1"),
        (lambda t: t.assign(algorithm="a"), r"algorithm has one value only \(a\)"),
        (lambda t: t.assign(beta=1.0), "beta has one value only"),
        (lambda t: t.head(5), "5 rows are too few"),
        (lambda t: t.head(0), "0 rows are too few"),
    ],
)
def test_a_spoilt_table_gives_one_clear_line(table, tmp_path, spoil, message):
    spoil(table).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=message) as caught:
        write_boundaries(tmp_path / "t.csv", **ASKED, out=tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "boundaries.csv").exists()


def test_unreadable_files_give_one_clear_line(table, tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "bytes.csv").write_bytes(bytes(range(128, 256)))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    table.to_csv(tmp_path / "good.csv", index=False)
    for name, message in (
        ("empty.csv", "is empty"),
        ("bytes.csv", "cannot read"),
        ("torn.parquet", "cannot read"),
        ("none.csv", "no such file"),
        (".", "is a folder"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            write_boundaries(tmp_path / name, **ASKED, out=tmp_path / "out")
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="cannot write to"):
        write_boundaries(tmp_path / "good.csv", **ASKED, out=tmp_path / "good.csv")


def test_a_label_may_be_called_na(table, tmp_path):
    table.replace({"algorithm": {"constant": "NA"}}).to_csv(tmp_path / "t.csv", index=False)
    phase_map, _ = write_boundaries(tmp_path / "t.csv", **ASKED, out=tmp_path / "out")
    assert "NA" in phase_map.labels
