"""A record: one training's row, snapshot rows, drawn networks and hypernetwork, as one file."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import ValidationError

from analysis.network import ARRAYS as DRAW_ARRAYS
from analysis.network import Network
from search.ledger.schema import check_row, check_snapshots
from trainables import named_arrays as named

PREFIX = "hypernetwork/"
FILES = "files/"


class TornRecord(Exception):
    """A file in the ledger that is not a whole record."""


@dataclass(frozen=True)
class Record:
    """Everything that is kept of a training.

    row: the training's row of the results table, "key" and "status" at least.
    snapshots: rows of the snapshot table.
    draws: networks drawn at the end, batch shape (k,); None if the training failed.
    hypernetwork: parameter name -> array.
    files: name -> content, of what an experiment of a user's own left.
    """

    row: dict[str, Any]
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    draws: Network | None = None
    hypernetwork: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def parse(key: str, content: bytes, *, hypernetwork: bool = True) -> Record:
    """The record in `content`, every checksum verified. Raises TornRecord if it is not the whole one of `key`.

    hypernetwork: False leaves its arrays out, after their checksums.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {}
            for name in archive.files:
                if hypernetwork or not name.startswith(PREFIX):
                    arrays[name] = archive[name]
                else:
                    archive.zip.read(f"{name}.npy")
            return _record(key, arrays)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # damage surfaces as BadZipFile, ValueError, zlib.error, struct.error, SyntaxError …
        raise TornRecord(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _record(key: str, arrays: dict[str, np.ndarray]) -> Record:
    row, snapshots = (json.loads(arrays[name].tobytes()) for name in ("row", "snapshots"))
    check_row(row)
    check_snapshots(row, snapshots)
    if row["key"] != key:
        raise ValueError(f"holds the training {row['key']}")
    draws: dict[str, Any] = {name: arrays[f"draws/{name}"] for name in DRAW_ARRAYS if f"draws/{name}" in arrays}
    parameters = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
    if named.SHAPES in parameters:  # older records have a member for every parameter
        parameters = named.unpack_arrays(parameters)
    activation, inputs = nature(row)
    network = Network(**draws, activation=activation, inputs=inputs) if draws else None
    if network is not None:
        _check_draws(network, row)
    files = {name.removeprefix(FILES): array.tobytes() for name, array in arrays.items() if name.startswith(FILES)}
    return Record(row, snapshots, network, parameters, files)


def nature(row: dict[str, Any]) -> tuple[str, str]:
    """Activation and inputs of a training's networks, from its recipe, which leaves out swish and normal."""
    recipe = json.loads(row.get("recipe") or "{}")
    return recipe.get("activation", "swish"), recipe.get("inputs", "normal")


def _check_draws(network: Network, row: dict[str, Any]) -> None:
    if any(array.dtype.kind != "f" for array in network.arrays.values()) or len(network.batch_shape) != 1:
        raise ValueError("draws are not a batch of networks")
    size = (network.dimension, network.hidden)
    if (row.get("dimension", size[0]), row.get("hidden", size[1])) != size:
        raise ValueError("draws have another size than the row says")
    if not (row.get("representative") or 0) < network.batch_shape[0]:
        raise ValueError("representative is none of the draws")


def to_arrays(record: Record) -> dict[str, np.ndarray]:
    arrays = {"row": _json_bytes(record.row), "snapshots": _json_bytes(record.snapshots)}
    if record.draws is not None:
        arrays |= {f"draws/{name}": np.asarray(getattr(record.draws, name)) for name in DRAW_ARRAYS}
    arrays |= {FILES + name: np.frombuffer(content, dtype=np.uint8) for name, content in record.files.items()}
    return arrays | {PREFIX + name: array for name, array in named.pack_arrays(record.hypernetwork).items()}


def _json_bytes(value: Any) -> np.ndarray:
    text = json.dumps(value, default=_plain)  # NaN stays NaN: Python reads it back
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _plain(value: object) -> Any:
    """Numpy scalars and arrays as JSON."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"cannot store a {type(value).__name__}")
