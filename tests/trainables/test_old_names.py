"""MLflow models logged before the sub-packages import these names; in a process with today's code they draw too."""

import json
from pathlib import Path

import numpy as np

from search.ledger import ledger
from trainables.arrays import parted
from trainables.named_arrays import pack_arrays
from trainables.recipe import Recipe
from trainables.training import draw_networks

RECORD = Path(__file__).parents[1] / "data" / "sweep_before_curricula" / "ledger" / "13ce60fa2b3a6340.npz"


def test_what_a_model_of_before_does_when_it_is_asked():
    record = ledger.read(RECORD)
    hypernetwork = parted(pack_arrays(record.hypernetwork))
    network = draw_networks(hypernetwork, Recipe(**json.loads(record.row["recipe"])), 5, seed=1, beta=1.0)[0]
    arrays = {name: array.tolist() for name, array in vars(network).items()}
    assert list(arrays) == ["hidden_weight", "hidden_bias", "output_weight", "output_bias"]
    np.testing.assert_allclose(arrays["output_weight"][:3], [0.41418996, 0.46112016, -0.51860493], atol=1e-4)
