"""Keep freed memory in the process: a training allocates and frees the same tensors thousands of times.

glibc hands large blocks back to the system at once, and every step would fault them in again; on a virtual machine
that took three quarters of a training's time.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
LARGEST_MMAP_THRESHOLD = 32 * 2**20  # bytes; glibc refuses more


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed blocks for reuse. Returns whether it could (glibc only)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
