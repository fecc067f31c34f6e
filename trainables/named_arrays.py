"""Named arrays as two: writing and reading an .npz takes its time for every member, hardly for their bytes."""

import json

import numpy as np

NUMBERS, SHAPES = "numbers", "shapes"


def pack_arrays(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{"numbers": all bytes, "shapes": JSON of [name, type, shape]s as bytes}."""
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    shapes = json.dumps([(name, array.dtype.str, array.shape) for name, array in arrays.items()])
    numbers = b"".join(array.tobytes() for array in arrays.values())
    return {NUMBERS: np.frombuffer(numbers, np.uint8), SHAPES: np.frombuffer(shapes.encode(), np.uint8)}


def unpack_arrays(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What was `joined`: views of it. Raises ValueError if bytes are missing or left."""
    numbers, found, offset = arrays[NUMBERS], {}, 0
    for name, kind, shape in json.loads(arrays[SHAPES].tobytes()):
        end = offset + np.dtype(kind).itemsize * int(np.prod(shape, dtype=int))
        found[name] = numbers[offset:end].view(kind).reshape(shape)
        offset = end
    if offset != len(numbers):
        raise ValueError(f"{len(numbers)} bytes of arrays, {offset} expected")
    return found
