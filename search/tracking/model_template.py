"""Folders in MLflow's model format, one a training: its hypernetwork, the recipe, and the code that draws from it.

MLflow's own `save_model` inspects code and environment each time. Here it does so once a sweep; a training's folder
is a copy of that with its own weights and identity.
"""

import json
import os
import re
import shutil
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np

from search.ledger.record import Record
from trainables.named_arrays import pack_arrays

CODE = "code.zip"  # on the path of whoever loads the model: Python imports from it as it is
REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic", "torch")
RUN, MODEL, UUID = "RUN_OF_THE_TEMPLATE", "MODEL_OF_THE_TEMPLATE", "UUID_OF_THE_TEMPLATE"
SOURCES = Path(__file__).resolve().parents[2]
INPUT_EXAMPLE = {"dimension": [8], "seed": [0]}


class ModelFolders:
    """Makes model folders below `scratch`, which is the caller's to remove."""

    def __init__(self, scratch: Path):
        self.template = Path(scratch) / "template"
        self._save_template(Path(scratch))

    def write(self, record: Record, folder: Path, *, run: str, model: str, source: Path) -> None:
        """Puts the model of a training that has a hypernetwork into `folder`. run, model: its identities in MLflow.

        source: the record's file. It takes the place of the weights where it can be linked, so that they are on the
        disk once.
        """
        shutil.copytree(self.template, folder, copy_function=_link, dirs_exist_ok=True)
        recipe = json.loads(record.row["recipe"])
        training = {"recipe": recipe, "dimension": record.row["dimension"], "beta": record.row["beta"]}
        _replace(folder / "artifacts" / "training.json", json.dumps(training).encode())
        weights = folder / "artifacts" / "hypernetwork.npz"
        weights.unlink()
        try:
            os.link(source, weights)
        except OSError:  # on another file system, or of a store elsewhere
            np.savez(weights, allow_pickle=False, **pack_arrays(record.hypernetwork))
        identity = {RUN: run, MODEL: model, UUID: model.removeprefix("m-")}
        _replace(
            folder / "MLmodel", re.sub("|".join(identity), lambda found: identity[found[0]], self.mlmodel).encode()
        )

    def _save_template(self, scratch: Path) -> None:
        import mlflow.pyfunc
        import pandas as pd

        training, weights = scratch / "training.json", scratch / "hypernetwork.npz"
        training.write_text("{}")
        np.savez(weights)
        mlflow.pyfunc.save_model(
            self.template,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"training": str(training), "hypernetwork": str(weights)},
            signature=signature(),
            input_example=pd.DataFrame(INPUT_EXAMPLE),
            pip_requirements=[f"{name}=={metadata.version(name).partition('+')[0]}" for name in REQUIREMENTS],
        )
        write_code(self.template / CODE)
        description = mlflow.models.Model.load(self.template)
        conf = description.flavors["python_function"]
        conf["code"], conf["model_code_path"] = CODE, "pyfunc_model.py"
        for artifact in conf["artifacts"].values():
            artifact["uri"] = artifact["path"]  # not a temporary folder's
        description.run_id, description.model_id, description.model_uuid = RUN, MODEL, UUID
        description.model_size_bytes = None  # of the template
        description.save(self.template / "MLmodel")
        self.mlmodel = (self.template / "MLmodel").read_text(encoding="utf-8")


def signature():
    """dimension, seed and (for Pareto hypernetworks) β in, the contents of a network file out."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Schema

    vector = Array(DataType.double)
    return ModelSignature(
        inputs=Schema(
            [
                ColSpec("long", "dimension"),
                ColSpec("long", "seed", required=False),
                ColSpec("double", "beta", required=False),
            ]
        ),
        outputs=Schema(
            [
                ColSpec(Array(vector), "hidden_weight"),
                ColSpec(vector, "hidden_bias"),
                ColSpec(vector, "output_weight"),
                ColSpec("double", "output_bias"),
                ColSpec("string", "activation"),
                ColSpec("string", "inputs"),
            ]
        ),
    )


def write_code(path: Path) -> None:
    """The sources that drawing needs, as one zip: `trainables`."""
    needed = (SOURCES / "trainables").rglob("*.py")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sorted(needed):
            archive.write(source, source.relative_to(SOURCES))


def _link(source: str, target: str) -> None:
    """What all models share is on the disk once, where the file systems permit it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _replace(path: Path, content: bytes) -> None:
    """Writes a file anew: the old one may be shared by links."""
    path.unlink()
    path.write_bytes(content)
