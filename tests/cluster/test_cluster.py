"""Sweeps on several hosts, with a tracking server on PostgreSQL and S3: `make cluster-test`.

A head without cores and two workers, each in a network namespace with its own address; a fourth host for the services.
Grid, seeds and steps are the smallest that make several packs.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import tomli_w

from search.ledger import ledger
from tests.cluster import hosts
from tests.support.own_experiment import MINE, TABLES
from tests.support.records import assert_same_sweep

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SMOKE = ["--preset", "smoke", "--set", "training.device=cpu", "--set", "ray.pack_size=1", "--set", "grid.seeds=3"]
LONGER = [*SMOKE, "--set", "training.steps=1200", "--set", "ray.checkpoint_seconds=0.2"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    for package in ("s3fs", "boto3", "psycopg", "grpc"):
        pytest.importorskip(package, reason="`make cluster-test` installs what this needs")
    if not hosts.POSTGRES or hosts.missing():
        pytest.skip(hosts.missing() or "no PostgreSQL server (Debian's postgresql)")
    with hosts.cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same sweeps on an embedded Ray: options -> folder."""
    swept: dict[tuple, Path] = {}

    def sweep(options: list[str]) -> Path:
        key = tuple(options)
        if key not in swept:
            swept[key] = tmp_path_factory.mktemp("alone") / "sweep"
            command = [sys.executable, "-m", "search.cli", "sweep", *options, "--set", "mlflow.enabled=false"]
            subprocess.run([*command, "--out", str(swept[key])], check=True, capture_output=True, timeout=900)
        return swept[key]

    return sweep


def check(cluster, folder: Path, undisturbed: Path, tracked: bool = True) -> None:
    """Every training once in the ledger, in the table and in MLflow, and all as in the undisturbed sweep."""
    keys = assert_same_sweep(folder, undisturbed)
    if tracked:
        assert sorted(logged(cluster, folder)) == keys


def logged(cluster, folder: Path) -> list[str]:
    """Keys of the sweep's finished child runs on the server."""
    sweep = json.loads((folder / "manifest.json").read_text())["sweep"]
    code = (
        "import sys, mlflow; client = mlflow.MlflowClient(sys.argv[1]); "
        "experiment = client.get_experiment_by_name('hyperphase').experiment_id; "
        "runs = client.search_runs([experiment], f\"tags.sweep = '{sys.argv[2]}' and tags.kind = 'training'\"); "
        "print('KEYS', *(run.data.tags['key'] for run in runs if run.info.status == 'FINISHED'))"
    )
    shown = cluster.services.run(sys.executable, "-c", code, cluster.mlflow, sweep)
    assert "KEYS" in shown.stdout, shown.stderr
    return shown.stdout.partition("KEYS")[2].split()


def start(cluster, folder: Path, *options: str) -> subprocess.Popen:
    return cluster.head.start(
        sys.executable, "-m", "search.cli", "sweep", *options, "--address", cluster.address, "--out", str(folder),
        MLFLOW_TRACKING_URI=cluster.mlflow, PYTHONPATH=str(hosts.REPOSITORY),
    )  # fmt: skip


def wait_for_records(process: subprocess.Popen, folder: Path, count: int) -> None:
    deadline = time.monotonic() + 600
    while len(ledger.keys(folder / "ledger")) < count:
        assert process.poll() is None and time.monotonic() < deadline, "the sweep ended too soon"
        time.sleep(0.1)


def test_a_sweep_with_results_and_artifacts_in_s3(cluster, alone, tmp_path):
    """The driver's folder is its own; workers meet in the bucket."""
    bucket = f"s3://{hosts.BUCKET}/sweep"
    ended = cluster.head.hyperphase(
        "sweep", *SMOKE, "--set", f"ray.storage={bucket}", "--out", str(tmp_path / "sweep"),
        RAY_ADDRESS=cluster.address, MLFLOW_TRACKING_URI=cluster.mlflow,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    check(cluster, tmp_path / "sweep", alone(SMOKE))
    table = pd.read_parquet(tmp_path / "sweep" / "trainings.parquet")
    assert set(table["host"]) == {worker.address for worker in cluster.workers}
    list_all = f"import s3fs; print('\\n'.join(s3fs.S3FileSystem().find('{hosts.BUCKET}')))"
    stored = cluster.head.run(sys.executable, "-c", list_all).stdout.splitlines()
    assert {f"{hosts.BUCKET}/sweep/ledger/{key}.npz" for key in table["key"]} <= set(stored)
    assert sum(path.endswith("/drawing.svg") for path in stored) == len(table)
    # a new folder, an embedded Ray, the same bucket: nothing is left to train
    again = cluster.head.hyperphase("sweep", *SMOKE, "--set", f"ray.storage={bucket}", "--out", str(tmp_path / "again"))
    assert again.returncode == 0 and "6 trainings, 6 of them done before" in again.stderr, again.stderr


def test_a_submitted_job_and_a_shared_folder(cluster, alone):
    folder = cluster.shared / "job"
    command = [sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--address",
               f"http://{cluster.head.address}:{hosts.DASHBOARD_PORT}", "--", sys.executable, "-m", "search.cli",
               "sweep", *SMOKE, "--out", str(folder)]  # fmt: skip
    ended = cluster.head.run(*command, PYTHONPATH=str(hosts.REPOSITORY))
    assert ended.returncode == 0 and "succeeded" in ended.stdout, ended.stdout + ended.stderr
    check(cluster, folder, alone(SMOKE), tracked=False)


SAW = """
    from pathlib import Path
    saw = float(Path("{file}").exists())"""


@pytest.fixture(scope="module")
def foreign(cluster) -> Path:
    """A folder that no worker sees, with an experiment that imports from beside it, and a package with the same one."""
    home = cluster.private / "home"
    package = home / "theirs"
    package.mkdir(parents=True)
    code = MINE.replace("import math", "from beside import math").replace('": value}', '": value, "saw": saw}')
    code = code.replace("def train(run):", f"def train(run):{SAW.format(file=home / 'mine.py')}")
    (home / "mine.py").write_text(code)
    (package / "mine.py").write_text(code.replace("from beside", "from theirs.beside"))
    for folder in (home, package):
        (folder / "beside.py").write_text("import math\n")
    config = tomli_w.dumps(TABLES | {"ray": {"pack_size": 5}})
    (home / "mine.toml").write_text(config)
    (home / "theirs.toml").write_text(config.replace("mine.py:", "theirs.mine:"))
    return home


def check_foreign(cluster, folder: Path) -> None:
    """All 30 are done, all but the trial by workers that have never seen the file."""
    table = pd.read_parquet(folder / "trainings.parquet")
    assert len(table) == 30 and (table["status"] == "done").all() and set(table["label"]) == {"low", "high"}
    hosts_seen = set(table["host"]) - {""}  # one worker may be quick enough to take all
    assert hosts_seen and hosts_seen <= {worker.address for worker in cluster.workers}
    assert table["saw"].sum() == 1 and (table["host"][table["saw"] == 1] == "").all()


@pytest.mark.parametrize("config", ["mine.toml", "theirs.toml"])
def test_a_users_own_experiment_travels_to_the_workers(cluster, foreign, config):
    folder = cluster.shared / config.partition(".")[0]
    ended = cluster.head.hyperphase(
        "sweep", "--config", config, "--address", cluster.address, "--out", str(folder),
        cwd=foreign, PYTHONPATH=f"{hosts.REPOSITORY}:{foreign}",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    check_foreign(cluster, folder)


def test_a_users_own_experiment_in_a_submitted_job(cluster, foreign):
    """From a machine outside the cluster, with the working directory that Ray packs; then resumed without the file."""
    folder = cluster.shared / "foreign-job"
    token = {name: cluster.head.environment[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH")}
    command = [sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--working-dir", ".", "--address",
               f"http://{cluster.head.address}:{hosts.DASHBOARD_PORT}", "--", sys.executable, "-m", "search.cli",
               "sweep", "--config", "mine.toml", "--out", str(folder)]  # fmt: skip
    ended = cluster.services.run(*command, cwd=foreign, PYTHONPATH=str(hosts.REPOSITORY), **token)
    assert ended.returncode == 0 and "succeeded" in ended.stdout, ended.stdout + ended.stderr
    check_foreign(cluster, folder)
    for path in list((folder / "ledger").iterdir())[:10]:
        path.unlink()
    again = cluster.head.hyperphase("resume", str(folder), "--address", cluster.address)
    assert again.returncode == 0 and "20 of them done before" in again.stderr, again.stderr
    assert len(pd.read_parquet(folder / "trainings.parquet")) == 30


def refused(cluster, folder: Path, *options: str, **variables: str) -> str:
    ended = cluster.head.hyperphase("sweep", *SMOKE, *options, "--out", str(folder), **variables)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr, ended.stderr
    assert not ledger.keys(folder / "ledger")
    return ended.stderr.splitlines()[-1]


def test_what_is_wrong_is_told_in_one_line(cluster, tmp_path):
    address = cluster.address
    line = refused(cluster, tmp_path / "a", "--address", f"{cluster.head.address}:1")
    assert line.endswith(f"cannot reach the Ray at {cluster.head.address}:1: Connection refused")
    line = refused(cluster, tmp_path / "b", "--address", address, RAY_AUTH_TOKEN_PATH="", RAY_AUTH_TOKEN="wrong")
    assert "it refuses our token" in line
    line = refused(cluster, tmp_path / "c", "--address", f"{cluster.services.address}:{hosts.S3_PORT}")
    assert line.endswith("something else listens there")


def test_other_versions_are_refused(cluster, tmp_path):
    code = "import ray, sys; ray.__version__ = '2.1.0'; from search.cli.main import main; sys.exit(main())"
    ended = cluster.head.run(
        sys.executable, "-c", code, "sweep", *SMOKE, "--address", cluster.address, "--out", str(tmp_path / "d")
    )
    assert ended.returncode == 2, ended.stderr
    assert re.search(r"cannot join .*Version mismatch.*2\.1\.0", ended.stderr.splitlines()[-1])


def test_a_tracking_server_that_refuses_the_name(cluster, tmp_path):
    """Only a warning: the sweep needs no tracking server."""
    other = cluster.services.address.rpartition(".")[0] + ".99"  # an address that --allowed-hosts lacks
    subprocess.run(["ip", "-n", cluster.services.name, "address", "add", f"{other}/24", "dev", "eth0"], check=True)
    ended = cluster.head.hyperphase(
        "sweep",
        *SMOKE,
        "--out",
        str(tmp_path / "e"),
        MLFLOW_TRACKING_URI=cluster.mlflow.replace(cluster.services.address, other),
    )
    assert ended.returncode == 0, ended.stderr
    name = f"{other}:{hosts.MLFLOW_PORT}"
    assert f"the tracking server refuses the name {name}: start it with --allowed-hosts {name}" in ended.stderr
    assert "hyperphase sync" in ended.stderr


def test_a_storage_that_is_not_shared(cluster):
    line = refused(cluster, cluster.private / "sweep", "--address", cluster.address)
    nodes = "|".join(re.escape(worker.address) for worker in cluster.workers)
    assert re.search(rf"node ({nodes}) does not share the storage {re.escape(str(cluster.private))}", line)


def test_a_node_that_loses_power(cluster, alone):
    folder = cluster.shared / "node"
    process = start(cluster, folder, *LONGER)
    wait_for_records(process, folder, 1)
    cluster.workers[1].kill()
    try:
        assert process.wait(timeout=900) == 0, cluster.head.output()
        check(cluster, folder, alone(LONGER))
    finally:
        hosts.wait(lambda: cluster.nodes() == 1, "the end of the worker")
        cluster.start_worker(cluster.workers[1])
        hosts.wait(lambda: cluster.nodes() == 2, "the worker")


def test_a_head_that_loses_power(cluster, alone):
    """The driver dies with it; a new head, the workers again, and `resume` finishes."""
    folder = cluster.shared / "head"
    process = start(cluster, folder, *LONGER)
    wait_for_records(process, folder, 1)
    before = {key: (folder / "ledger" / f"{key}.npz").read_bytes() for key in ledger.keys(folder / "ledger")}
    cluster.head.kill()
    for worker in cluster.workers:
        worker.kill()
    cluster.start_head()
    for worker in cluster.workers:
        cluster.start_worker(worker)
    hosts.wait(lambda: cluster.nodes() == 2, "the cluster")
    ended = cluster.head.hyperphase(
        "resume", str(folder), "--address", cluster.address, MLFLOW_TRACKING_URI=cluster.mlflow
    )
    assert ended.returncode == 0, ended.stderr
    assert all((folder / "ledger" / f"{key}.npz").read_bytes() == content for key, content in before.items())
    check(cluster, folder, alone(LONGER))


def test_no_secret_is_written_down(cluster):
    """Runs last: whatever the sweeps above left, none of it holds the token or a key."""
    hidden = [cluster.head.environment["AWS_SECRET_ACCESS_KEY"], Path(cluster.folder / "token").read_text()]
    left = [path for path in cluster.shared.rglob("*") if path.is_file()]
    assert len(left) > 50
    for path in left:
        content = path.read_bytes()
        assert not any(secret.encode() in content for secret in hidden), path
