"""The image of deploy/Dockerfile, built and run without a registry: `make image-test`, ten minutes on two cores.

Its base is Debian by debootstrap in place of Docker Hub's Python, its packages are wheels that the pip of this machine
finds, and buildah's chroot isolation needs no namespaces. Needs root, and Debian's packages to be reachable.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = ("buildah", "debootstrap")
CHROOT = "--isolation=chroot"
PYTHON = "python3,python3-pip,python-is-python3,ca-certificates"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def run(*command: str) -> str:
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == 0, f"{command}: {ended.stdout[-3000:]}{ended.stderr[-3000:]}"
    return ended.stdout


@pytest.fixture(scope="module")
def buildah(tmp_path_factory):
    """buildah with a store of its own; what it built is gone afterwards."""
    lacking = [program for program in PROGRAMS if not shutil.which(program)]
    if lacking or os.geteuid() != 0:
        pytest.skip(f"no {', '.join(lacking)}" if lacking else "needs root")
    store = tmp_path_factory.mktemp("store")
    options = [f"--root={store}/root", f"--runroot={store}/run"]

    def call(command: str, *arguments: str) -> str:
        return run("buildah", *options, command, *arguments).strip()

    yield call
    call("rm", "--all")
    call("rmi", "--all", "--force")


@pytest.fixture(scope="module")
def base(buildah, tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("base") / "root"
    run("debootstrap", "--variant=minbase", f"--include={PYTHON}", "bookworm", str(root))
    (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink()  # the Python of Docker's images takes packages from pip
    container = buildah("from", "scratch")
    buildah("copy", "--quiet", container, str(root), "/")
    buildah("commit", "--quiet", container, "base")
    shutil.rmtree(root)
    return "localhost/base"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    needed = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["build-system"]["requires"]
    run(sys.executable, "-m", "pip", "download", "--quiet", "-c", "constraints.txt", "-d", str(folder), *needed,
        ".[cluster]")  # fmt: skip
    return folder


def test_a_sweep_in_the_image(buildah, base, wheels):
    settings = [f"BASE={base}", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels"]
    arguments = [f"--build-arg={setting}" for setting in settings]
    buildah("bud", CHROOT, "--pull-never", *arguments, f"--volume={wheels}:/wheels:ro", "--file=deploy/Dockerfile",
            "--tag=hyperphase", ".")  # fmt: skip
    container = buildah("from", "--pull-never", "localhost/hyperphase")

    def inside(*command: str) -> str:
        return buildah("run", CHROOT, container, "--", *command)

    assert inside("id", "--user") == "1000"
    assert set(inside("ls", "/hyperphase").split()) >= {"analysis", "search", "trainables", "constraints.txt"}
    for kept_out in ("deploy", "tests", ".git", ".venv", "sweeps"):
        assert kept_out not in inside("ls", "--all", "/hyperphase").split()
    inside("hyperphase", "sweep", "--preset", "smoke", "--out", "/sweeps/smoke")
    assert "4 of 4 trainings done" in inside("hyperphase", "status", "/sweeps/smoke")
