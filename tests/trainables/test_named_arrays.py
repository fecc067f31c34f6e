"""Arrays come back as they were joined."""

import numpy as np
import pytest

from trainables.named_arrays import NUMBERS, pack_arrays, unpack_arrays


def test_arrays_come_back():
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "one": np.float64(0.1),
        "none": np.zeros((0, 4)),
        "turned": np.arange(6).reshape(2, 3).T,
    }
    found = unpack_arrays(pack_arrays(arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert unpack_arrays(pack_arrays({})) == {}


def test_bytes_too_few_or_too_many_are_refused():
    whole = pack_arrays({"a": np.arange(3.0)})
    with pytest.raises(ValueError):
        unpack_arrays(whole | {NUMBERS: whole[NUMBERS][:-8]})
    with pytest.raises(ValueError, match="16 bytes"):
        unpack_arrays(pack_arrays({"a": np.arange(1.0)}) | {NUMBERS: whole[NUMBERS][:16]})
