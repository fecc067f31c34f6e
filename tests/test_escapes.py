"""Nothing from outside is pasted raw into another syntax: HTML, filters, mathematics, shells, terminals, columns."""

import shlex
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from analysis.charts.chart import Chart, new_chart, save_png
from analysis.errors import UserError
from analysis.formatting import printable, quoted
from analysis.phases.equilibrium import equilibrium
from analysis.phases.equilibrium_plot import draw_equilibrium
from analysis.phases.from_table import probability_table
from analysis.phases.phase_map import fit_phase_map
from analysis.phases.plots import draw_phase_map
from analysis.report.write import write_report
from analysis.sweeps.load import load_sweep
from search.ledger import ledger
from search.ledger.record import Record
from search.tracking.run_content import is_equal, markdown, model_name
from tests.support.fake_sweep import write_fake_sweep

HOSTILE = ["<script>alert(1)</script>", "a'b", 'a"b', "$x^2$", "$\\frac{$", "a|b", "50% &amp; more", "{{ 7 * 7 }}"]


class Scripts(HTMLParser):
    """Counts the script elements of a page."""

    def __init__(self):
        super().__init__()
        self.found = 0

    def handle_starttag(self, tag, attrs):
        self.found += tag == "script" or any(name.startswith("on") for name, _ in attrs)


def scripts(page: str) -> int:
    parser = Scripts()
    parser.feed(page)
    return parser.found


def test_labels_and_reasons_start_no_script(tmp_path):
    write_fake_sweep(tmp_path, dimensions=(4,), betas=(1e-6, 1e-5, 1e-2), seeds=8, failed=1, snapshots=False)
    plain = scripts(write_report(tmp_path).read_text(encoding="utf-8"))
    table = pd.read_parquet(tmp_path / "trainings.parquet")
    failed = table["status"] == "failed"
    table.loc[failed, "reason"] = HOSTILE[0]
    table.loc[~failed, "algorithm"] = np.resize(HOSTILE, int((~failed).sum()))
    table.to_parquet(tmp_path / "trainings.parquet")
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert scripts(page) == plain and "&lt;script&gt;alert(1)" in page and "{{ 7 * 7 }}" in page


@pytest.mark.parametrize("key", ["<script>", "../../x", "a b", "", "x" * 65, 'a"', "a\n"])
def test_an_impossible_key_is_refused(key, tmp_path):
    write_fake_sweep(tmp_path, dimensions=(4,), seeds=1, failed=0)
    table = pd.read_parquet(tmp_path / "trainings.parquet")
    table.loc[0, "key"] = key
    table.to_parquet(tmp_path / "trainings.parquet")
    with pytest.raises(UserError, match="no key of a training"):
        load_sweep(tmp_path)


def test_a_record_with_an_impossible_key_is_torn(tmp_path):
    ledger.write(tmp_path, Record({"key": "<script>", "status": "done"}))
    with pytest.warns(UserWarning, match="torn"):
        assert ledger.read_all(tmp_path) == set()


def axes_texts(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()] + [axes.get_xlabel(), axes.get_ylabel()]


def drawn_texts(chart) -> dict[str, bool]:
    """Text -> whether it is parsed as mathematics."""
    return {text.get_text(): text.get_parse_math() for text in chart.figure.findobj(Text) if text.get_text()}


def test_charts_show_names_as_they_are(tmp_path):
    """A name with unbalanced mathematics would raise; one with balanced would lose its dollars."""
    x = np.repeat(np.geomspace(1e-6, 1, 12), 2)
    labels = [HOSTILE[3] if value < 1e-3 else HOSTILE[4] for value in x]
    found = fit_phase_map(x, np.tile([4.0, 8.0], 12), labels, log_x=True, x_name="$a$", y_name="50 $", rounds=0)
    axes = draw_phase_map(found, tmp_path / "map.png")
    assert {f"{HOSTILE[3]} (12)", "$a$", "50 $"} <= set(axes_texts(axes))
    chart = Chart(axes.figure)
    save_png(chart, tmp_path / "again.png")
    shown = drawn_texts(chart)
    assert [shown[name] for name in ("$x^2$ (12)", "$a$", "50 $")] == [False] * 3


def test_pictures_of_equilibrium_show_names_as_they_are(tmp_path):
    x = np.repeat(np.geomspace(1e-6, 1, 12), 4)
    left = x < 1e-3
    labels, nats = np.where(left, HOSTILE[3], HOSTILE[4]), np.where(left, 40.0, 3.0)
    errors = np.where(left, 0.01, 0.05) + np.random.default_rng(0).uniform(0, 1e-3, len(x))
    found = equilibrium(x, np.full(len(x), 4.0), labels, errors, nats, log_x=True, x_name="$a$", y_name="50 $")
    chart = Chart(draw_equilibrium(found))
    chart.figure.savefig(tmp_path / "equilibrium.png")
    shown = drawn_texts(chart)
    assert [shown[name] for name in ("$x^2$", "$\\frac{$", "$a$", "50 $ = 4")] == [False] * 4


def test_categories_on_an_axis_are_no_mathematics(tmp_path):
    chart = new_chart(3, 2)
    axes = chart.figure.subplots()
    axes.set_yticks([0, 1], ["$x^2$", "$\\frac{$"])
    save_png(chart, tmp_path / "ticks.png")
    shown = drawn_texts(chart)
    assert [shown[name] for name in ("$x^2$", "$\\frac{$")] == [False] * 2


def test_columns_of_probabilities_have_names_of_their_own():
    x = np.repeat(np.geomspace(1e-6, 1, 12), 3)
    labels = np.array(["a", "a_low", "a_low_low"], dtype=object)[np.minimum(2, (np.log10(x) + 6) // 2).astype(int)]
    found = fit_phase_map(x, np.tile([4.0, 6.0, 8.0], 12), labels, log_x=True, rounds=0)
    table = probability_table(found, points_x=5)
    assert len(table.columns) == len(set(table.columns)) == 2 + 3 * 3
    mean = found.probabilities(table["x"], table["y"])
    low, high = found.probability_band(table["x"], table["y"])
    for index, name in enumerate(["a", "a_low~", "a_low_low"]):
        assert (table[f"p_{name}"] == mean[:, index]).all(), name
        assert (table[f"p_{name}_low"] == low[:, index]).all() and (table[f"p_{name}_high"] == high[:, index]).all()


@pytest.mark.slow
def test_filters_of_mlflow_find_any_text(tmp_path):
    from mlflow import MlflowClient

    from search.tracking.local_store import sqlite_uri

    client = MlflowClient(sqlite_uri(tmp_path / "m.db"))
    for value in ("plain", "it's", 'say "x"', "both ' and \""):
        run = client.create_run("0", tags={"sweep": value}).info.run_id
        assert [one.info.run_id for one in client.search_runs(["0"], is_equal("tags.sweep", value))] == [run]


def test_names_and_notes_of_mlflow():
    assert model_name("50% of a/b: it's") == "50_ of a_b_ it_s"
    assert markdown("[x](http://y) | <b>\n`z`") == r"\[x\](http://y) \| \<b\> \`z\`"


@pytest.mark.parametrize("path", ["a b", "it's", "$HOME", "-rf", "a;b", "`x`"])
def test_paths_in_shell_lines(path):
    [word] = shlex.split(quoted(path))
    assert word in (path, f"./{path}") and not word.startswith("-")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[31mred", "\\u001b[31mred"), ("a\nb", "a\\u000ab"), ("\x9b1m", "\\u009b1m"), ("a\u202eb", "a\\u202eb"),
     ("\udcff", "\\udcff"), ("größe β 相", "größe β 相"), ("\U000e0041", "\\udb40\\udc41")],
)  # fmt: skip
def test_what_steers_a_terminal_is_shown_by_its_number(text, shown):
    assert printable(text) == shown
