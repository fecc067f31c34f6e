"""A sweep's equilibrium: from its table to the folder, the report and the summary."""

import pandas as pd
import pytest

import analysis
from analysis.errors import UserError
from analysis.phases.equilibrium import COLUMNS
from analysis.report.summary import sweep_summary
from analysis.report.write import write_report
from tests.support.fake_sweep import write_fake_sweep


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_fake_sweep(tmp_path_factory.mktemp("sweep"), dimensions=(4, 8), snapshots=False)
    write_report(folder)
    return folder


def test_the_report_shows_it_and_the_folder_keeps_it(folder):
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert 'href="#equilibrium"' in page and "of the trainings ended in the ground state" in page
    assert (folder / "report" / "equilibrium.png").stat().st_size > 5000
    table = pd.read_csv(folder / "equilibrium.csv")
    assert list(table.columns) == COLUMNS and set(table["y"]) == {4, 8}
    assert not set(table["lower_phase"]) & {"pudding_positive", "pudding_negative"}


def test_the_summary_says_it(folder):
    text = sweep_summary(folder)
    assert "ended in the algorithm with the lowest error + β · nats" in text
    assert "Boundaries at equilibrium, where two are equally good (90 % interval):" in text


def test_from_python(folder):
    found = analysis.read_equilibrium(analysis.load_sweep(folder).done)
    assert found.boundaries.equals(pd.read_csv(folder / "equilibrium.csv").astype(found.boundaries.dtypes)) or (
        pd.testing.assert_frame_equal(found.boundaries, pd.read_csv(folder / "equilibrium.csv"), check_dtype=False)
        is None
    )
    assert found._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(UserError, match="nothing is known of equilibrium"):
        analysis.read_equilibrium(analysis.load_sweep(folder).done.drop(columns="complexity_nats"))
