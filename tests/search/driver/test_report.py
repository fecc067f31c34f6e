"""A report is written again when something that it shows is new, and not otherwise."""

import os

import pytest

from search.driver import report
from search.ledger import ledger
from search.sweep import folder as folders
from search.sweep import tables
from search.sweep.experiment import experiment_of
from tests.support.records import records, smoke


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """A sweep's folder without the last record, and how often its report was written: (folder, record, written)."""
    config, folder, written = smoke(), folders.create(tmp_path / "sweep"), []
    *some, last = records(config)
    for record in some:
        ledger.write(folder.ledger, record)
    folders.write_config(folder, config)
    tables.collect(folder, experiment_of(config))

    def write(folder):
        written.append(1)
        folder.report.mkdir(exist_ok=True)
        (folder.report / "index.html").write_text("page")
        (folder.report / "phase_map.png").write_bytes(b"picture")
        return f"summary {len(written)}"

    monkeypatch.setattr(report, "_write", write)
    return folder, last, written


def test_a_report_that_is_up_to_date_stays(sweep, capsys):
    folder, _, written = sweep
    assert report.write_report(folder, again=False) and report.write_report(folder, again=False)
    assert len(written) == 1 and capsys.readouterr().out == "summary 1\nsummary 1\n"
    folder.manifest.write_text("{}")  # every run changes it
    folders.write_config(folder, smoke("mlflow.detailed=3"))  # nothing that the report shows
    os.utime(folder.trainings, ns=(1, 1))
    assert report.write_report(folder, again=False) and len(written) == 1
    assert report.write_report(folder) and len(written) == 2


def one_more_section(folder):
    own = folder.path.parent / "own.py"
    own.write_text("from analysis.report.section import Section\nSECTION = Section(name='own', title='Own', draw=id)")
    folders.write_config(folder, smoke(f'analysis.sections=["{own}:SECTION"]'))


CHANGES = {
    "a training": lambda folder, record: [
        ledger.write(folder.ledger, record),
        tables.collect(folder, experiment_of(smoke())),
    ],
    "one more section": lambda folder, _: one_more_section(folder),
    "a page that is gone": lambda folder, _: (folder.report / "index.html").unlink(),
    "a picture of another size": lambda folder, _: (folder.report / "phase_map.png").write_bytes(b"torn"),
    "rounds": lambda folder, _: (folder.path / "refinement.json").write_text("[]"),
    "a table": lambda folder, _: (folder.path / "generalisation.csv").write_text("a,b"),
    "a stamp of junk": lambda folder, _: folder.report_stamp.write_text("[3]"),
    "no stamp": lambda folder, _: folder.report_stamp.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_makes_a_report_new(sweep, change):
    folder, last, written = sweep
    report.write_report(folder, again=False)
    CHANGES[change](folder, last)
    assert report.write_report(folder, again=False) and len(written) == 2
    assert report.write_report(folder, again=False) and len(written) == 2
