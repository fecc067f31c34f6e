"""The target network and its file: the contract that other tools rely on."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.errors import UserError
from analysis.network import Network, NetworkFileError, read_file
from tests.support.known_networks import double_sided

ARRAYS = {
    "hidden_weight": np.ones((3, 2)),
    "hidden_bias": np.zeros(3),
    "output_weight": np.ones(3),
    "output_bias": np.array(0.5),
}


def written(path, **changes):
    arrays = {name: array for name, array in {**ARRAYS, **changes}.items() if array is not None}
    np.savez(path, **arrays)
    return path


def test_computes_v_swish_wx_plus_b_plus_c():
    network = Network(np.array([[1.0, -2.0]]), np.array([0.5]), np.array([3.0]), np.array(0.25))
    z = 1.0 * 2 - 2.0 * 1 + 0.5
    assert network(np.array([[2.0, 1.0]])) == pytest.approx([3 * z / (1 + np.exp(-z)) + 0.25])


def test_a_batch_is_its_networks():
    rng = np.random.default_rng(0)
    batch = Network(*(rng.standard_normal(s) for s in ((2, 3, 5, 4), (2, 3, 5), (2, 3, 5), (2, 3))))
    x = rng.standard_normal((7, 4))
    assert batch(x).shape == (2, 3, 7)
    np.testing.assert_array_equal(batch(x)[1, 2], batch[1, 2](x))
    assert batch[1].batch_shape == (3,)


def test_huge_inputs_stay_finite_without_warnings():
    x = np.full((1, 4), 1e4, np.float32)
    network = double_sided(4).map(lambda a: np.asarray(a, np.float32))
    assert network(-x) == pytest.approx(4e4, rel=1e-3)


def test_file_round_trip(tmp_path):
    network = double_sided(5)
    network.save(tmp_path / "one.npz")
    again = Network.load(tmp_path / "one.npz")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(network, name))


def test_file_has_the_contract_s_arrays_and_no_pickles(tmp_path):
    double_sided(5).save(tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz", allow_pickle=False) as archive:
        shapes = {name: archive[name].shape for name in archive.files}
    assert shapes == {
        "hidden_weight": (10, 5),
        "hidden_bias": (10,),
        "output_weight": (10,),
        "output_bias": (),
        "activation": (),
    }


def test_saving_a_batch_is_refused(tmp_path):
    batch = Network(np.ones((2, 3, 2)), np.zeros((2, 3)), np.ones((2, 3)), np.zeros(2))
    with pytest.raises(ValueError, match="one network"):
        batch.save(tmp_path / "many.npz")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_bias": None}, "missing hidden_bias"),
        ({"hidden_bias": None, "output_bias": None}, "missing hidden_bias, output_bias"),
        ({"hidden_bias": np.zeros(4)}, "hidden_bias has shape (4,)"),
        ({"hidden_weight": np.ones(3)}, "hidden_weight must have shape (hidden, inputs), not (3,)"),
        ({"hidden_weight": np.ones((0, 2))}, "not (0, 2)"),
        ({"output_bias": np.zeros(1)}, "output_bias must have shape (), not (1,)"),
        ({"output_weight": np.array([1, np.nan, 1])}, "output_weight holds values that are not finite"),
        ({"output_bias": np.array(np.inf)}, "output_bias holds values that are not finite"),
        ({"output_weight": np.array(["a", "b", "c"])}, "must hold real numbers"),
        ({"output_weight": np.ones(3) + 1j}, "must hold real numbers"),
        ({"hidden_bias": np.array([None, 1, "x"], object)}, "a pickled array"),
    ],
)
def test_bad_files_give_one_clear_line(tmp_path, changes, words):
    path = written(tmp_path / "bad.npz", **changes)
    with pytest.raises(NetworkFileError) as caught:
        Network.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UserError)


def test_files_that_are_no_npz_give_one_clear_line(tmp_path):
    text = tmp_path / "text.npz"
    text.write_text("hello")
    array = tmp_path / "array.npz"
    with open(array, "wb") as file:
        np.save(file, np.zeros(3))
    empty = tmp_path / "empty.npz"
    empty.write_bytes(b"")
    torn = written(tmp_path / "torn.npz", hidden_weight=np.random.default_rng(0).random((300, 2)))
    torn.write_bytes(torn.read_bytes()[:1500])
    for path in (text, array, empty, torn, tmp_path / "absent.npz", tmp_path):
        with pytest.raises(NetworkFileError) as caught:
            Network.load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_damaged_member_gives_one_clear_line(tmp_path):
    path = tmp_path / "damaged.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in ARRAYS.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(f"{name}.npy", buffer.getvalue()[:-4])
    with pytest.raises(NetworkFileError, match="hidden_weight"):
        Network.load(path)


def test_files_carry_activation_and_inputs(tmp_path):
    network = replace(double_sided(3), activation="gelu", inputs="uniform")
    network.save(tmp_path / "one.npz")
    again, assumed = read_file(tmp_path / "one.npz")
    assert (again.activation, again.inputs, assumed) == ("gelu", "uniform", ())
    assert (again.in_order().flat()[0].activation, again.map(np.array).inputs) == ("gelu", "uniform")
    with pytest.raises(NetworkFileError, match="its activation is gelu, not relu"):
        Network.load(tmp_path / "one.npz", activation="relu")

    silent = written(tmp_path / "silent.npz")
    assert read_file(silent)[1] == ("activation", "inputs") and Network.load(silent).activation == "swish"
    assert Network.load(silent, activation="relu", inputs="rademacher").inputs == "rademacher"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activation": np.array("elu")}, "unknown activation 'elu'; known: swish, relu, tanh, gelu"),
        ({"inputs": np.array("cauchy")}, "unknown inputs 'cauchy'; known: normal, uniform, rademacher"),
        ({"activation": np.array(["relu"])}, "activation must hold a text, not <U4 of shape (1,)"),
        ({"activation": np.array(3)}, "activation must hold a text, not int64"),
    ],
)
def test_files_that_say_what_nobody_knows(tmp_path, changes, words):
    with pytest.raises(NetworkFileError) as caught:
        Network.load(written(tmp_path / "bad.npz", **changes))
    assert words in str(caught.value) and str(tmp_path / "bad.npz") in str(caught.value)


def test_networks_of_two_activations_make_no_batch():
    with pytest.raises(ValueError, match="share their activation"):
        Network.together([double_sided(2), replace(double_sided(2), activation="relu")])


LAYERS = {"swish": torch.nn.SiLU, "relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "gelu": torch.nn.GELU}


@pytest.mark.parametrize("activation", LAYERS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_torch_module_is_read_as_what_it_computes(activation, bias):
    torch.manual_seed(0)
    first, last = torch.nn.Linear(5, 7, bias=bias), torch.nn.Linear(7, 1, bias=bias)
    module = torch.nn.Sequential(torch.nn.Sequential(first, LAYERS[activation](), torch.nn.Dropout(0.5)), last).eval()
    network = Network.from_torch(module)
    x = torch.randn(20, 5)
    assert network.activation == activation
    np.testing.assert_allclose(network(x.double().numpy()), module(x)[:, 0].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_modules_that_are_no_such_network_are_refused():
    linear, relu = torch.nn.Linear, torch.nn.ReLU()
    for layers, words in (
        ([linear(2, 3), relu, linear(3, 3), relu, linear(3, 1)], "Linear, ReLU, Linear, ReLU, Linear"),
        (
            [linear(2, 3), torch.nn.ELU(), linear(3, 1)],
            "layer ELU: the activation must be one of SiLU, ReLU",
        ),
        ([linear(2, 3), torch.nn.GELU("tanh"), linear(3, 1)], "approximate='tanh' is another function"),
        ([linear(2, 3), relu, linear(3, 2)], "a network has one output, not 2"),
        ([linear(2, 3), relu, linear(4, 1)], "takes 4 inputs, but the layer before gives 3"),
        ([], "not of nothing"),
    ):
        with pytest.raises(UserError) as caught:
            Network.from_torch(torch.nn.Sequential(*layers))
        assert words in str(caught.value)
