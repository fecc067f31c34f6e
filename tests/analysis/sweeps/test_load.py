import json

import numpy as np
import pandas as pd
import pytest

from analysis.algorithms.names import in_order, mirror_images
from analysis.errors import UserError
from analysis.sweeps.load import load_sweep
from analysis.sweeps.statistics import components, counts, fair_coin, order_parameters, ranking, share_cheaper, splits
from tests.support.fake_sweep import write_fake_sweep


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_fake_sweep(tmp_path_factory.mktemp("sweep"), betas=(1e-8, 1e-4, 1e-2, 0.3), seeds=6, failed=1)


def test_loads_a_whole_sweep(folder):
    sweep = load_sweep(folder)
    assert len(sweep.trainings) == 3 * 4 * 6 and sweep.missing == 0
    assert len(sweep.failed) == 1 and "nan" in sweep.failed["reason"].iloc[0]
    assert len(sweep.done) + len(sweep.failed) == len(sweep.trainings)
    assert len(sweep.snapshots) == 10 * len(sweep.done)
    assert sweep.network_path(sweep.done["key"].iloc[0]).is_file()


def test_says_how_much_of_the_grid_is_missing(tmp_path):
    sweep = load_sweep(write_fake_sweep(tmp_path, betas=(1e-4, 1e-2), seeds=5, drop=7))
    assert sweep.missing == 7


def test_refined_points_do_not_count_against_the_grid(tmp_path):
    write_fake_sweep(tmp_path, betas=(1e-4, 1e-2), seeds=2, drop=1)
    table = pd.read_parquet(tmp_path / "trainings.parquet")
    extra = table.tail(1).assign(key="refined", beta=3.3e-3)
    pd.concat([table, extra]).to_parquet(tmp_path / "trainings.parquet")
    assert load_sweep(tmp_path).missing == 1


def test_without_a_manifest_what_is_missing_is_unknown(tmp_path):
    assert load_sweep(write_fake_sweep(tmp_path, betas=(1e-4,), manifest=False)).missing is None


def test_a_table_of_the_contract_alone_is_enough(tmp_path):
    pd.DataFrame(
        [
            {
                "key": "a",
                "task": "t",
                "dimension": 4,
                "hidden": 12,
                "beta": 0.1,
                "seed": 0,
                "steps": 10,
                "relative_error": 1.0,
                "complexity_nats": 0.0,
                "algorithm": "constant",
                "purity": 1.0,
                "faithfulness": 1.0,
                "seconds": 1.0,
            }
        ]
    ).to_parquet(tmp_path / "trainings.parquet")
    sweep = load_sweep(tmp_path)
    assert sweep.done["key"].tolist() == ["a"] and sweep.snapshots.empty and sweep.manifest == {}


def _break(folder, change):
    table = pd.read_parquet(folder / "trainings.parquet")
    change(table).to_parquet(folder / "trainings.parquet")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns=["beta", "algorithm"]), "columns missing: beta, algorithm"),
        (lambda t: pd.concat([t, t.tail(1)]), "more than once"),
        (lambda t: t.assign(beta=-t["beta"]), "not positive"),
        (lambda t: t.assign(beta=np.nan), "gaps"),
        (lambda t: t.assign(relative_error="much"), "not numeric"),
        (lambda t: t.assign(algorithm=None), "no algorithm"),
        (lambda t: t.head(0), "no trainings"),
    ],
)
def test_a_broken_table_is_one_clear_line(tmp_path, change, says):
    write_fake_sweep(tmp_path, betas=(1e-4,), failed=0)
    _break(tmp_path, change)
    with pytest.raises(UserError, match=says) as error:
        load_sweep(tmp_path)
    assert "\n" not in str(error.value)


def test_folders_and_files_that_are_no_sweep(tmp_path):
    with pytest.raises(UserError, match="no such sweep folder"):
        load_sweep(tmp_path / "absent")
    with pytest.raises(UserError, match="nothing has finished yet"):
        load_sweep(tmp_path)
    (tmp_path / "trainings.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(UserError, match="not a readable Parquet table") as error:
        load_sweep(tmp_path)
    assert "\n" not in str(error.value)


def test_a_torn_manifest_is_one_clear_line(tmp_path):
    write_fake_sweep(tmp_path, betas=(1e-4,), seeds=1)
    (tmp_path / "manifest.json").write_text('{"commit": ')
    with pytest.raises(UserError, match=r"manifest\.json: not readable as JSON"):
        load_sweep(tmp_path)


def test_seeds_given_as_a_number(tmp_path):
    write_fake_sweep(tmp_path, betas=(1e-4,), seeds=3, drop=2)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["config"]["grid"]["seeds"] = 3
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert load_sweep(tmp_path).missing == 2


def test_columns_by_kind(folder):
    done = load_sweep(folder).done
    assert order_parameters(done) == ["locality", "sidedness", "sidedness_spread", "amplitude"]
    assert components(done) == ["complexity_hidden_weight", "complexity_hidden_bias", "complexity_output_weight"]


def test_counts_add_up(folder):
    done = load_sweep(folder).done
    table = counts(done, ["dimension", "beta"])
    assert table.to_numpy().sum() == len(done) == counts(done).to_numpy().sum()
    assert (
        table.loc[(4, 0.3), "constant"]
        == ((done["dimension"] == 4) & (done["beta"] == 0.3) & (done["algorithm"] == "constant")).sum()
    )
    assert list(table.columns) == in_order(done["algorithm"])


def test_unknown_labels_come_last():
    assert in_order(["zebra", "other", "ant", "constant"]) == ["constant", "other", "ant", "zebra"]


def tossed(heads: int, tails: int) -> pd.DataFrame:
    """A seed of the first part finds it at two of three βs and the second at one; the others the other way round."""
    labels = ["pudding_positive", "pudding_negative"]
    rows = [(seed, labels[(seed >= heads) ^ (k == 2)]) for seed in range(heads + tails) for k in range(3)]
    return pd.DataFrame(rows, columns=["seed", "algorithm"]).assign(dimension=4)


def test_a_seed_tosses_the_coin_once():
    done = tossed(9, 1)
    [row] = splits(done, mirror_images())
    assert row["parts"] == {"pudding_positive": 19, "pudding_negative": 11} and row["total"] == 30
    assert (row["heads"], row["tails"]) == (9, 1)
    assert row["p_fair"] == pytest.approx(22 / 1024)  # (1 + 10) / 2^10, both tails
    assert splits(done[:0], mirror_images()) == []
    texts = pd.concat([done.assign(dimension=n) for n in ("4", "10")])
    assert [row["at"] for row in splits(texts, mirror_images())] == ["4", "10"]


@pytest.mark.parametrize(
    "heads, tails, coin",
    [(32, 32, "fair"), (22, 43, "fair"), (21, 44, "unfair"), (15, 0, "unfair"), (30, 30, "too few seeds")],
)
def test_what_a_coin_is_called(heads, tails, coin):
    assert splits(tossed(heads, tails), mirror_images())[0]["coin"] == coin


def test_fair_coin_agrees_with_scipy():
    from scipy.stats import binomtest

    for heads, tails in [(0, 0), (3, 3), (9, 1), (0, 40), (33, 64), (500, 430)]:
        expected = binomtest(heads, heads + tails).pvalue if heads + tails else 1.0
        assert fair_coin(heads, tails) == pytest.approx(expected)


def test_share_cheaper_counts_pairs_at_one_dimension():
    done = pd.DataFrame(
        [(2, "a", 1.0), (2, "a", 3.0), (2, "b", 2.0), (2, "b", 4.0), (4, "a", 50.0), (6, "b", 0.1)],
        columns=["dimension", "algorithm", "complexity_nats"],
    )
    assert share_cheaper(done, "a", "b") == 3 / 4
    assert share_cheaper(done, "b", "a") == 1 / 4
    assert share_cheaper(done, "a", "c") is None
    rng = np.random.default_rng(0)
    many = pd.DataFrame(
        {"dimension": 4, "algorithm": rng.choice(["a", "b"], 300), "complexity_nats": rng.integers(0, 9, 300) / 2}
    )
    many.loc[::7, "complexity_nats"] = np.nan
    one, other = (many.loc[many["algorithm"] == name, "complexity_nats"].to_numpy() for name in "ab")
    assert share_cheaper(many, "a", "b") == (one[:, None] < other).mean()


def test_ranking_is_cheapest_first(folder):
    table = ranking(load_sweep(folder).done)
    for _, group in table.groupby("dimension"):
        assert group["complexity_nats"].is_monotonic_increasing
        assert group["algorithm"].iloc[0] == "constant" and group["algorithm"].iloc[-1] == "double_sided"
