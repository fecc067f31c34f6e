"""Arrays come back as they were joined."""

import numpy as np
import pytest

from trainables.named_arrays import NUMBERS, joined, parted


def test_arrays_come_back():
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "one": np.float64(0.1),
        "none": np.zeros((0, 4)),
        "turned": np.arange(6).reshape(2, 3).T,
    }
    found = parted(joined(arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert parted(joined({})) == {}


def test_bytes_too_few_or_too_many_are_refused():
    whole = joined({"a": np.arange(3.0)})
    with pytest.raises(ValueError):
        parted(whole | {NUMBERS: whole[NUMBERS][:-8]})
    with pytest.raises(ValueError, match="16 bytes"):
        parted(joined({"a": np.arange(1.0)}) | {NUMBERS: whole[NUMBERS][:16]})
