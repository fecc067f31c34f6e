"""Root without its right to write anywhere: so that tests of read-only folders mean something as root too."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

import pytest

VERSION = 0x20080522  # of the kernel's interface, _LINUX_CAPABILITY_VERSION_3
OVERRIDE = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


@contextlib.contextmanager
def without_override() -> Iterator[None]:
    """File modes hold for this thread and those that it starts; for others than root they do anyway."""
    if os.geteuid() != 0:
        yield
        return
    if not sys.platform.startswith("linux"):
        pytest.skip("root may write anywhere")
    system, header, data = ctypes.CDLL(None, use_errno=True), _Header(VERSION, 0), (_Data * 2)()
    if system.capget(ctypes.byref(header), data):
        pytest.skip("root may write anywhere")
    before = data[0].effective
    data[0].effective = before & ~OVERRIDE
    assert system.capset(ctypes.byref(header), data) == 0
    try:
        yield
    finally:
        data[0].effective = before
        assert system.capset(ctypes.byref(header), data) == 0
