"""The table of microseconds by kernel: every part of the compiled code has its row, and times add up."""

import pytest

from benchmarks import kernel_times
from benchmarks.training_speed import products
from trainables.kernels.compile import compiler


@pytest.mark.parametrize("n", [6, 16])
def test_the_work_of_kernels_is_the_work_of_a_step(n):
    assert sum(kernel_times.work(n).values()) == pytest.approx(products(kernel_times.RECIPE, n), rel=0.05)


@pytest.mark.skipif(not compiler(), reason="no C++ compiler on this machine")
def test_every_part_has_a_row():
    native = kernel_times.timed_library()
    parts = set(native.part_names().decode().split()) - {"other"}
    assert parts | {"noise", "rest"} == set(kernel_times.KERNELS)
    spent = next(kernel_times.timed_steps(native, 2, 2))
    assert all(spent[name] > 0 for name in parts) and spent["edges"] > spent["normalise"]
