"""C++ sources compiled on first use for the machine that runs them, with the system's compiler.

The libraries are kept in a cache folder that all processes share, HYPERPHASE_CACHE or ~/.cache/hyperphase. Where there
is no compiler, or HYPERPHASE_NATIVE is 0, callers take the same arithmetic from PyTorch.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

FLAGS = (
    "-O3",
    "-march=native",
    "-funroll-loops",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-std=c++17",
    "-shared",
    "-fPIC",
)


def cache_folder() -> Path:
    """Where compiled libraries are kept."""
    return Path(os.environ.get("HYPERPHASE_CACHE") or Path.home() / ".cache" / "hyperphase")


def compiler() -> str | None:
    """The system's C++ compiler."""
    return os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


@functools.cache
def library(source: Path, **constants: int) -> ctypes.CDLL | None:
    """The source, with the headers beside it, compiled with -D for every constant; None where that is not possible.

    That is without a compiler, a cache or a source file, which code in a zip (a logged model's) has not.
    """
    program = compiler()
    if program is None or os.environ.get("HYPERPHASE_NATIVE") == "0" or not source.is_file():
        return None
    defines = [f"-D{name}={value}" for name, value in sorted(constants.items())]
    sources = [path.read_text() for path in (source, *sorted(source.parent.glob("*.h")))]
    recipe = "\n".join([*sources, program, *FLAGS, *defines, _processor()])
    compiled = cache_folder() / f"{source.stem}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.so"
    try:
        if not compiled.exists():
            _compile([program, *FLAGS, *defines, str(source)], compiled)
        return ctypes.CDLL(str(compiled))
    except (OSError, subprocess.CalledProcessError):
        return None


def addresses(tensors: Sequence[Tensor]) -> ctypes.Array:
    """Where the tensors' numbers begin, for a C function."""
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))


def strided(tensors: Sequence[Tensor]) -> tuple[ctypes.Array, ctypes.Array]:
    """Addresses of tensors (members, …), and how many numbers a member's are from the next one's.

    A member's own numbers have to lie next to each other.
    """
    return addresses(tensors), (ctypes.c_long * len(tensors))(*(tensor.stride(0) for tensor in tensors))


def _compile(command: list[str], compiled: Path) -> None:
    """Run the compiler; other processes that do the same at the same time see a whole library or none."""
    compiled.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=compiled.parent, suffix=".so")
    os.close(handle)
    try:
        subprocess.run([*command, "-o", unfinished], check=True, capture_output=True)
        os.replace(unfinished, compiled)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def _processor() -> str:
    """What -march=native depends on: folders of libraries can be shared between unlike machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return "\n".join([platform.machine(), platform.processor(), *sorted({x for x in lines if x.startswith("flags")})])
