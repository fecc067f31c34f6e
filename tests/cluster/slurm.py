"""A Slurm for tests: munge, a controller and nodes, each on a host of its own (tests/cluster/hosts.py).

Debian's slurmctld, slurmd, slurm-client and munge. Their keys, configuration, state and sockets lie in temporary
folders.
"""

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.hosts import Host, hosts, listens, wait

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "munged")
CONTROLLER_PORT, NODE_PORT = 6817, 6818
CORES = 2  # a node says that it has them, so that what confines a step to one core is seen
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # Debian keeps daemons there
OVER = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}

CONFIGURATION = """\
ClusterName=hyperphase
SlurmctldHost={controller.name}({controller.address})
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/%n
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SlurmdTimeout=10
ReturnToService=2
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """The programs that this machine lacks for a Slurm; "" if none."""
    lacking = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    return f"no {', '.join(lacking)} (Debian's slurmctld, slurmd, slurm-client and munge)" if lacking else ""


@dataclass
class Slurm:
    """A controller, on which jobs are submitted, and nodes; `folder` is what all of them see."""

    controller: Host
    nodes: list[Host]
    folder: Path
    own: Path  # configuration, state, logs and sockets of Slurm itself

    def run(self, *command: str) -> str:
        ended = self.controller.run(*command)
        assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def start_daemon(self, host: Host, program: str, *options: str) -> None:
        """On a host with a name and an /etc/hosts of its own: `ip netns exec` has given it mounts of its own."""
        inside = f'hostname {host.name}; mount --bind {self.own}/hosts /etc/hosts; exec "$@"'
        command = [program, "-D", "-f", f"{self.own}/slurm.conf", *options]
        host.start("unshare", "--uts", "sh", "-c", inside, "sh", *command)

    def start_node(self, node: Host) -> None:
        self.start_daemon(node, "slurmd", "-N", node.name)
        state = ["sinfo", "--noheader", f"--nodes={node.name}", "--format=%t"]
        wait(lambda: self.controller.run(*state).stdout.strip() in ("idle", "alloc"), f"Slurm's node {node.name}")

    def job(self, number: str) -> dict[str, str]:
        """What `scontrol show job` knows: JobState, ExitCode, StartTime …"""
        shown = self.run("scontrol", "--oneliner", "show", "job", number)
        return dict(word.split("=", 1) for word in shown.split() if "=" in word)

    def wait_for(self, number: str, seconds: float) -> dict[str, str]:
        """Waits for the end of a job, and what is known of it then."""
        deadline = time.monotonic() + seconds
        while (job := self.job(number))["JobState"] not in OVER:
            assert time.monotonic() < deadline, f"job {number} is {job['JobState']}"
            time.sleep(1)
        return job


@contextlib.contextmanager
def slurm(shared: Path, nodes: int = 2) -> Iterator[Slurm]:
    """A Slurm, up. Everything of it ends with the block."""
    own = Path(tempfile.mkdtemp(prefix="hps", dir="/tmp"))  # short: munge's socket lies in it
    try:
        with hosts(shared, nodes + 1) as made:
            ready = Slurm(made[0], made[1:], shared, own)
            try:
                _start(ready)
                yield ready
            except AssertionError:
                for path in sorted(own.glob("*.log")):
                    print(f"---- {path.name}\n{path.read_text(errors='replace')[-3000:]}")
                raise
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _start(slurm: Slurm) -> None:
    own = slurm.own
    everybody = [slurm.controller, *slurm.nodes]
    lines = (f"{host.address} {host.name}\n" for host in everybody)
    (own / "hosts").write_text("127.0.0.1 localhost\n" + "".join(lines))
    nodes = (f"NodeName={node.name} NodeAddr={node.address} CPUs={CORES} State=UNKNOWN\n" for node in slurm.nodes)
    text = CONFIGURATION.format(controller=slurm.controller, controller_port=CONTROLLER_PORT, node_port=NODE_PORT,
                                folder=own, nodes="".join(nodes))  # fmt: skip
    (own / "slurm.conf").write_text(text)
    (own / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # `ip netns exec` shows no /sys/fs/cgroup to ask
    (own / "state").mkdir()
    own.chmod(0o755)  # munge looks at the folder of its socket
    key = own / "munge.key"
    key.write_bytes(secrets.token_bytes(64))
    key.chmod(0o600)
    for host in everybody:
        # Ray's sockets are to lie in a short path, and jobs of other tests have the same numbers
        host.environment |= {"SLURM_CONF": str(own / "slurm.conf"), "PATH": PATH, "RAY_TMPDIR": str(own)}
    slurm.controller.start(
        "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={own}/munge",
        f"--pid-file={own}/munged.pid", f"--log-file={own}/munged.log", f"--seed-file={own}/munged.seed",
    )  # fmt: skip
    wait((own / "munge").exists, "munge")
    slurm.start_daemon(slurm.controller, "slurmctld")
    wait(lambda: listens(slurm.controller.address, CONTROLLER_PORT), "slurmctld")
    for node in slurm.nodes:
        slurm.start_node(node)
