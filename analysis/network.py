"""The target network f(x) = v · swish(W x + b) + c, one or a batch of them, and its file format.

Shapes: `hidden_weight` W (*batch, m, n), `hidden_bias` b (*batch, m), `output_weight` v (*batch, m),
`output_bias` c (*batch). A network file is an .npz without pickles that holds these four arrays of ONE network.
"""

import io
import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from analysis.errors import UserError
from analysis.files import read_bytes

MAX_FILE_BYTES = 2**28  # of a network file, unpacked
MAX_NEURONS = 8192  # hidden neurons or inputs: reading the algorithm takes 128 KiB of memory each


class NetworkFileError(UserError):
    """A network file that cannot be read; the message names the file and what is wrong with it."""


def swish(x: np.ndarray) -> np.ndarray:
    """x · sigmoid(x), elementwise; safe for any finite x."""
    x = np.asarray(x)
    # in one array's memory: what is large would cost more to allocate than to compute
    below = np.asarray(np.negative(x, dtype=x.dtype if x.dtype.kind == "f" else float))
    with np.errstate(over="ignore"):  # exp(-x) may overflow to inf, and x / inf = 0 is the right answer
        np.exp(below, out=below)
        below += 1
        return np.divide(x, below, out=below)[()]


@dataclass(frozen=True, eq=False)
class Network:
    hidden_weight: np.ndarray  # (*batch, m, n)
    hidden_bias: np.ndarray  # (*batch, m)
    output_weight: np.ndarray  # (*batch, m)
    output_bias: np.ndarray  # (*batch)

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, np.asarray(getattr(self, field.name)))
        if self.hidden_weight.ndim < 2:
            raise ValueError(f"hidden_weight must have shape (hidden, inputs), not {self.hidden_weight.shape}")
        *batch, hidden, _ = self.hidden_weight.shape
        for name, shape in {
            "hidden_bias": (*batch, hidden),
            "output_weight": (*batch, hidden),
            "output_bias": tuple(batch),
        }.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, but hidden_weight "
                    f"{self.hidden_weight.shape} asks for {shape}"
                )

    def __repr__(self) -> str:
        batch = f", batch {self.batch_shape}" if self.batch_shape else ""
        return f"Network({self.dimension} inputs, {self.hidden} hidden neurons{batch})"

    @property
    def dimension(self) -> int:
        """Number of inputs n."""
        return self.hidden_weight.shape[-1]

    @property
    def hidden(self) -> int:
        """Number of hidden neurons m."""
        return self.hidden_weight.shape[-2]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return self.hidden_weight.shape[:-2]

    def __getitem__(self, index) -> "Network":
        """Select from the batch: an integer, a slice, a mask or an index array over the leading dimensions."""
        if not self.batch_shape:
            raise TypeError("this is one network, not a batch of networks")
        return Network(*(getattr(self, field.name)[index] for field in fields(self)))

    @classmethod
    def together(cls, batches: Sequence["Network"]) -> "Network":
        """One batch (k,) of all networks of `batches`, which agree in n and m."""
        flat = [vars(batch.flat()).values() for batch in batches]
        return cls(*(np.concatenate(arrays) for arrays in zip(*flat, strict=True)))

    def flat(self) -> "Network":
        """The same networks with exactly one batch dimension (k,)."""
        m, n = self.hidden, self.dimension
        return Network(
            self.hidden_weight.reshape(-1, m, n),
            self.hidden_bias.reshape(-1, m),
            self.output_weight.reshape(-1, m),
            self.output_bias.reshape(-1),
        )

    def order(self) -> np.ndarray:
        """Indices (k, m) that put the hidden neurons in `in_order`'s order."""
        flat = self.flat()
        keys = (flat.hidden_bias, *np.moveaxis(flat.hidden_weight, -1, 0), flat.output_weight)
        return np.lexsort(keys, axis=-1)

    def in_order(self) -> "Network":
        """The same networks with their hidden neurons sorted by their weights, outgoing weight first.

        Whatever is computed from this doesn't depend on the order that the neurons came in, to the last bit.
        """
        flat, order = self.flat(), self.order()
        return Network(
            np.take_along_axis(flat.hidden_weight, order[..., None], 1).reshape(self.hidden_weight.shape),
            np.take_along_axis(flat.hidden_bias, order, 1).reshape(self.hidden_bias.shape),
            np.take_along_axis(flat.output_weight, order, 1).reshape(self.output_weight.shape),
            self.output_bias,
        )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Outputs (*batch, samples) on inputs x (samples, n), in the wider of the two dtypes."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.dimension:
            raise ValueError(f"inputs must have shape (samples, {self.dimension}), not {x.shape}")
        flat, columns = self.flat(), np.ascontiguousarray(x.T)
        outputs = [  # one network at a time: its (m, samples) activations stay in the cache
            v @ swish(W @ columns + b[:, None]) + c
            for W, b, v, c in zip(
                flat.hidden_weight, flat.hidden_bias, flat.output_weight, flat.output_bias, strict=True
            )
        ]
        dtype = np.result_type(x, self.hidden_weight, self.output_bias)
        return np.array(outputs, dtype=dtype).reshape(*self.batch_shape, len(x))

    def save(self, path: str | os.PathLike) -> None:
        """Write one network as a compressed .npz without pickles."""
        if self.batch_shape:
            raise ValueError(f"a network file holds one network, not a batch of shape {self.batch_shape}")
        with open(path, "wb") as file:  # a handle, so that numpy adds no suffix of its own
            np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Network":
        """Read and check one network file, as float64. Raises NetworkFileError with one clear line."""
        arrays = _read_arrays(Path(path), [field.name for field in fields(cls)])
        for name, ndim in {
            "hidden_weight": 2,
            "hidden_bias": 1,
            "output_weight": 1,
            "output_bias": 0,
        }.items():
            array = arrays[name]
            if array.ndim != ndim or 0 in array.shape:
                words = ("()", "(hidden,)", "(hidden, inputs)")[ndim]
                raise NetworkFileError(f"{path}: {name} must have shape {words}, not {array.shape}")
            if array.dtype.kind not in "fiu":
                raise NetworkFileError(f"{path}: {name} must hold real numbers, not {array.dtype}")
            if max(array.shape, default=0) > MAX_NEURONS:
                raise NetworkFileError(
                    f"{path}: {name} has shape {array.shape}, at most {MAX_NEURONS:,} neurons are read"
                )
            arrays[name] = array.astype(np.float64)
            if not np.isfinite(arrays[name]).all():
                raise NetworkFileError(f"{path}: {name} holds values that are not finite")
        try:
            return cls(**arrays)
        except ValueError as error:
            raise NetworkFileError(f"{path}: {error}") from None


# What zipfile and numpy raise on bytes that are not what they should be.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, MemoryError, NotImplementedError, RuntimeError,
            SyntaxError, TypeError, OverflowError, ValueError)  # fmt: skip


def _read_arrays(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """The named members of an .npz, with every way to fail turned into one line."""
    try:
        with io.BytesIO(read_bytes(path, most=MAX_FILE_BYTES)) as file:
            if not zipfile.is_zipfile(file):
                raise NetworkFileError(f"{path}: not an .npz file")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                unpacked = sum(member.file_size for member in archive.zip.infolist())
                if unpacked > MAX_FILE_BYTES:
                    raise NetworkFileError(
                        f"{path}: unpacks to {unpacked:,} bytes, at most {MAX_FILE_BYTES:,} are read"
                    )
                missing = [name for name in names if name not in archive.files]
                if missing:
                    raise NetworkFileError(f"{path}: missing {', '.join(missing)}")
                return {name: _read_member(path, archive, name) for name in names}
    except NetworkFileError:
        raise
    except UserError as error:  # of reading the file
        raise NetworkFileError(str(error)) from None
    except OSError as error:
        raise NetworkFileError(f"{path}: {error.strerror or error}") from None
    except _DAMAGED as error:
        raise NetworkFileError(f"{path}: damaged .npz file ({type(error).__name__})") from None


def _read_member(path: Path, archive, name: str) -> np.ndarray:
    try:
        return np.asarray(archive[name])
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise NetworkFileError(f"{path}: {name} is a pickled array, which is never loaded") from None
        raise NetworkFileError(f"{path}: {name} is damaged") from None
    except (*_DAMAGED, OSError) as error:
        raise NetworkFileError(f"{path}: {name} is damaged ({type(error).__name__})") from None
