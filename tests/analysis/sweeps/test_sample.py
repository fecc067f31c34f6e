import numpy as np
import pandas as pd

from analysis.sweeps.sample import stratified_sample


def trainings(count, seed=0, betas=8):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "key": [rng.bytes(8).hex() for _ in range(count)],
            "dimension": np.sort(rng.choice([4, 6, 8], count)),
            "beta": 10.0 ** -rng.integers(0, betas, count),
            "algorithm": rng.choice(["rare", "common"], count, p=[0.004, 0.996]),
        }
    )


def test_every_kind_has_its_share():
    done = trainings(6000)
    chosen = done.iloc[stratified_sample(done, 600)]
    assert len(chosen) == 600 and chosen["key"].is_unique
    for dimension, group in chosen.groupby("dimension"):
        assert abs(len(group) / (done["dimension"] == dimension).sum() - 0.1) < 0.02
    kinds = ["dimension", "beta", "algorithm"]
    assert len(chosen.groupby(kinds)) == len(done.groupby(kinds))  # one of each at least, be it ever so rare


def test_few_are_all_there_and_too_many_kinds_are_chosen_from():
    done = trainings(50)
    assert stratified_sample(done, 50).tolist() == list(range(50))
    assert len(stratified_sample(done, 10)) == 10 and len(stratified_sample(done, 0)) == 0
    assert len(set(done.iloc[stratified_sample(done, 10)]["beta"])) > 3


def test_a_sweep_that_grows_keeps_most_of_its_sample():
    before = trainings(3000)
    after = pd.concat([before, trainings(300, seed=1)], ignore_index=True).sample(frac=1, random_state=0)
    first, second = (set(frame["key"].iloc[stratified_sample(frame, 300)]) for frame in (before, after))
    assert len(first & second) > 200


def test_many_values_of_beta_are_gathered():
    done = trainings(4000).assign(beta=10 ** np.random.default_rng(2).uniform(-8, 0, 4000))
    chosen = done.iloc[stratified_sample(done, 400)]
    share = np.histogram(np.log10(chosen["beta"]), bins=8, range=(-8, 0))[0]
    assert share.min() > 35 and share.max() < 65
