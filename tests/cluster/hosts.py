"""Hosts for tests: network namespaces on a bridge, with addresses; on them Ray, PostgreSQL, an S3 server and MLflow.

Needs root (or CAP_SYS_ADMIN and CAP_NET_ADMIN) for the namespaces. Nothing leaves this machine.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trainables.kernels.compile import cache_folder

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 400.0  # seconds for a service to come up on a busy machine
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]  # Debian's place
GCS_PORT, DASHBOARD_PORT, CLIENT_PORT, S3_PORT, MLFLOW_PORT, POSTGRES_PORT = 6379, 8265, 10001, 8333, 5000, 5432
BUCKET, S3_KEY = "hyperphase", "tester"


def missing() -> str:
    """What this machine lacks for hosts; "" if nothing."""
    if not shutil.which("ip"):
        return "no `ip` (Debian's iproute2)"
    probe = f"hpx{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode:
        return "network namespaces are not permitted here"
    subprocess.run(["ip", "netns", "delete", probe], check=True)
    return ""


@dataclass
class Host:
    """One host: a namespace, an address, and the processes started on it."""

    name: str
    address: str
    folder: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen] = field(default_factory=list)

    def start(self, *command: str, wrap: str = "", **variables: str) -> subprocess.Popen:
        """Starts a command here, in a session of its own; its output goes to a file. wrap: shell text to run before."""
        inside = ["sh", "-c", f'{wrap}; exec "$@"', "sh", *command] if wrap else list(command)
        log = open(self.folder / f"{len(self.processes)}.log", "wb")  # noqa: SIM115
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *inside], cwd=self.folder, env=self.environment | variables,
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def run(self, *command: str, cwd: Path = REPOSITORY, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *command], cwd=cwd, env=self.environment | variables,
            capture_output=True, text=True, timeout=900,
        )  # fmt: skip

    def hyperphase(self, *arguments: str, cwd: Path = REPOSITORY, **variables: str) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "search.cli", *arguments, cwd=cwd, **variables)

    def kill(self) -> None:
        """kill -9 of everything on this host, as when the machine loses power."""
        while found := subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True
        ).stdout.split():
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
        for process in self.processes:
            process.wait()
        self.processes.clear()

    def output(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log"))


@contextlib.contextmanager
def hosts(folder: Path, count: int) -> Iterator[list[Host]]:
    """`count` hosts on a bridge of their own; all that runs on them ends with the block."""
    number = os.getpid() % 250
    bridge, made = f"hpb{os.getpid()}", []
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    environment["HYPERPHASE_CACHE"] = str(cache_folder())  # the compiled kernel is everybody's
    _ip(f"link add {bridge} type bridge")
    try:
        _ip(f"address add 10.77.{number}.1/24 dev {bridge}")
        _ip(f"link set {bridge} up")
        for k in range(count):
            name, address = f"hp{os.getpid()}n{k}", f"10.77.{number}.{10 + k}"
            _ip(f"netns add {name}")
            own = folder / f"host{k}"
            home = own / "home"
            home.mkdir(parents=True)
            made.append(Host(name, address, own, environment | {"HOME": str(home)}))
            _ip(f"link add hpv{os.getpid() % 100000}x{k} type veth peer name eth0 netns {name}")
            _ip(f"link set hpv{os.getpid() % 100000}x{k} master {bridge} up")
            for line in (f"address add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
                _ip(f"-n {name} {line}")
        yield made
    finally:
        for host in made:
            host.kill()
            subprocess.run(["ip", "netns", "delete", host.name], capture_output=True)
        subprocess.run(["ip", "link", "delete", bridge], capture_output=True)


def _ip(line: str) -> None:
    subprocess.run(["ip", *line.split()], check=True, capture_output=True)


def wait(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, f"{what} did not come up"
        time.sleep(0.3)


def listens(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


@dataclass
class Cluster:
    """A Ray head without cores, workers with one core each, and a host with the services."""

    head: Host
    workers: list[Host]
    services: Host
    folder: Path
    mlflow: str = ""

    @property
    def address(self) -> str:
        return f"{self.head.address}:{GCS_PORT}"

    @property
    def shared(self) -> Path:
        """A folder that all hosts see."""
        return self.folder / "shared"

    @property
    def private(self) -> Path:
        """A folder that the workers see empty."""
        return self.folder / "private"

    def start_head(self) -> None:
        self.head.start(*self._patiently(
            "--head", "--block", f"--port={GCS_PORT}", "--num-cpus=0", "--include-dashboard=true",
            f"--dashboard-host={self.head.address}", f"--dashboard-port={DASHBOARD_PORT}",
            f"--ray-client-server-port={CLIENT_PORT}", *self._node(self.head),
        ))  # fmt: skip
        wait(lambda: listens(self.head.address, GCS_PORT), "Ray's head")

    def start_worker(self, worker: Host) -> None:
        command = self._patiently("--block", f"--address={self.address}", "--num-cpus=1", *self._node(worker))
        worker.start(*command, wrap=f"mount -t tmpfs none {self.private}")  # `ip netns exec` gives it mounts of its own

    def _patiently(self, *options: str) -> list[str]:
        """Ray gives a node 30 s to start; on a busy machine it takes another try."""
        return ["sh", "-c", 'until "$@"; do sleep 1; done', "sh", *_ray("start", *options)]

    def _node(self, host: Host) -> list[str]:
        temporary = f"/tmp/{host.name}"  # short: Unix sockets lie below it
        return [f"--node-ip-address={host.address}", f"--temp-dir={temporary}", "--object-store-memory=100000000",
                "--disable-usage-stats"]  # fmt: skip

    def nodes(self) -> int:
        """Living nodes with a core."""
        code = ("import ray; ray.init(log_to_driver=False, logging_level='ERROR'); "
                "print('NODES', sum(n['Alive'] and 'CPU' in n['Resources'] for n in ray.nodes()))")  # fmt: skip
        shown = self.head.run(sys.executable, "-c", code, RAY_ADDRESS=self.address).stdout
        return int(shown.partition("NODES")[2].split()[0]) if "NODES" in shown else -1

    def start_services(self) -> None:
        """PostgreSQL, an S3 server (SeaweedFS) and MLflow with both behind it."""
        host, password = self.services, secrets.token_hex(16)
        self._start_postgres(password)
        self._start_s3()
        uri = f"postgresql://postgres:{password}@{host.address}:{POSTGRES_PORT}/postgres"
        host.start(
            sys.executable, "-m", "mlflow", "server", "--host", "0.0.0.0", "--port", str(MLFLOW_PORT),
            "--workers", "1", "--artifacts-destination", f"s3://{BUCKET}/mlflow",
            "--allowed-hosts", f"{host.address}:{MLFLOW_PORT}",
            MLFLOW_BACKEND_STORE_URI=uri, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        )  # fmt: skip
        self.mlflow = f"http://{host.address}:{MLFLOW_PORT}"
        wait(lambda: listens(host.address, MLFLOW_PORT), "MLflow")

    def _start_postgres(self, password: str) -> None:
        host, folder = self.services, Path(f"/tmp/{self.services.name}-pg")
        folder.mkdir(mode=0o700)
        secret = folder.with_suffix(".password")
        secret.write_text(password)
        user = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            for path in (folder, secret):
                shutil.chown(path, "postgres", "postgres")
        create = [str(POSTGRES[0] / "initdb"), "-D", str(folder), "-U", "postgres", "--auth=scram-sha-256"]
        made = subprocess.run([*user, *create, f"--pwfile={secret}"], cwd="/", capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        (folder / "pg_hba.conf").write_text("host all all samenet scram-sha-256\n")
        host.start(*user, str(POSTGRES[0] / "postgres"), "-D", str(folder), "-h", host.address,
                   "-p", str(POSTGRES_PORT), "-k", str(folder))  # fmt: skip
        wait(lambda: listens(host.address, POSTGRES_PORT), "PostgreSQL")

    def _start_s3(self) -> None:
        host, secret = self.services, secrets.token_hex(16)
        keys = {"accessKey": S3_KEY, "secretKey": secret}
        identity = {"name": "tester", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        config, data = host.folder / "s3.json", host.folder / "s3"
        config.write_text(json.dumps({"identities": [identity]}))
        data.mkdir()
        host.start(
            shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"), "server", "-s3",
            f"-ip={host.address}", f"-ip.bind={host.address}", f"-dir={data}", f"-s3.port={S3_PORT}",
            f"-s3.config={config}", "-volume.max=50", "-master.volumeSizeLimitMB=64",
        )  # fmt: skip
        wait(lambda: listens(host.address, S3_PORT), "the S3 server")
        access = {
            "AWS_ACCESS_KEY_ID": S3_KEY, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host.address}:{S3_PORT}",
            "MLFLOW_S3_ENDPOINT_URL": f"http://{host.address}:{S3_PORT}",
        }  # fmt: skip
        for other in (self.head, *self.workers, self.services):
            other.environment |= access
        make = f"import s3fs; s3fs.S3FileSystem().mkdir('{BUCKET}')"
        wait(lambda: host.run(sys.executable, "-c", make).returncode == 0, "a bucket")


@contextlib.contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A whole cluster, up."""
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    with hosts(folder, workers + 2) as (head, services, *rest):
        for host in (head, *rest):
            host.environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        made = Cluster(head, rest, services, folder)
        made.shared.mkdir()
        made.private.mkdir()
        try:
            made.start_services()
            made.start_head()
            for worker in rest:
                made.start_worker(worker)
            wait(lambda: made.nodes() == workers, "the cluster")
            yield made
        except AssertionError:
            for host in (head, services, *rest):
                print(f"---- {host.name} {host.address}\n{host.output()}")
            raise
        finally:
            for host in (head, services, *rest):
                host.kill()
                shutil.rmtree(f"/tmp/{host.name}", ignore_errors=True)
            shutil.rmtree(f"/tmp/{services.name}-pg", ignore_errors=True)
            Path(f"/tmp/{services.name}-pg.password").unlink(missing_ok=True)


def _ray(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ray.scripts.scripts", *arguments]
