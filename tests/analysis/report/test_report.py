import base64
import gzip
import html.parser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.algorithms.names import display_name
from analysis.charts.complexity import front
from analysis.errors import UserError
from analysis.patterns.explanation import COLOURS
from analysis.report import gallery, section
from analysis.report.cards import beta_choices
from analysis.report.gallery import choose
from analysis.report.summary import sweep_summary
from analysis.report.write import read_links, write_report
from analysis.sweeps.load import load_sweep
from search.cli.main import main
from tests.support.browser import browser
from tests.support.fake_sweep import BETAS, write_fake_sweep

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(html.parser.HTMLParser):
    """Collects ids, references and text, and insists on balanced tags."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.references, self.tags, self.open, self.words = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open, f"tags left open: {self.open}"
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.references += [attrs[name] for name in ("src", "href", "xlink:href") if name in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"stray </{tag}>"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


@pytest.fixture(scope="module")
def sweep_folder(tmp_path_factory):
    folder = write_fake_sweep(tmp_path_factory.mktemp("sweep"), betas=(1e-9, 1e-7, 1e-5, 1e-3, 1e-2, 0.3), seeds=4)
    write_report(folder)
    return folder


def test_the_page_is_whole_and_needs_no_network(sweep_folder):
    page = Page(sweep_folder / "report" / "index.html")
    assert len(page.ids) == len(set(page.ids))
    for reference in page.references:
        if reference.startswith("#"):
            assert reference[1:] in page.ids
        elif not reference.startswith("data:"):
            assert (sweep_folder / "report" / reference).is_file(), reference
    assert sum(reference.startswith("data:image/png") for reference in page.references) == 10
    for words in (
        "Phase map",
        "Scaling laws",
        "The phase map over training",
        "Over training",
        "Order parameters",
        "Drawings",
        "Failures",
        "0123abc",
        "a processor",
        "double-sided",
        "probability of seeds this uneven",
        "loss became nan",
    ):
        assert words in page.text
    assert re.search(r"\| constant: (no scaling law, |[\d.e-]+ · n\^)", page.text)  # a law, or why there is none


def scripts_of(path):
    """What the page's scripts read: (everything, drawings by key)."""
    text = path.read_text(encoding="utf-8")

    def inside(name):
        packed = re.search(rf'<script type="text/plain" id="{name}">(.*?)</script>', text, re.DOTALL)[1]
        return json.loads(gzip.decompress(base64.b64decode(packed)))

    return inside("data"), inside("drawings")


def test_every_training_stands_in_the_table(sweep_folder):
    sweep, (data, _) = load_sweep(sweep_folder), scripts_of(sweep_folder / "report" / "index.html")
    assert data["trainings"]["key"] == sweep.trainings["key"].tolist()
    columns = {column["heading"]: column for column in data["columns"]}
    assert {"n", "β", "seed", "algorithm", "error", "nats", "status", "key"} <= columns.keys()
    for column in data["columns"]:
        shown = sweep.trainings[column["name"]]
        values = pd.Series(data["trainings"][column["name"]])
        assert (values.isna() == shown.isna()).all()
        if column["kind"] in ("number", "beta"):
            assert values.dropna().tolist() == pytest.approx(shown.dropna().tolist(), rel=1e-3)
        else:
            assert values.dropna().tolist() == shown.dropna().tolist()


def test_of_many_trainings_the_page_tells_a_share(sweep_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(section, "MAX_DOTS", 20)
    monkeypatch.setattr(section, "MAX_SHOWN", 30)
    monkeypatch.setattr(gallery, "MAX_DRAWINGS", 0)
    shutil.copytree(sweep_folder, tmp_path / "sweep")
    page = write_report(tmp_path / "sweep")
    trainings, text = load_sweep(sweep_folder).trainings, Page(page).text
    done = int((trainings["status"] == "done").sum())
    assert text.count(f"Dots: 20 of {done} trainings, a share of every (n, β, algorithm).") == 3
    shown = scripts_of(page)[0]
    assert 30 <= len(shown["trainings"]["key"]) < len(trainings)
    assert f"{len(shown['trainings']['key'])} of {len(trainings)} trainings" in text
    for name, panels in (("phase_map", 1), ("error_complexity", 1), ("order_parameters", 3)):
        rows = [row for trace in shown["charts"][name]["data"] for row in trace.get("customdata", [])]
        assert len(rows) == 20 * panels and len(set(rows)) == 20


def test_tips_say_what_bars_are(sweep_folder):
    """The heights of the bars at one β and n, off the picture, are as the numbers that their tips say."""
    tips = scripts_of(sweep_folder / "report" / "index.html")[0]["tips"]["counts"]
    done = load_sweep(sweep_folder).done
    bars = [(text, tips["boxes"][4 * i : 4 * i + 4]) for i, text in enumerate(tips["texts"])]
    here = [(text, box) for text, box in bars if text.startswith("n = 6, β = 1e-9:")]
    group = done[(done["dimension"] == 6) & (done["beta"] == 1e-9)]
    counted = {text.split(" of ")[1].split(" ", 1)[1]: int(text.split(": ")[1].split()[0]) for text, _ in here}
    assert counted == {display_name(name): count for name, count in group["algorithm"].value_counts().items()}
    unit = sum(box[3] for _, box in here) / len(group)
    for text, box in here:
        assert box[3] / unit == pytest.approx(int(text.split(": ")[1].split()[0]), abs=0.02)
    assert len({box[0] for _, box in here}) == 1


def test_live_charts_show_what_the_static_ones_do(sweep_folder):
    data, _ = scripts_of(sweep_folder / "report" / "index.html")
    trainings, charts = data["trainings"], data["charts"]
    done = load_sweep(sweep_folder).trainings
    assert charts.keys() == {"phase_map", "error_complexity", "order_parameters"}
    for name, panels in (("phase_map", 1), ("error_complexity", 1), ("order_parameters", 3)):
        points = [trace for trace in charts[name]["data"] if "customdata" in trace]
        rows = [row for trace in points for row in trace["customdata"]]
        assert sorted(rows) == sorted(np.flatnonzero(done["status"] == "done").tolist() * panels)
        for trace in points:
            assert {trainings["algorithm"][row] for row in trace["customdata"]} == {trace["legendgroup"]}
        assert len({trace["legendgroup"] for trace in points}) == sum(trace["showlegend"] for trace in points)
    points = [trace for trace in charts["error_complexity"]["data"] if "customdata" in trace]
    for trace in points:
        wanted = done["complexity_nats"].clip(lower=0.1).iloc[trace["customdata"]]
        assert trace["x"] == pytest.approx(wanted.tolist(), rel=1e-4)
    layout = charts["phase_map"]["layout"]
    assert layout["xaxis"]["type"] == "log" and layout["yaxis"]["ticktext"] == ["4", "6", "8"]
    assert layout["images"][0]["source"].startswith("data:image/png")
    for one in (layout, charts["error_complexity"]["layout"]):  # no fixed ticks, which a zoom into a decade would lose
        assert "dtick" not in one["xaxis"] and one["xaxis"]["nticks"] >= 8
    assert layout["xaxis"]["domain"][1] == 1.0  # no room for the static chart's legend
    ranks = {trace["legendgroup"]: trace["legendrank"] for trace in points}
    assert sorted(ranks, key=ranks.get)[:2] == ["constant", "convexity"]
    assert any("■ n = 6" in words["text"] for words in charts["error_complexity"]["layout"]["annotations"])


def test_the_front_holds_what_nothing_beats():
    nats, errors = [3.0, 1.0, 2.0, 2.0, 4.0, float("nan")], [0.2, 0.9, 0.5, 0.6, 0.3, 0.0]
    assert [list(values) for values in front(nats, errors)] == [[1.0, 2.0, 3.0], [0.9, 0.5, 0.2]]
    assert [len(values) for values in front([], [])] == [0, 0]


def test_any_drawing_can_be_chosen(sweep_folder):
    _, drawings = scripts_of(sweep_folder / "report" / "index.html")
    assert drawings.keys() == set(load_sweep(sweep_folder).done["key"])
    assert all(svg.startswith("<svg") for svg in drawings.values())
    page = (sweep_folder / "report" / "index.html").read_text()
    for name, options in (("algorithm", 6), ("n", 3), ("beta", 6), ("seed", 4)):
        choice = re.search(rf'<select name="{name}".*?</select>', page)[0]
        assert choice.count("<option") == options + 1


def test_of_many_trainings_a_share_of_each_kind_is_drawn(sweep_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_DRAWINGS", 50)
    done = load_sweep(sweep_folder).done
    drawn = gallery.draw_gallery(load_sweep(sweep_folder), tmp_path / "drawings")
    here = done[done["key"].isin(drawn.pages)]
    assert len(here) == 50 == len(list((tmp_path / "drawings").glob("*.svg")))
    assert (here.groupby("dimension").size() >= 12).all() and set(here["beta"]) == set(done["beta"])
    assert f"Of {len(done)} trainings 50 are drawn" in drawn.remark and "hyperphase draw " in drawn.remark


def test_what_has_no_name_is_shown_by_clusters(tmp_path):
    write_fake_sweep(tmp_path, betas=(1e-8, 0.01), dimensions=(4,), seeds=8, failed=0, snapshots=False)
    trainings = pd.read_parquet(tmp_path / "trainings.parquet")
    trainings.assign(algorithm="other").to_parquet(tmp_path / "trainings.parquet")
    page = Page(write_report(tmp_path))
    counted = [int(number) for number in re.findall(r"Cluster \d+: (\d+) training", page.text)]
    assert "candidates" in page.ids and sum(counted) == 16 and len(counted) > 1
    _, drawings = scripts_of(tmp_path / "report" / "index.html")
    typed = [svg for svg in drawings.values() if any(colour in svg for colour in COLOURS)]
    assert 6 <= len(typed) < 16  # those shown at once: every type of neuron has one colour


def test_many_betas_are_chosen_by_decade():
    choices = beta_choices([10 ** (-k / 20) for k in range(60)])
    assert [value for value, _ in choices] == ["0.001 0.01", "0.01 0.1", "0.1 1.0", "1.0 10.0"]


def test_links_lead_to_the_tracking_server(tmp_path):
    write_fake_sweep(tmp_path, betas=(0.3,), dimensions=(4,), seeds=2, failed=0)
    key = load_sweep(tmp_path).done["key"].iloc[0]
    (tmp_path / "links.json").write_text(json.dumps({key: 'https://host/#/runs/1?"<', "x": "javascript:alert(1)"}))
    page = write_report(tmp_path)
    text, data = page.read_text(), scripts_of(page)[0]["trainings"]
    assert 'href="https://host/#/runs/1?&#34;&lt;">' in text and "javascript:" not in text
    assert data["link"][data["key"].index(key)] == 'https://host/#/runs/1?"<' and sum(map(bool, data["link"])) == 1
    (tmp_path / "links.json").write_text("torn")
    assert read_links(tmp_path) == {}


@pytest.mark.slow
def test_a_thousand_trainings_in_a_browser(tmp_path):
    """Everything is drawn, nothing complains, filters, sorting, links and printing work."""
    write_fake_sweep(tmp_path, betas=BETAS[::2], seeds=37)  # 999 trainings
    page = write_report(tmp_path)
    assert page.stat().st_size < 6e6
    with browser(tmp_path) as tab:
        tab.visit(page.as_uri(), until="document.querySelector('figure.drawn') !== null")
        for place in ("#complexity", "#order"):
            tab.run(f"document.querySelector('{place}').scrollIntoView()")
            tab.wait(f"document.querySelector('{place} figure.drawn') !== null")
        assert tab.run("document.querySelectorAll('.js-plotly-plot .points path').length") > 4 * 990
        tab.run(
            "s = document.querySelector('#gallery select'); s.value = 'other'; s.dispatchEvent(new Event('change'))"
        )
        others = int((load_sweep(tmp_path).done["algorithm"] == "other").sum())
        tab.wait(f"document.querySelectorAll('#found figure').length == {min(24, others)}")
        tab.wait("Array.from(document.querySelectorAll('#found img')).every((one) => one.naturalWidth > 0)")
        for place in ("#order", "#map", "#table"):
            tab.run(f"document.querySelector('nav a[href=\"{place}\"]').click()")
            tab.wait(f"Math.abs(document.querySelector('{place}').getBoundingClientRect().y) < 100")
        assert tab.run("document.getElementById('listed').textContent") == "999 of 999"
        tab.run("document.querySelectorAll('#trainings th')[5].click()")
        seen = []
        for step in range(0, 1000, 20):  # a window moves over the rows: all of them, in order, few at a time
            tab.run(f"r = document.getElementById('rows'); r.scrollTop = {step} * r.scrollHeight / 999")
            tab.wait("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
            seen += tab.run(
                "Array.from(document.querySelectorAll('#trainings tbody tr:not(.room)'), "
                "(r) => [r.cells[r.cells.length - 1].textContent, r.cells[5].textContent])"
            )
        assert len(dict(seen)) == 999
        errors = [float(error) for _, error in dict(map(tuple, seen)).items() if error]
        assert errors == sorted(errors) and len(errors) > 990
        tab.run("f = document.getElementById('find'); f.value = 'convexity'; f.dispatchEvent(new Event('input'))")
        count = int((load_sweep(tmp_path).done["algorithm"] == "convexity").sum())
        assert tab.run("document.getElementById('listed').textContent") == f"{count} of 999"
        key = tab.run("(() => { a = document.querySelector('#found .key'); a.click(); return a.textContent })()")
        tab.wait(f"(r = document.querySelector('tr.marked')) !== null && r.textContent.includes('{key}')")
        assert tab.run("document.getElementById('find').value") == ""
        assert tab.run("document.querySelectorAll('figure noscript').length") > 0  # unparsed until they are wanted
        tab.save(tmp_path / "page.pdf", pdf=True)
        assert tab.run("document.querySelectorAll('figure noscript').length") == 0
        charts = len(list(page.parent.glob("*.png")))
        assert tab.run("document.querySelectorAll('figure .still img').length") == charts == 10
        assert tab.said == []
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_a_page_sent_alone_and_a_training_that_is_not_drawn(tmp_path, monkeypatch):
    """Without its folder the page shows the drawings that it holds, and how to draw the others."""
    monkeypatch.setattr(gallery, "MAX_DRAWINGS", 30)
    write_fake_sweep(tmp_path / "sweep", betas=BETAS[::4], seeds=8)
    page = tmp_path / "page.html"
    shutil.copy(write_report(tmp_path / "sweep"), page)
    with browser(tmp_path) as tab:
        tab.visit(page.as_uri(), until="document.querySelector('figure.drawn') !== null")
        tab.run("document.querySelector('#gallery').scrollIntoView()")
        tab.wait("document.querySelector('#gallery .group img').naturalWidth > 0")
        tab.run(
            "s = document.querySelector('#gallery select'); s.value = 'convexity'; s.dispatchEvent(new Event('change'))"
        )
        tab.wait("document.querySelectorAll('#found .undrawn').length > 0")
        assert tab.run("document.querySelectorAll('#found img').length") > 0
        command = tab.run("document.querySelector('#found .undrawn code').textContent")
    monkeypatch.chdir(tmp_path / "sweep")
    assert main(command.split()[1:]) == 0
    assert Path(command.split()[-1]).read_text().startswith("<svg")


def test_pictures_are_png_files_beside_the_page(sweep_folder):
    pictures = sorted(path.name for path in (sweep_folder / "report").glob("*.png"))
    assert pictures == [
        "counts.png",
        "equilibrium.png",
        "error_complexity.png",
        "fractions.png",
        "kl_components.png",
        "order_parameters.png",
        "phase_map.png",
        "scaling.png",
        "time_map.png",
        "transitions.png",
    ]
    drawings = {path.stem for path in (sweep_folder / "report" / "drawings").glob("*.svg")}
    assert drawings and drawings <= set(load_sweep(sweep_folder).done["key"])


def test_the_summary_says_what_was_found(sweep_folder, monkeypatch):
    assert "hyperphase ui" not in sweep_summary(sweep_folder)  # there is nothing to see
    (sweep_folder / "mlflow.db").touch()
    text = sweep_summary(sweep_folder)
    monkeypatch.chdir(sweep_folder.parent)
    assert f"Report   {sweep_folder.name}/report/index.html" in sweep_summary(sweep_folder).splitlines()
    done = load_sweep(sweep_folder).done
    line = next(line for line in text.splitlines() if line.strip().startswith("positive pudding"))
    here = done[done["algorithm"] == "pudding_positive"].groupby("dimension").size()
    assert line.split()[2:5] == [str(here.get(n, 0)) for n in (4, 6, 8)]
    assert "convexity | constant" in text and "index.html" in text and "hyperphase ui" in text
    assert "2 failed" in text and "loss became nan" in text and "resume" not in text
    boundaries = pd.read_csv(sweep_folder / "report" / "boundaries.csv")
    assert {"lower_phase", "upper_phase", "y", "x", "x_low", "x_high"} <= set(boundaries)


@pytest.mark.parametrize(
    "change",
    [
        {"dimensions": (6,), "snapshots": False, "manifest": False},
        {"betas": (1e-3,), "drop": 5},
        {"betas": (0.3,), "seeds": 1, "dimensions": (4,)},
    ],
    ids=["one dimension", "one beta", "one training"],
)
def test_less_than_a_whole_sweep(tmp_path, change):
    settings = {"betas": (1e-6, 0.3), "seeds": 2, "failed": 0} | change
    write_fake_sweep(tmp_path, **settings)
    page = Page(write_report(tmp_path))
    summary = sweep_summary(tmp_path)
    assert ("Phases over training" in page.text) == settings.get("snapshots", True)
    assert ("not complete: 5 trainings" in page.text) == ("drop" in change)
    assert ("5 of the grid still missing" in summary) == ("drop" in change)
    assert ("no manifest" in summary) == ("manifest" in change)


def test_only_failures(tmp_path):
    write_fake_sweep(tmp_path, betas=(1e-4,), seeds=2, failed=0)
    table = pd.read_parquet(tmp_path / "trainings.parquet")
    table = table.assign(
        status="failed",
        reason="loss became <inf>",
        algorithm=None,
        relative_error=float("nan"),
        complexity_nats=float("nan"),
    )
    table.to_parquet(tmp_path / "trainings.parquet")
    (tmp_path / "snapshots.parquet").unlink()
    page = Page(write_report(tmp_path))
    assert "Every training failed" in page.text and page.text.count("loss became <inf>") == 6
    assert not any(reference.startswith("data:image/png") for reference in page.references)
    assert "6 failed" in sweep_summary(tmp_path)


def test_a_second_report_leaves_nothing_stale(tmp_path):
    write_fake_sweep(tmp_path, betas=(1e-6,), dimensions=(4,), seeds=2)
    write_report(tmp_path)
    (tmp_path / "snapshots.parquet").unlink()
    (tmp_path / "report" / "drawings" / "gone.svg").write_bytes(b"")
    write_report(tmp_path)
    assert not (tmp_path / "report" / "fractions.png").exists()
    assert not (tmp_path / "report" / "drawings" / "gone.svg").exists()
    assert not list((tmp_path / "report").glob(".index*"))


def test_missing_and_damaged_networks_cost_their_cards_only(tmp_path):
    write_fake_sweep(tmp_path, betas=(0.3,), dimensions=(4,), seeds=4, failed=0)
    first, second, *_ = sorted((tmp_path / "networks").iterdir())
    first.unlink()
    second.write_bytes(b"torn")
    page = Page(write_report(tmp_path))
    assert "2 trainings have no readable network file" in page.text
    cards = [reference for reference in page.references if reference.startswith("drawings/")]
    assert len(cards) == 4 and len(set(cards)) == 2  # an image and a link each


def test_labels_and_tasks_that_nobody_knows(tmp_path):
    write_fake_sweep(tmp_path, betas=(1e-6, 0.3), dimensions=(4,), seeds=2, failed=0)
    for name in ("trainings", "snapshots"):
        table = pd.read_parquet(tmp_path / f"{name}.parquet")
        table = table.assign(algorithm=table["algorithm"].replace("constant", "my_<b>own</b>"), task="sum_of_squares")
        table.drop(columns=["locality", "formula"], errors="ignore").to_parquet(tmp_path / f"{name}.parquet")
    page = Page(write_report(tmp_path))
    assert "diagram of the sum of squares" in page.text and "my <b>own</b>" in page.text


def test_a_folder_that_cannot_be_written(tmp_path):
    write_fake_sweep(tmp_path, betas=(0.3,), seeds=1)
    (tmp_path / "report").write_text("in the way")
    with pytest.raises(UserError, match="cannot write the report"):
        write_report(tmp_path)


def test_the_gallery_takes_the_purest_and_most_typical_of_every_dimension(sweep_folder):
    done = load_sweep(sweep_folder).done
    for algorithm in ("pudding_positive", "constant"):
        chosen = choose(done, algorithm, most=6)
        assert len(chosen) == min(6, (done["algorithm"] == algorithm).sum())
        assert set(chosen["dimension"]) == {4, 6, 8} and set(chosen["algorithm"]) == {algorithm}
    done = done[(done["algorithm"] == "constant") & (done["dimension"] == 4)].head(3)
    done = done.assign(purity=[0.3, 1.0, 1.0], relative_error=[1.0, 1.0, 9.0], beta=0.3)
    assert choose(done, "constant", most=1)["key"].tolist() == [done["key"].iloc[1]]


def test_the_report_needs_no_training_software():
    code = (
        "import sys, analysis.report.write, analysis.report.context, analysis.report.gallery, "
        "analysis.charts.common, analysis.charts.dynamics, "
        "analysis.report.summary, analysis.sweeps.phases; "
        "print([m for m in ('torch', 'ray', 'mlflow', 'optuna', 'trainables', 'search') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
