"""The target network f(x) = v · act(W x + b) + c, one or a batch of them, and its file format.

Shapes: `hidden_weight` W (*batch, m, n), `hidden_bias` b (*batch, m), `output_weight` v (*batch, m),
`output_bias` c (*batch). A network file is an .npz without pickles that holds these four arrays of ONE network, and two
optional texts: `activation` (act is swish without it) and `inputs`, the distribution of x (normal without it).
"""

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.activations import ACTIVATIONS
from analysis.distributions import DISTRIBUTIONS
from analysis.errors import UserError
from analysis.files import read_bytes
from analysis.torch_modules import weights_of

MAX_FILE_BYTES = 2**28  # of a network file, unpacked
ARRAYS = ("hidden_weight", "hidden_bias", "output_weight", "output_bias")
# what a file may say besides, and what may be said
TEXTS: dict[str, tuple[str, ...]] = {"activation": tuple(ACTIVATIONS), "inputs": tuple(DISTRIBUTIONS)}
MAX_NEURONS = 8192  # hidden neurons or inputs: reading the algorithm takes 128 KiB of memory each


class NetworkFileError(UserError):
    """A network file that cannot be read; the message names the file and what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Network:
    """One network, or a batch of them that share activation and inputs.

    activation: a name of `analysis.activations`; inputs: the distribution of x that reading it averages over, a name of
    `analysis.distributions`. Raises ValueError for arrays of the wrong shape and names that nobody knows.
    """

    hidden_weight: np.ndarray  # (*batch, m, n)
    hidden_bias: np.ndarray  # (*batch, m)
    output_weight: np.ndarray  # (*batch, m)
    output_bias: np.ndarray  # (*batch)
    activation: str = "swish"
    inputs: str = "normal"

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, np.asarray(getattr(self, name)))
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
        for name, known in TEXTS.items():
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; known: {', '.join(known)}")

    def __repr__(self) -> str:
        batch = f", batch {self.batch_shape}" if self.batch_shape else ""
        other = "".join(f", {text}" for text in (self.activation, self.inputs) if text not in ("swish", "normal"))
        return f"Network({self.dimension} inputs, {self.hidden} hidden neurons{other}{batch})"

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The four arrays, by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    def map(self, function: Callable[[np.ndarray], Any]) -> "Network":
        """Networks of the same activation and inputs, each of the four arrays replaced by function(array)."""
        arrays: dict[str, Any] = {name: function(array) for name, array in self.arrays.items()}
        return replace(self, **arrays)

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
        return self.map(lambda array: array[index])

    @classmethod
    def together(cls, batches: Sequence["Network"]) -> "Network":
        """One batch (k,) of all networks of `batches`, which agree in n, m, activation and inputs."""
        flat = [batch.flat() for batch in batches]
        for name in TEXTS:
            if len({getattr(batch, name) for batch in flat}) > 1:
                raise ValueError(f"networks of one batch share their {name}")
        arrays: dict[str, Any] = {name: np.concatenate([getattr(batch, name) for batch in flat]) for name in ARRAYS}
        return replace(flat[0], **arrays)

    def flat(self) -> "Network":
        """The same networks with exactly one batch dimension (k,)."""
        m, n = self.hidden, self.dimension
        return replace(
            self,
            hidden_weight=self.hidden_weight.reshape(-1, m, n),
            hidden_bias=self.hidden_bias.reshape(-1, m),
            output_weight=self.output_weight.reshape(-1, m),
            output_bias=self.output_bias.reshape(-1),
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
        rows = np.take_along_axis(flat.hidden_weight, order[..., None], 1)
        return replace(
            self,
            hidden_weight=rows.reshape(self.hidden_weight.shape),
            hidden_bias=np.take_along_axis(flat.hidden_bias, order, 1).reshape(self.hidden_bias.shape),
            output_weight=np.take_along_axis(flat.output_weight, order, 1).reshape(self.output_weight.shape),
        )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Outputs (*batch, samples) on inputs x (samples, n), in the wider of the two dtypes."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.dimension:
            raise ValueError(f"inputs must have shape (samples, {self.dimension}), not {x.shape}")
        flat, columns, act = self.flat(), np.ascontiguousarray(x.T), ACTIVATIONS[self.activation].value
        outputs = [  # one network at a time: its (m, samples) activations stay in the cache
            v @ act(W @ columns + b[:, None]) + c
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
        contents: dict[str, Any] = self.arrays | {"activation": np.array(self.activation)}
        if self.inputs != "normal":
            contents["inputs"] = np.array(self.inputs)
        with open(path, "wb") as file:  # a handle, so that numpy adds no suffix of its own
            np.savez_compressed(file, **contents)

    @classmethod
    def load(cls, path: str | os.PathLike, *, activation: str = "", inputs: str = "") -> "Network":
        """Read and check one network file, as float64. Raises NetworkFileError with one clear line.

        activation, inputs: of a file that does not say them; without, swish and normal. A file that says another one
        is refused.
        """
        return read_file(path, activation=activation, inputs=inputs)[0]

    @classmethod
    def from_torch(cls, module: Any, *, inputs: str = "normal") -> "Network":
        """The network that a PyTorch module computes: an nn.Sequential of Linear, SiLU, ReLU, Tanh or GELU, Linear.

        inputs: the distribution of x. Raises UserError for other modules (`analysis.torch_modules`).
        """
        return cls(*weights_of(module), inputs=inputs)


def read_file(path: str | os.PathLike, *, activation: str = "", inputs: str = "") -> tuple[Network, tuple[str, ...]]:
    """`Network.load`, and the names of what the file does not say and was assumed."""
    given = {"activation": activation, "inputs": inputs}
    arrays = _read_arrays(Path(path), list(ARRAYS), list(TEXTS))
    texts = {name: _text(path, name, arrays.pop(name)) for name in TEXTS if name in arrays}
    for name, text in texts.items():
        if given[name] and text != given[name]:
            raise NetworkFileError(f"{path}: its {name} is {text}, not {given[name]}")
    assumed = tuple(name for name in TEXTS if name not in texts and not given[name])
    texts |= {name: text for name, text in given.items() if text}
    for name, ndim in {"hidden_weight": 2, "hidden_bias": 1, "output_weight": 1, "output_bias": 0}.items():
        arrays[name] = _checked(path, name, arrays[name], ndim)
    contents: dict[str, Any] = arrays | texts
    try:
        return Network(**contents), assumed
    except ValueError as error:
        raise NetworkFileError(f"{path}: {error}") from None


def _checked(path: str | os.PathLike, name: str, array: np.ndarray, ndim: int) -> np.ndarray:
    """An array of a file as float64."""
    if array.ndim != ndim or 0 in array.shape:
        words = ("()", "(hidden,)", "(hidden, inputs)")[ndim]
        raise NetworkFileError(f"{path}: {name} must have shape {words}, not {array.shape}")
    if array.dtype.kind not in "fiu":
        raise NetworkFileError(f"{path}: {name} must hold real numbers, not {array.dtype}")
    if max(array.shape, default=0) > MAX_NEURONS:
        raise NetworkFileError(f"{path}: {name} has shape {array.shape}, at most {MAX_NEURONS:,} neurons are read")
    numbers: np.ndarray = array.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise NetworkFileError(f"{path}: {name} holds values that are not finite")
    return numbers


def _text(path: str | os.PathLike, name: str, array: np.ndarray) -> str:
    """A text of a file."""
    if array.shape != () or array.dtype.kind not in "US":
        raise NetworkFileError(f"{path}: {name} must hold a text, not {array.dtype} of shape {array.shape}")
    value = array.item()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


# What zipfile and numpy raise on bytes that are not what they should be.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, MemoryError, NotImplementedError, RuntimeError,
            SyntaxError, TypeError, OverflowError, ValueError)  # fmt: skip


def _read_arrays(path: Path, names: list[str], optional: list[str]) -> dict[str, np.ndarray]:
    """The named members of an .npz, and optional ones that are there, every way to fail turned into one line."""
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
                names = names + [name for name in optional if name in archive.files]
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
