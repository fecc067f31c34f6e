"""Equilibrium boundaries on fronts of which the truth is known."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.phases.equilibrium import COLUMNS, equilibrium
from analysis.phases.fronts import fit_fronts
from benchmarks.equilibrium_coverage import measure, random_fronts, random_table, true_boundaries
from search.cli import main

BETAS = np.geomspace(1e-8, 1, 9)


def two_networks(noise=0.0, seeds=4, rng=None, found=lambda beta, label: True):
    """Two networks that are the same at every β: (0.1, 100 nats) and (0.01, 500 nats), equally good at 2.25e-4."""
    rng = rng or np.random.default_rng(0)
    rows = [
        (beta, 8.0, label, error * np.exp(noise * rng.standard_normal()), nats, seed)
        for beta in BETAS
        for label, error, nats in (("cheap", 0.1, 100.0), ("good", 0.01, 500.0))
        for seed in range(seeds)
        if found(beta, label)
    ]
    return pd.DataFrame(rows, columns=["x", "y", "label", "energy", "complexity", "seed"])


def read(table, **options):
    columns = (table[name] for name in ("x", "y", "label", "energy", "complexity"))
    return equilibrium(*columns, seeds=table["seed"], log_x=True, **options)


def test_two_networks_are_equally_good_at_the_ratio_of_their_differences():
    [row] = read(two_networks(noise=0.05)).boundaries.to_dict("records")
    assert (row["lower_phase"], row["upper_phase"], row["y"]) == ("good", "cheap", 8.0)
    assert row["x"] == pytest.approx(0.09 / 400, rel=0.1) and row["x_low"] < 0.09 / 400 < row["x_high"]
    assert row["complexity_jump"] == pytest.approx(-400, rel=0.02)
    assert row["energy_jump"] == pytest.approx(0.09, rel=0.1)
    assert row["x"] == pytest.approx(-row["energy_jump"] / row["complexity_jump"])
    assert list(read(two_networks()).boundaries.columns) == COLUMNS


def test_the_ground_state_is_what_is_best_and_not_what_most_trainings_found():
    table = two_networks(noise=0.05, seeds=9, found=lambda beta, label: True)
    rare = table[(table["label"] == "cheap") | (table["seed"] < 3) | (table["x"] > 1e-3)]
    states = read(rare).ground_states
    low = states[states["x"] < 1e-5]
    assert set(low["ground_state"]) == {"good"} and (low["probability"] > 0.95).all()
    assert np.allclose(low["found"], 3 / 12) and (low["trainings"] == 12).all()
    assert ((low["objective_low"] < low["objective"]) & (low["objective"] < low["objective_high"])).all()


def test_a_ground_state_is_read_where_the_trainings_are():
    """Thirteen decades lie between the points of the curves, where an objective's slope is steep."""
    table = two_networks(seeds=9).assign(
        x=lambda rows: rows["x"] ** 1.5 * 0.7
    )  # 1e-12 … 1, none but the ends on a point
    states = read(table).ground_states.set_index("x")
    for x, wanted in [(0.7e-3, 0.1 + 0.07), (0.7e-6, 0.01 + 0.35e-3), (0.7e-12, 0.01)]:
        assert states["objective"].iloc[np.abs(np.log(states.index / x)).argmin()] == pytest.approx(wanted, rel=0.005)


def test_what_is_as_good_as_the_ground_state_takes_its_share_of_the_probability():
    table = two_networks(noise=0.05, seeds=9)
    twin = table[table["label"] == "good"].assign(label="twin", seed=lambda rows: rows["seed"] + 100)
    twin["energy"] *= np.exp(0.02 * np.random.default_rng(5).standard_normal(len(twin)))
    states = read(pd.concat([table, twin])).ground_states
    assert (states.loc[states["x"] < 1e-5, "probability"] < 0.95).any()


def test_the_least_of_many_noisy_trainings_is_not_taken_for_the_algorithm():
    """40 noisy trainings of the worse network: the luckiest beats the better one, whose three do not scatter."""
    table = two_networks(noise=0.0, seeds=3)
    rng = np.random.default_rng(1)
    noisy = pd.DataFrame({"x": np.repeat(BETAS, 40), "y": 8.0, "label": "lucky", "complexity": 500.0, "seed": 7})
    noisy["seed"] = np.tile(np.arange(40), len(BETAS))
    noisy["energy"] = 0.013 * np.exp(0.4 * rng.standard_normal(len(noisy)))
    states = read(pd.concat([table, noisy])).ground_states
    assert noisy["energy"].min() < 0.01
    assert set(states.loc[states["x"] < 1e-5, "ground_state"]) == {"good"}


def test_a_boundary_beyond_what_trainings_found_is_found_from_both_fronts():
    fronts = random_fronts("exponential", np.random.default_rng(3))
    table = random_table(fronts, "sharp", np.random.default_rng(3))
    beta, label, energy, nats, seed = table
    found = equilibrium(beta, np.ones(len(beta)), label, energy, nats, seeds=seed, log_x=True).boundaries
    rows = {(row.lower_phase, row.upper_phase): row for row in found.itertuples()}
    for lower, upper, x in true_boundaries(fronts):
        assert abs(np.log10(rows[lower, upper].x / x)) < 0.3


def test_an_algorithm_that_is_seen_far_away_only_is_no_ground_state():
    table = two_networks(found=lambda beta, label: label == "good" or beta >= 0.1)
    states = read(table).ground_states
    assert set(states.loc[states["x"] < 1e-3, "ground_state"]) == {"good"}


def found_up_to(last, *, other_objective, noise=0.03, seeds=8):
    """Weights that are given up one by one, found at β up to `last`; beyond, trainings find a network of 150 nats."""
    rng = np.random.default_rng(2)
    rows = []
    for beta in BETAS[BETAS < 0.05]:
        for seed in range(seeds):
            nats, energy = 90 * np.log1p(0.04 / beta), 0.001 + 3.6 * np.log1p(beta / 0.04)
            if beta > last * 1.01:
                nats, energy = 150.0, other_objective * beta / 1e-3 - 150 * beta
            label = "frozen" if beta <= last * 1.01 else "other"
            rows.append((beta, 8.0, label, energy * np.exp(noise * rng.standard_normal()), nats, seed))
    return pd.DataFrame(rows, columns=["x", "y", "label", "energy", "complexity", "seed"])


def test_an_extrapolated_algorithm_yields_to_what_trainings_found_where_it_is_hardly_better():
    """Extrapolated, the frozen one has 0.42 at β = 1e-3, give or take; all eight trainings end in one with 0.43."""
    found = read(found_up_to(1e-4, other_objective=0.43))
    states = found.ground_states.set_index("x")
    assert states["ground_state"].iloc[np.abs(np.log(states.index / 1e-3)).argmin()] == "other"
    [row] = found.boundaries.to_dict("records")
    assert (row["lower_phase"], row["upper_phase"]) == ("frozen", "other")
    assert 1e-4 < row["x_low"] < row["x"] < row["x_high"] <= 1.05e-3


def test_an_extrapolated_algorithm_that_is_surely_better_shows_that_trainings_are_stuck():
    states = read(found_up_to(1e-4, other_objective=0.8)).ground_states.set_index("x")
    state = states.iloc[np.abs(np.log(states.index / 1e-3)).argmin()]
    assert state["ground_state"] == "frozen" and state["found"] == 0.0
    assert state["objective_low"] < 0.423 < state["objective_high"]


def test_trainings_next_to_a_boundary_do_not_move_it():
    """Just short of 2.25e-4 four trainings end in the cheap network, which is worse there by a little."""
    rng, rows = np.random.default_rng(4), []
    ranges = np.geomspace(1e-5, 2.1e-4, 20), np.linspace(2.13e-4, 2.2e-4, 4), np.geomspace(2.3e-4, 4e-3, 30)
    for k, beta in enumerate(np.concatenate(ranges)):
        label, error, nats = ("good", 0.01, 500.0) if beta < 2.12e-4 else ("cheap", 0.1, 100.0)
        rows.append((beta, 8.0, label, error * np.exp(0.05 * rng.standard_normal()), nats, k))
    [row] = read(
        pd.DataFrame(rows, columns=["x", "y", "label", "energy", "complexity", "seed"])
    ).boundaries.itertuples()
    assert row.x == pytest.approx(2.25e-4, rel=0.1) and row.x_low < 2.25e-4 < row.x_high


def test_every_y_is_read_by_itself_and_one_with_too_few_trainings_is_left_out():
    table = pd.concat([two_networks(), two_networks().assign(y=9.0, energy=lambda t: 2 * t["energy"])])
    few = pd.DataFrame([(1e-3, 10.0, "good", 0.1, 1.0, 0)], columns=table.columns)
    rows = read(pd.concat([table, few])).boundaries
    assert rows["y"].tolist() == [8.0, 9.0] and rows["x"].iloc[1] == pytest.approx(0.18 / 400, rel=0.1)


def test_mirror_images_are_one_phase():
    table = two_networks(seeds=4)
    table.loc[(table["label"] == "good") & (table["seed"] % 2 == 0), "label"] = "mirrored"
    assert set(read(table, merge={"mirrored": "good"}).boundaries["lower_phase"]) == {"good"}


def test_energies_below_zero_and_a_linear_axis():
    """Two levels of a magnet: -1 with an entropy of 0.1, 0 with one of 0.6; complexity is -entropy, x temperature."""
    x = np.repeat(np.linspace(0, 4, 9), 6)
    label = np.tile(["order", "disorder"], 27)
    order = label == "order"
    energy = np.where(order, -1.0, 0.0) + 0.02 * np.random.default_rng(0).standard_normal(len(x))
    [row] = equilibrium(x, np.ones(54), label, energy, np.where(order, -0.1, -0.6)).boundaries.to_dict("records")
    assert (row["lower_phase"], row["upper_phase"]) == ("order", "disorder")
    assert row["x"] == pytest.approx(2.0, abs=0.15) and row["x_low"] <= 2.05 and row["x_high"] >= 1.95


def test_the_same_table_gives_the_same_answer():
    table = two_networks(noise=0.3)
    assert read(table).boundaries.equals(read(table).boundaries)


def test_bands_hold_the_truth():
    """A smoke test; `python -m benchmarks.equilibrium_coverage` measures it."""
    found = measure("modes", "quick", repetitions=4)
    assert found.covered > 0.7 and found.reported > 0.7 and found.band < 1


def test_wrong_columns_are_told_in_one_line():
    table = two_networks()
    with pytest.raises(UserError, match="energy is not a finite number in row 3"):
        read(table.assign(energy=[1.0, 1.0, np.nan] + [1.0] * (len(table) - 3)))
    with pytest.raises(UserError, match="differ in length"):
        equilibrium([1, 2], [1], ["a"], [1], [1])


@pytest.mark.filterwarnings("error")
def test_trainings_at_one_x_are_drawn_without_a_warning():
    from analysis.phases.equilibrium_plot import png

    table = two_networks(noise=0.05)
    assert png(read(table[table["x"] == BETAS[5]]))


def test_the_command_writes_the_tables(tmp_path, capsys):
    two_networks(noise=0.05).rename(columns={"x": "beta"}).to_csv(tmp_path / "table.csv", index=False)
    command = ["boundaries", str(tmp_path / "table.csv"), "--x", "beta", "--y", "y", "--label", "label", "--log-x"]
    out = ["--out", str(tmp_path / "out")]
    assert main.main([*command, "--energy", "energy", "--complexity", "complexity", "--seed", "seed", *out]) == 0
    found = pd.read_csv(tmp_path / "out" / "equilibrium.csv")
    assert list(found.columns) == COLUMNS and found["x"].iloc[0] == pytest.approx(2.25e-4, rel=0.1)
    assert (tmp_path / "out" / "equilibrium.png").stat().st_size > 5000
    assert (tmp_path / "out" / "boundaries.csv").is_file()
    shown = capsys.readouterr().out
    assert re.search(r"equally good in beta .*\n  y = \d+: \w+ \| \w+ at 0\.0002\d* \(", shown)
    energies = ["--energy", "energy", "--complexity", "complexity"]
    assert main.main([*command, *energies, "--seed", "seed", *out, "--json"]) == 0
    [one, *_] = json.loads(capsys.readouterr().out)["equilibrium"]
    assert one["x"] == pytest.approx(found["x"].iloc[0])
    for wrong in (["--energy", "energy"], ["--seed", "seed"], ["--energy", "no", "--complexity", "complexity"],
                  ["--energy", "complexity", "--complexity", "complexity"]):  # fmt: skip
        assert main.main([*command, *wrong, *out]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("name", ["boundaries.csv", "probabilities.csv", "equilibrium.csv", "ground_states.csv"])
def test_a_table_is_not_written_over(name, tmp_path, capsys):
    table = tmp_path / name
    two_networks(noise=0.05).rename(columns={"x": "beta"}).to_csv(table, index=False)
    before = table.read_bytes()
    command = ["boundaries", str(table), "--x", "beta", "--y", "y", "--label", "label", "--log-x"]
    command += ["--energy", "energy", "--complexity", "complexity", "--seed", "seed"]
    assert main.main([*command, "--out", str(tmp_path)]) == 2 and table.read_bytes() == before
    assert f"{name} would be written over it" in capsys.readouterr().err


def test_many_trainings_at_few_places_keep_finite_fronts():
    """More places than bins, hundreds of trainings at one of them: those stay together."""
    rng = np.random.default_rng(0)
    x = np.concatenate([np.geomspace(1e-4, 1e-1, 30), np.full(300, 1e-2)])
    objective = 0.1 + x * 30
    front = fit_fronts(
        x, np.full(len(x), "a"), 0.1 * np.exp(0.01 * rng.standard_normal(len(x))), np.full(len(x), 30.0),
        np.arange(len(x)), log_x=True
    )  # fmt: skip
    assert np.isfinite(front.objective).all() and np.isfinite(front.complexity).all()
    true = np.interp(front.x, np.sort(x), np.sort(objective))
    np.testing.assert_allclose(np.median(front.objective[:, 0], axis=0), true, rtol=0.1)
