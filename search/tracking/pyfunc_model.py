"""A trained hypernetwork as an MLflow model: ask for a dimension, get a network.

MLflow runs this file when it loads the model ("models from code"), with the sources of `trainables`
that were logged beside it: a machine that has never seen hyperphase can draw networks too.
"""

import json

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

PREFIX = "hypernetwork/"


class HypernetworkModel(PythonModel):
    """predict: rows of `dimension` (and `seed` of the draw, 0 without it) -> a network a row, as nested lists.

    A Pareto hypernetwork wants `beta`, too.
    """

    def load_context(self, context):
        import numpy as np

        from trainables.named_arrays import SHAPES, unpack_arrays
        from trainables.recipe import Recipe

        with open(context.artifacts["training"], encoding="utf-8") as file:
            training = json.load(file)
        # drawing needs no task, and a task of somebody's own file is not here
        self.recipe = Recipe.stored(training["recipe"] | {"task": "l1_norm"})
        self.trained = training["dimension"]
        with np.load(context.artifacts["hypernetwork"], allow_pickle=False) as stored:
            of_record = [name for name in stored.files if name.startswith(PREFIX)]  # a training's whole record
            arrays = {name.removeprefix(PREFIX): stored[name] for name in of_record or stored.files}
        self.hypernetwork = unpack_arrays(arrays) if SHAPES in arrays else arrays

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        from trainables.training.draw import draw_networks

        rows = []
        for request in model_input.to_dict("records"):
            seed = request.get("seed")
            dimension, seed = int(request["dimension"]), 0 if pd.isna(seed) else int(seed)
            if dimension < 1 or seed < 0:
                raise ValueError(f"dimension must be at least 1 and seed not negative, not {dimension} and {seed}")
            beta = request.get("beta")
            if self.recipe.kind.needs_beta and pd.isna(beta):
                raise ValueError("this hypernetwork draws at a β: give the column beta")
            beta = 1.0 if pd.isna(beta) else float(beta)
            drawn = draw_networks(self.hypernetwork, self.recipe, dimension, trained=self.trained, seed=seed, beta=beta)
            arrays = {name: array[0].tolist() for name, array in drawn._asdict().items()}
            rows.append(arrays | {"activation": self.recipe.activation, "inputs": self.recipe.inputs})
        return pd.DataFrame(rows)


set_model(HypernetworkModel())
