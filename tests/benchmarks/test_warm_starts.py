"""Rungs beside trainings: how far their objectives and boundaries are apart."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.warm_starts import differences, main, report, shifts


def table(worse: float = 0.0, seeds=range(4)):
    """Two algorithms at n = 4, equally good at β = 1e-3; the one at large β worse by a factor e^worse."""
    rng, rows = np.random.default_rng(0), []
    for beta in np.geomspace(1e-5, 1e-1, 9):
        for seed in seeds:
            for label, error, nats in (("double_sided", 0.01, 100.0), ("convexity", 0.1, 10.0)):
                scale = np.exp(rng.normal(0, 0.01) + (worse if label == "convexity" else 0))
                rows.append((4, beta, seed, label, error * scale, nats * scale))
    names = ["dimension", "beta", "seed", "algorithm", "relative_error", "complexity_nats"]
    return pd.DataFrame(rows, columns=names)


def test_differences_are_of_the_log_objective():
    apart = differences(table(), table(0.2))
    rise = apart["rise"].groupby("label").mean()
    assert rise["convexity"] == pytest.approx(0.2, abs=0.01)
    assert rise["double_sided"] == pytest.approx(0.0, abs=0.01)
    assert differences(table(), table(seeds=range(2))).empty  # two rungs say nothing of their scatter


def test_a_boundary_moves_to_where_the_worse_algorithm_is_as_good():
    moved = shifts(table(), table(0.4)).iloc[0]
    assert 10 ** moved["x"] == pytest.approx(1e-3, rel=0.05)
    assert moved["shift"] > 0.05


def test_the_report_has_both_tables():
    text = report(differences(table(), table()), shifts(table(), table()))
    assert "| 4 | 0.001 | convexity | " in text and "| 4 | double_sided, convexity | 0.001 | " in text


def test_a_sweep_that_was_not_annealed_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path)])
    assert "hyperphase anneal" in capsys.readouterr().err
