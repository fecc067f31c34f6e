"""The old name of `trainables.named_arrays.unpack_arrays`, which MLflow models that were logged earlier import."""

from trainables.named_arrays import unpack_arrays

parted = unpack_arrays
