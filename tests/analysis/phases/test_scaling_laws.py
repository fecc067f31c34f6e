"""Scaling laws: found where they hold, refused with a reason where the data cannot support one."""

import numpy as np

from analysis.phases.phase_map import fit_phase_map
from analysis.phases.plots import draw_scaling_laws
from analysis.phases.scaling_laws import scaling_laws


def table(curve, ys, *, seed=0, rows=400, scale=0.1):
    """Two phases with the boundary log10 x = curve(y)."""
    rng = np.random.default_rng(seed)
    x, y = 10 ** rng.uniform(-6, 0, rows), rng.choice(ys, rows).astype(float)
    above = rng.random(rows) < 1 / (1 + np.exp(-(np.log10(x) - curve(y)) / scale))
    return x, y, np.where(above, "high", "low")


def laws(curve, ys, **options):
    return scaling_laws(fit_phase_map(*table(curve, ys, **options), log_x=True, log_y=True, y_name="dimension"))


def test_a_power_law_is_found_with_its_exponent(tmp_path):
    hits, widths = 0, []
    for seed in range(5):
        (law,) = laws(lambda y: -1 - 1.7 * np.log10(y), np.arange(4, 17), seed=seed)
        assert law.refused is None and (law.lower_phase, law.upper_phase) == ("low", "high")
        hits += law.exponent_low <= 1.7 <= law.exponent_high
        widths.append(law.exponent_high - law.exponent_low)
        np.testing.assert_allclose(np.log10(law.predict(8.0)), -1 - 1.7 * np.log10(8), atol=0.15)
        assert np.abs(law.residual).max() < 0.2
    assert hits >= 3
    assert 0.1 < np.median(widths) < 1.0
    draw_scaling_laws([law], tmp_path / "laws.svg")
    assert "<svg" in (tmp_path / "laws.svg").read_text()


def test_less_data_means_a_wider_interval():
    (much,) = laws(lambda y: -1 - 1.7 * np.log10(y), np.arange(4, 17), rows=800)
    (little,) = laws(lambda y: -1 - 1.7 * np.log10(y), np.arange(4, 17), rows=60)
    assert little.exponent_high - little.exponent_low > 1.5 * (much.exponent_high - much.exponent_low)


def test_two_dimensions_are_too_few():
    (law,) = laws(lambda y: -2 - 0 * y, [4, 8])
    assert "seen at 2 values of dimension only" in law.refused and "no scaling law" in str(law)


def test_a_short_range_is_too_short():
    (law,) = laws(lambda y: -2 - 0 * y, [10, 11, 12])
    assert "spans a factor of 1.20 only" in law.refused


def test_a_bent_boundary_is_no_power_law():
    (law,) = laws(lambda y: -3 + 1.6 * np.cos((y - 10) / 6 * np.pi), np.arange(4, 17), rows=800)
    assert "bends on log axes" in law.refused
    assert np.isfinite(law.exponent)  # what the fit found is kept, to be shown as refused


def test_no_boundary_no_law():
    rng = np.random.default_rng(0)
    assert (
        scaling_laws(
            fit_phase_map(
                10 ** rng.uniform(-6, 0, 100),
                rng.integers(4, 9, 100),
                rng.choice(["a", "b"], 100),
                log_x=True,
                log_y=True,
            )
        )
        == []
    )
