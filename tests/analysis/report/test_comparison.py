import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.report.comparison import boundaries_side_by_side, write_comparison
from analysis.sweeps.load import TRAININGS, load_sweep
from tests.support.fake_sweep import write_fake_sweep


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two draws from one truth, and a third with every β a hundred times larger and its algorithms nameless."""
    folder = tmp_path_factory.mktemp("sweeps")
    betas = tuple(10.0**decade for decade in range(-9, 1))
    for seed, name in enumerate(("first", "again", "moved"), start=1):
        write_fake_sweep(folder / name, dimensions=(4,), betas=betas, seeds=6, failed=0, rng_seed=seed)
    table = pd.read_parquet(folder / "moved" / TRAININGS)
    table["beta"] *= 100
    table.to_parquet(folder / "moved" / TRAININGS)
    return [folder / name for name in ("first", "again", "moved")]


def test_boundaries_of_one_truth_agree_and_moved_ones_differ(folders):
    table = boundaries_side_by_side({folder.name: load_sweep(folder) for folder in folders})
    pair = table[(table["lower_phase"] == "convexity") & (table["upper_phase"] == "constant")].set_index("sweep")
    assert pair["agrees"].drop("first").tolist() == [True, False]
    assert pair.loc["again", "decades"] == pytest.approx(0, abs=0.6)
    assert pair.loc["moved", "decades"] == pytest.approx(2, abs=0.6)
    assert pd.isna(pair.loc["first", "agrees"])


def test_the_files_and_what_is_said(folders, tmp_path):
    table = pd.read_parquet(folders[1] / TRAININGS)
    table.loc[table["algorithm"] != "constant", "algorithm"] = "other"
    noisy = tmp_path / "noisy"
    noisy.mkdir()
    table.to_parquet(noisy / TRAININGS)
    said = write_comparison([folders[0], noisy], tmp_path / "out", most_error=0.1)
    assert "noisy: " in said and " 0% by an algorithm with a name" in said
    found = pd.read_csv(tmp_path / "out" / "order_parameters.csv")
    locality = found[found["order_parameter"] == "locality"].set_index("sweep")
    assert locality.loc["noisy", "named"] == 0
    assert locality.loc["first", "named"] > 0.8
    assert (locality["low"] <= locality["median"]).all() and (locality["median"] <= locality["high"]).all()
    good = load_sweep(folders[0]).done
    assert locality.loc["first", "trainings"] == (good["relative_error"] <= 0.1).sum()
    assert (tmp_path / "out" / "order_parameters.png").stat().st_size > 10_000
    assert (tmp_path / "out" / "boundaries.csv").is_file()


def test_mistakes_are_one_line(folders, tmp_path):
    for sweeps, error in (([folders[0], folders[0]], 0.1), ([folders[0]], 1e-9), ([tmp_path / "none"], 0.1)):
        with pytest.raises(UserError) as raised:
            write_comparison(sweeps, tmp_path / "out", most_error=error)
        assert "\n" not in str(raised.value)
