"""A sweep of another activation and other inputs: trained, stored, read anew, generated and classified alike."""

import json

import numpy as np
import pytest

from analysis.network import Network, read_file
from search.api import generate, read_training
from search.cli import main
from search.config.load import load
from search.sweep.grid import expand
from search.sweep.relabel import relabel
from search.tracking.run_content import dataset
from tests.support.small_sweep import train_here

SMALL = ["training.steps=3", "training.final_draws=4", "training.snapshots=1", "grid.seeds=1", "mlflow.enabled=false"]
OTHER = ["training.activation=relu", "training.inputs=uniform"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return train_here(load(preset="smoke", settings=[*SMALL, *OTHER]), tmp_path_factory.mktemp("relu") / "sweep")


def test_networks_of_a_sweep_know_what_they_are(folder, capsys):
    key = sorted(path.stem for path in folder.networks.iterdir())[0]
    record = read_training(folder.path, key)
    drawn = generate(folder.path, key, 5)
    stored, assumed = read_file(folder.networks / f"{key}.npz")
    assert assumed == ()
    for network in (record.draws, drawn, stored):
        assert (network.activation, network.inputs) == ("relu", "uniform")
    assert main.main(["classify", str(folder.networks / f"{key}.npz"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["activation"], found["inputs"], found["assumed"]) == ("relu", "uniform", [])
    assert found["relative_error"] == pytest.approx(record.row["relative_error"], rel=0.5)


def test_reading_anew_gives_the_same_labels(folder):
    config = load(file=folder.config)
    assert relabel(config, folder).changed == 0
    folder.relabelled.unlink()


def test_keys_know_activation_and_inputs_only_where_they_are_others():
    plain = {point.key for point in expand(load(preset="smoke"))}
    for setting in OTHER:
        assert not plain & {point.key for point in expand(load(preset="smoke", settings=[setting]))}
    same = ["training.activation=swish", "training.inputs=normal"]
    assert plain == {point.key for point in expand(load(preset="smoke", settings=same))}


def test_datasets_say_their_distribution():
    recipe = load(preset="smoke", settings=OTHER).training.recipe()
    assert "uniform on [−√3, √3]^4" in json.loads(dataset(recipe, 4).source)["tags"]["distribution"]


def test_a_file_that_does_not_say_is_classified_aloud(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    eye = np.eye(3)
    arrays = {"hidden_weight": np.concatenate([eye, -eye]), "hidden_bias": np.zeros(6), "output_weight": np.ones(6)}
    np.savez("silent.npz", **arrays, output_bias=np.array(0.0))
    assert main.main(["classify", "silent.npz"]) == 0
    assert "swish assumed, the file does not say" in capsys.readouterr().out
    assert main.main(["classify", "silent.npz", "--activation", "relu"]) == 0
    told = capsys.readouterr().out
    assert "assumed" not in told and "Σᵢ relu(xᵢ)" in told
    assert main.main(["classify", "silent.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["assumed"] == ["activation", "inputs"]
    assert main.main(["classify", "silent.npz", "--activation", "elu"]) == 2
    assert "unknown activation 'elu'; known: swish, relu, tanh, gelu" in capsys.readouterr().err
    assert main.main(["draw", "silent.npz", "--activation", "tanh", "--out", "a.svg"]) == 0
    Network.load("silent.npz", activation="relu").save("says.npz")
    assert main.main(["classify", "says.npz", "--activation", "gelu"]) == 2
    assert "says.npz: its activation is relu, not gelu" in capsys.readouterr().err
