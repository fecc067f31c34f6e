"""Damage to a sweep's folder, by what it is called: each takes the folder and does it."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from search.ledger import ledger
from search.ledger.checkpoints import PackCheckpoint
from search.sweep.grid import expand
from tests.support.records import smoke

CONFIG = ("mlflow.enabled=false", "grid.betas=[1.0, 1e-3, 1e-6]", "grid.seeds=3", "training.snapshots=1")


def first(folder: Path) -> Path:
    return sorted((folder / "ledger").glob("*.npz"))[0]


def rewritten(change):
    """A record's row, changed."""

    def damage(folder: Path) -> None:
        path = first(folder)
        record = ledger.read(path)
        path.unlink()
        ledger.write(folder / "ledger", replace(record, row=change(dict(record.row))))

    return damage


def without(name: str):
    return rewritten(lambda row: {key: value for key, value in row.items() if key != name})


def with_value(**values):
    return rewritten(lambda row: row | values)


def arrays(change):
    """A record's arrays, changed."""

    def damage(folder: Path) -> None:
        path = first(folder)
        with np.load(path) as archive:
            content = {name: archive[name] for name in archive.files}
        path.unlink()
        np.savez(path, **change(content))

    return damage


def text(name: str, content: str):
    return lambda folder: (folder / name).write_text(content)


def in_the_place_of(name: str, make):
    """A folder or a pipe where a file should be."""

    def damage(folder: Path) -> None:
        path = first(folder) if name == "record" else folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        make(path)

    return damage


def checkpoint(**arrays):
    def damage(folder: Path) -> None:
        config = smoke(*CONFIG)
        keys = [point.key for point in expand(config)]
        pack = PackCheckpoint(folder / "checkpoints", "0" * 16, dimension=3, keys=keys, device="cpu", seconds=1e-9)
        pack.offer(lambda: {"step": np.full(len(keys), 3)} | arrays)

    return damage


def index_part(folder: Path) -> Path:
    """Where a part of the index may lie."""
    (folder / "index").mkdir(exist_ok=True)
    return folder / "index" / f"{'0' * 32}.parquet"


def short(content: dict) -> dict:
    return content | {"draws/hidden_bias": content["draws/hidden_bias"][:1]}


DAMAGE = {
    "a row without its β": without("beta"),
    "a row without its recipe": without("recipe"),
    "a row without its algorithm": without("algorithm"),
    "a β that is a text": with_value(beta="1e-3"),
    "a dimension that is no whole number": with_value(dimension=3.5),
    "an unknown status": with_value(status="so so"),
    "a recipe that is no table": with_value(recipe="[1]"),
    "a recipe of another world": with_value(recipe='{"depth": 3}'),
    "a list in a row": with_value(purity=[1, 2]),
    "a key that is none": with_value(key="<b>"),
    "a representative that was not drawn": with_value(representative=99),
    "draws of two sizes": arrays(short),
    "draws of texts": arrays(lambda content: content | {"draws/hidden_bias": content["draws/hidden_bias"].astype(str)}),
    "snapshots that are a number": arrays(lambda content: content | {"snapshots": np.frombuffer(b"7", np.uint8)}),
    "a hypernetwork of another size": arrays(
        lambda content: {name: array[:3] if name.startswith("hyper") else array for name, array in content.items()}
    ),
    "half a record": lambda folder: first(folder).write_bytes(first(folder).read_bytes()[:-200]),
    "a folder for a record": in_the_place_of("record", lambda path: path.mkdir()),
    "a pipe for a record": in_the_place_of("record", os.mkfifo),
    "a foreign file in the ledger": text("ledger/notes.txt", "mine"),
    "no record's name": lambda folder: shutil.copy(first(folder), folder / "ledger" / "a b.npz"),
    "a manifest of nothing": text("manifest.json", ""),
    "a manifest of other types": text("manifest.json", '{"runs": [{"started_at": "noon"}], "config": 3}'),
    "a manifest that is a pipe": in_the_place_of("manifest.json", os.mkfifo),
    "links that are a list": text("links.json", "[1]"),
    "links of numbers": text("links.json", '{"a": 1}'),
    "a study of junk": text("refine.db", "junk" * 999),
    "rounds of junk": text("refinement.json", '{"rounds": 3}'),
    "a table of junk": text("trainings.parquet", "junk"),
    "a folder for a table": in_the_place_of("snapshots.parquet", lambda path: path.mkdir()),
    "a lock that is a folder": in_the_place_of(".lock", lambda path: path.mkdir()),
    "a file for the networks": in_the_place_of("networks", lambda path: path.write_text("mine")),
    "a file for the report": in_the_place_of("report", lambda path: path.write_text("mine")),
    "a config of junk": text("config.toml", "= = ="),
    "a config that is a pipe": in_the_place_of("config.toml", os.mkfifo),
    "a mark of junk": text(".hyperphase", "[1]"),
    "an index of junk": lambda folder: index_part(folder).write_bytes(b"junk"),
    "a pipe in the index": lambda folder: os.mkfifo(index_part(folder)),
    "a file for the index": in_the_place_of("index", lambda path: path.write_text("mine")),
    "labels of junk": text("relabelled.parquet", "junk"),
    "labels of nobody": lambda folder: pd.DataFrame({"algorithm": ["a"]}).to_parquet(folder / "relabelled.parquet"),
    "an annealing of junk": text("annealing.parquet", "junk"),
    "a generalisation of junk": text("generalisation.csv", "junk"),
    "an equilibrium of junk": text("equilibrium.csv", "\0junk"),
    "a report's stamp of junk": text(".report.json", "[[["),
    "a table's note of junk": lambda folder: (folder / ".trainings.parquet.sha256").write_bytes(b"\xff\xfe"),
    "a session of junk": lambda folder: [(folder / ".ray").mkdir(), (folder / ".ray" / "session").write_bytes(b"\xff")],
    "a network of junk": lambda folder: sorted((folder / "networks").iterdir())[0].write_text("junk"),
    "a file for the code": text("code", "mine"),
    "a checkpoint of nothing": lambda folder: [(folder / "checkpoints").mkdir(), text("checkpoints/x.npz", "")(folder)],
    "a checkpoint of odd arrays": checkpoint(junk=np.zeros((2, 2)), step=np.zeros(9, int)),
    "a pipe for a checkpoint": lambda folder: [
        (folder / "checkpoints").mkdir(), os.mkfifo(folder / "checkpoints" / f"{'0' * 16}.npz")
    ],
}  # fmt: skip


def code(change):
    """The copy of the user's own file, changed."""

    def damage(folder: Path) -> None:
        [path] = (folder / "code").glob("*.py")
        content = change(path.read_bytes())
        path.unlink()
        if content is not None:
            path.write_bytes(content)

    return damage


def left(make):
    """In the place of a file that a training of a user's own experiment left."""

    def damage(folder: Path) -> None:
        path = folder / "files" / first(folder).stem / "picture.svg"
        path.unlink()
        make(path)

    return damage


OWN_DAMAGE = {
    "no code": code(lambda content: None),
    "code of junk": code(lambda content: b"\xff\xfe\0"),
    "code that raises": code(lambda content: b"1 / 0"),
    "code that ends": code(lambda content: b"import sys; sys.exit(3)"),
    "code without the experiment": code(lambda content: content.replace(b"MINE = ", b"YOURS = ")),
    "code of other axes": code(lambda content: content.replace(b'"decay"', b'"growth"')),
    "code of another version": code(lambda content: content.replace(b"label=label", b"version=2, label=label")),
    "a row without an axis": without("rate"),
    "an axis that is a text": with_value(rate="fast"),
    "an axis that is not finite": with_value(rate=float("nan")),
    "a label that is a number": with_value(algorithm=3),
    "a label of HTML": with_value(algorithm="<script>alert(1)</script>"),
    "a metric that is a text": with_value(value="x"),
    "another experiment's row": with_value(experiment="yours"),
    "a row of hypernetworks": rewritten(lambda row: {n: v for n, v in row.items() if n != "experiment"}),
    "files that are a text": with_value(files="many"),
    "half a record": DAMAGE["half a record"],
    "a table of junk": DAMAGE["a table of junk"],
    "labels of junk": DAMAGE["labels of junk"],
    "a config of junk": DAMAGE["a config of junk"],
    "a folder for a picture": left(lambda path: path.mkdir()),
    "a pipe for a picture": left(os.mkfifo),
    "a picture that is a script": left(lambda path: path.write_text("<svg onload='alert(1)'/>")),
    "a file for the files": in_the_place_of("files", lambda path: path.write_text("mine")),
}  # fmt: skip
