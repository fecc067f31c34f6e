"""The benchmark of a refinement's start runs."""

from benchmarks.scale.refine import main


def test_it_prints_a_row_a_size(capsys):
    assert main(["--start", "40", "--trials"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and out[1].split()[0] == "40"
