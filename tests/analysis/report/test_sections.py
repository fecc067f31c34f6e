"""Sections of the report: a user's own, and what each does without the columns that it needs."""

import re

import pytest

from analysis.charts.chart import new_chart
from analysis.errors import UserError
from analysis.report.section import Picture, Section
from analysis.report.sections import COUNTS, SECTIONS, TRAININGS
from analysis.report.write import write_report
from tests.support.fake_sweep import write_fake_sweep


@pytest.fixture(scope="module")
def sweep_folder(tmp_path_factory):
    return write_fake_sweep(tmp_path_factory.mktemp("sweep"), betas=(1e-6, 0.3), dimensions=(4,), seeds=2)


def a_chart(data):
    chart = new_chart(4, 2)
    chart.figure.subplots().plot(data.done["beta"], data.done["margin"])
    return chart


def page(folder, *sections: Section) -> str:
    return write_report(folder, sections).read_text(encoding="utf-8")


def test_a_section_of_ones_own_is_numbered_captioned_and_in_the_menu(sweep_folder):
    text = page(sweep_folder, COUNTS, Section("own", "My <margins>", a_chart, "Margins & β.", ("margin",), menu="Mine"))
    assert '<a href="#own">Mine</a>' in text and "<h2>My &lt;margins&gt;</h2>" in text
    assert "<b>Figure 2.</b> Margins &amp; β." in text and (sweep_folder / "report" / "own.png").is_file()
    page(sweep_folder, COUNTS)
    assert not (sweep_folder / "report" / "own.png").exists()  # nothing of an earlier report is left


def test_a_section_shows_tables_texts_and_several_pictures(sweep_folder):
    def draw(data):
        yield Picture("first", "One.", a_chart(data))
        yield "5 < 6"
        yield data.done.groupby("algorithm")["relative_error"].median().reset_index()
        yield Picture("second", "Two.", None)

    text = page(sweep_folder, Section("several", "Several", draw, needs=("algorithm",)))
    assert "<p>5 &lt; 6</p>" in text and "One." in text and "Two." not in text
    assert re.search(r'<td class="t"><span class="swatch"[^>]*></span>constant</td>', text)


def test_a_section_whose_columns_are_missing_leaves_itself_out(sweep_folder):
    def never(data):
        raise AssertionError("it was asked all the same")

    text = page(
        sweep_folder,
        Section("absent", "Absent", never, needs=("algorithm", "no such column")),
        Section("steps", "Steps", never, needs_snapshots=("no such column",)),
        Section("empty", "Empty", lambda data: None),
        TRAININGS,
    )
    assert re.findall(r'<section id="(\w+)">', text) == ["table"]
    assert re.findall(r'<a href="#(\w+)">[A-Z]', text) == ["table"]


def test_the_report_shows_all_sections_that_this_sweep_has_something_for(sweep_folder):
    shown = re.findall(r'<section id="(\w+)">', page(sweep_folder, *SECTIONS))
    absent = {"equilibrium", "hysteresis", "scaling", "refinement", "unseen", "candidates", "failures", "pictures"}
    absent.add("curves")  # of experiments of one's own
    assert shown == [section.name for section in SECTIONS if section.name not in absent]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ([COUNTS, COUNTS], "two sections of the report have the same name: counts"),
        ([Section("a", "A", lambda data: 1 / 0)], "section 'a' cannot be drawn: ZeroDivisionError: division by zero"),
        ([Section("a", "A", lambda data: 5)], "a section shows charts, pictures, tables and texts, not int"),
        ([COUNTS, Section("a", "A", lambda data: Picture("counts", "", a_chart(data)))], "same name: counts"),
    ],
    ids=["twice", "raises", "no part", "one file"],
)
def test_mistakes_in_sections_are_one_line(sweep_folder, sections, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        write_report(sweep_folder, sections)
    assert "\n" not in str(caught.value)
