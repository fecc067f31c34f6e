import numpy as np
import pandas as pd
import pytest

from analysis.charts.chart import placed_tips, save_png, styled
from analysis.charts.generalisation import generalisation_chart
from analysis.errors import UserError
from analysis.sweeps.generalisation import FILE, by_algorithm, load


def made_up() -> pd.DataFrame:
    """Six trainings at n = 4 … 8, errors growing as n²: three of each of two algorithms."""
    rows = [
        {"key": f"k{k}", "trained_algorithm": ("double_sided", "convexity")[k % 2], "trained_low": 4, "trained_high": 8,
         "dimension": n, "relative_error": (k + 1) * 1e-4 * n**2, "right": 1.0 if n <= 8 else 0.25}
        for k in range(6) for n in (2, 4, 8, 16)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_medians_and_quartiles_by_algorithm():
    found = by_algorithm(made_up()).set_index(["trained_algorithm", "dimension"])
    at = found.loc[("double_sided", 16)]
    assert (at["trainings"], at["right"]) == (3, 0.25)
    assert at[["error_low", "relative_error", "error_high"]].tolist() == pytest.approx(
        np.array([2, 3, 4]) * 1e-4 * 256  # trainings 0, 2, 4: 1, 3, 5
    )


def test_the_chart_tells_every_point(tmp_path):
    with styled():
        chart = generalisation_chart(made_up())
    save_png(chart, tmp_path / "unseen.png")
    wanted = "double-sided at n = 16: error 0.077, 25% of draws right (3 trainings)"
    tips = [tip for tip in placed_tips(chart) if tip.text == wanted]
    left, right = chart.figure.axes
    for tip, axes in zip(tips, (left, right), strict=True):
        x, y = tip.left + tip.width / 2, 1 - tip.top - tip.height / 2  # of the mark's middle on the picture
        where = axes.transData.inverted().transform((x, y) * chart.figure.bbox.size)
        assert where == pytest.approx([16, 0.0768 if axes is left else 0.25], rel=1e-3)
    assert left.get_title(loc="left") == "trained at n = 4 … 8"


def test_only_the_asked_trainings_are_loaded(tmp_path):
    assert load(tmp_path, {"k1"}) is None
    made_up().to_csv(tmp_path / FILE, index=False)
    assert set(load(tmp_path, {"k1", "k9"})["key"]) == {"k1"}
    assert load(tmp_path, {"k9"}) is None


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_a_broken_table_is_one_clear_line(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError) as error:
        load(tmp_path, {"k1"})
    assert "\n" not in str(error.value)
