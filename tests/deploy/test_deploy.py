"""The files in deploy/, checked offline by the schemas of those who read them; planted errors must be caught.

schemas.json.gz holds the v1 schemas of KubeRay's RayCluster and RayJob (ray-project/kuberay, commit feeaf72f) and the
Compose Specification's (compose-spec/compose-spec, commit 170098ba), both Apache-2.0, without their descriptions. None
of this starts a container: what that would show besides is in deploy/README.md.
"""

import copy
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SCHEMAS = json.loads(gzip.decompress((Path(__file__).parent / "schemas.json.gz").read_bytes()))
LOOPBACK = "127.0.0.1:"


def strict(schema):
    """The schema with unknown fields forbidden wherever fields are listed, and Kubernetes' int-or-string understood."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    return made


def documents(name: str) -> list[dict]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def errors(document: dict, schema: dict) -> list[str]:
    return [
        f"{error.json_path}: {error.message[:200]}"
        for error in jsonschema.Draft7Validator(schema).iter_errors(document)
    ]


def kubernetes(document: dict) -> list[str]:
    schema = strict(SCHEMAS[document["kind"]])
    schema["properties"]["metadata"] = {"type": "object"}
    return errors(document, schema)


def plant(document: dict, path: str, value) -> dict:
    """A copy with `value` at a/b/0/c; None removes it."""
    planted = copy.deepcopy(document)
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    place = planted
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return planted


CLUSTER = "kuberay-cluster.yaml"
WORKER = "spec/workerGroupSpecs/0"
CONTAINER = f"{WORKER}/template/spec/containers/0"


@pytest.mark.parametrize("name", [CLUSTER, "kuberay-job.yaml"])
def test_kuberay_takes_them(name):
    found = [document for document in documents(name) if document["kind"].startswith("Ray")]
    assert found and [kubernetes(document) for document in found] == [[] for _ in found]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{WORKER}/replica", 2),
        (f"{WORKER}/replicas", "two"),
        (f"{WORKER}/groupName", None),
        ("spec/authOptions/mode", "password"),
        (f"{CONTAINER}/resources/limits", ["8"]),
        (f"{CONTAINER}/volumeMount", []),
        (f"{WORKER}/template/spec/containers", None),
        ("spec/headGroupSpec/serviceTyp", "ClusterIP"),
    ],
)
def test_kuberay_would_refuse_planted_errors(path, value):
    assert kubernetes(plant(documents(CLUSTER)[0], path, value))


def test_the_job_brings_the_same_cluster():
    cluster, claim = documents(CLUSTER)
    (job,) = documents("kuberay-job.yaml")
    assert job["spec"]["rayClusterSpec"] == cluster["spec"]
    volumes = cluster["spec"]["headGroupSpec"]["template"]["spec"]["volumes"]
    assert volumes[0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_tokens_are_on_everywhere():
    assert documents(CLUSTER)[0]["spec"]["authOptions"]["mode"] == "token"
    assert (
        "RAY_AUTH_MODE=token" in (DEPLOY / "Dockerfile").read_text()
    )  # head, workers and driver of compose and ray up
    assert "RAY_AUTH_MODE=token" in (DEPLOY / "slurm.sh").read_text()
    start = documents("ray-cluster.yaml")[0]
    for commands in (start["head_start_ray_commands"], start["worker_start_ray_commands"]):
        assert "RAY_AUTH_TOKEN_PATH=/home/ray/.ray/auth_token" in commands[-1]
        assert "/home/ray/.ray/auth_token" in start["file_mounts"]


def compose() -> dict:
    return documents("compose.yaml")[0]


def test_compose_takes_it():
    assert errors(compose(), SCHEMAS["compose"]) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("services/head/port", ["127.0.0.1:1:1"]),
        ("services/head/ports", "8265:8265"),
        ("services/mlflow/depends_on/postgres/condition", "healthy"),
        ("services/worker/deploy/replicas", [2]),
        ("volumes", ["s3"]),
        ("secrets/ray_token", "secrets/ray_token"),
    ],
)
def test_compose_would_refuse_planted_errors(path, value):
    assert errors(plant(compose(), path, value), SCHEMAS["compose"])


def test_compose_refers_to_what_it_has():
    file = compose()
    for name, service in file["services"].items():
        assert set(service.get("depends_on", ())) <= set(file["services"]), name
        assert set(service.get("secrets", ())) <= set(file["secrets"]), name
        assert {mount.split(":")[0] for mount in service.get("volumes", ())} <= set(file["volumes"]), name


def test_nothing_is_published_beyond_loopback():
    published = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert published and all(str(port).startswith(LOOPBACK) for port in published)
    assert documents(CLUSTER)[0]["spec"]["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert "--dashboard-host=127.0.0.1" in documents("ray-cluster.yaml")[0]["head_start_ray_commands"][-1]
    assert "--include-dashboard=false" in (DEPLOY / "slurm.sh").read_text()


def test_no_file_holds_a_secret():
    for path in [path for path in DEPLOY.iterdir() if path.is_file()]:
        text = path.read_text()
        assert not re.search(r"(?i)(password|secret_access_key|secretKey\"?|token):? ?[=:] ?\"?[0-9a-f]{16}", text), (
            path
        )
        assert not re.search(r"://[^/\s\"$]+:[^/\s\"$]+@", text), path


def test_ray_up_reads_it_and_refuses_planted_errors():
    """In a process of its own, by Ray's launcher, as `ray up` does before it asks the cloud for anything."""
    config = documents("ray-cluster.yaml")[0]
    planted = [
        ("max_worker", 3),
        ("available_node_types/worker/max_worker", 3),
        ("head_node_type", "boss"),
        ("provider/type", None),
        ("available_node_types/worker/resources", ["CPU"]),
    ]
    code = (
        "import json, sys\nfrom ray.autoscaler._private.util import prepare_config, validate_config\n"
        "for config in json.load(sys.stdin):\n"
        "    try:\n        validate_config(prepare_config(config)); print('valid')\n"
        "    except Exception as error: print(type(error).__name__)"
    )
    text = json.dumps([config, *(plant(config, path, value) for path, value in planted)])
    shown = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, timeout=120)
    verdicts = shown.stdout.split()
    assert len(verdicts) == 6 and verdicts[0] == "valid" and "valid" not in verdicts[1:], shown


def linter(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return found or pytest.skip(f"no {name}; `make cluster-test` installs it")


def test_shell_scripts():
    checked = subprocess.run([linter("shellcheck"), *map(str, DEPLOY.glob("*.sh"))], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_the_dockerfile(tmp_path):
    program = linter("hadolint")
    checked = subprocess.run([program, str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    planted = tmp_path / "Dockerfile"
    planted.write_text(
        (DEPLOY / "Dockerfile").read_text().replace("USER 1000", "USER root").replace("RUN pip", "RUM pip")
    )
    assert subprocess.run([program, str(planted)], capture_output=True).returncode != 0


def test_the_dockerfile_copies_what_is_there():
    text = (DEPLOY / "Dockerfile").read_text()
    assert "constraints.txt" in text and (DEPLOY.parent / "constraints.txt").is_file()
    extras = re.search(r"'\.\[(\w+)\]'", text)[1]
    assert f"\n{extras} = [" in (DEPLOY.parent / "pyproject.toml").read_text()


def test_secrets_are_made_once_and_kept_private(tmp_path):
    shutil.copy(DEPLOY / "make_secrets.sh", tmp_path)
    twice = []
    for _ in range(2):
        subprocess.run(["bash", str(tmp_path / "make_secrets.sh")], check=True, capture_output=True)
        twice.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})
    made = twice[0]
    assert made == twice[1]
    assert set(made) == {Path(secret["file"]).name for secret in compose()["secrets"].values()}
    assert (tmp_path / "secrets").stat().st_mode & 0o77 == 0 and len(made["ray_token"]) == 64
    key = json.loads(made["s3_identities.json"])["identities"][0]["credentials"][0]["secretKey"]
    assert f"aws_secret_access_key = {key}\n" in made["s3_credentials"]
    ignored = subprocess.run(["git", "check-ignore", "-q", "deploy/secrets/ray_token"], cwd=DEPLOY.parent)
    assert ignored.returncode == 0


STUBS = {
    "scontrol": 'printf "n1\\nn2\\nn3\\n"',
    "srun": 'node=""; while [ "${1#--}" != "$1" ]; do case "$1" in --nodelist=*) node="${1#*=}";; esac; shift; done\n'
            'NODE=$node exec "$@"',
    "hostname": '[ "$1" = --ip-address ] && echo "127.0.1.1 fe80::1" || echo "10.0.0.1 192.168.0.1 fe80::2"',
    "ray": 'case "$1" in start) [ -s "$RAY_AUTH_TOKEN_PATH" ] && echo "$NODE ray $*" >> "$LOG"; exec sleep 60;;\n'
           'health-check) grep -q "start --head" "$LOG";; esac',
    # a real sweep outlasts the start of the other nodes
    "hyperphase": 'for i in $(seq 100); do [ "$(grep -c "start --block" "$LOG")" -lt 2 ] && sleep 0.1; done\n'
                  'echo "$NODE hyperphase $* token $(wc -c < "$RAY_AUTH_TOKEN_PATH")" >> "$LOG"\n'
                  '[ "$3" != 10.0.0.1:6379 ] || [ -z "$WAIT" ] || { trap "echo stopped >> $LOG; exit 143" TERM; '
                  'sleep 60 & wait; }',
}  # fmt: skip


@pytest.fixture
def allocation(tmp_path):
    """Slurm, Ray and hyperphase as stubs that write down how they are called; the script runs for real."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, text in STUBS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    variables = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "LOG": f"{tmp_path}/log",
    }
    variables |= {"SLURM_JOB_ID": f"test-{os.getpid()}", "SLURM_JOB_NODELIST": "n[1-3]", "SLURMD_NODENAME": "n1"}
    variables |= {"SLURM_CPUS_ON_NODE": "32", "NODE": "n1", "WAIT": ""}

    def run(**more: str) -> subprocess.Popen:
        command = ["bash", str(DEPLOY / "slurm.sh"), "--preset", "paper", "--out", "/shared/a b"]
        return subprocess.Popen(command, env=variables | more, stderr=subprocess.PIPE, text=True)

    return tmp_path, run


def test_slurm_starts_a_head_workers_and_a_driver(allocation):
    folder, run = allocation
    process = run()
    assert process.wait(timeout=60) == 0, process.stderr.read()
    lines = sorted((folder / "log").read_text().splitlines())
    assert lines[0].startswith("n1 hyperphase sweep --address 10.0.0.1:6379 --preset paper --out /shared/a b token 64")
    assert lines[1].startswith("n1 ray start --head --block --node-ip-address=10.0.0.1 --port=6379 --num-cpus=32")
    assert len(lines) == 4 and all(
        line.startswith(f"{node} ray start --block --address=10.0.0.1:6379 --num-cpus=32")
        for line, node in zip(lines[2:], ("n2", "n3"), strict=True)
    )
    assert not list(folder.glob(".ray-*"))  # the token is gone


def test_slurms_warning_stops_the_driver(allocation):
    folder, run = allocation
    process = run(WAIT="yes")
    deadline = time.monotonic() + 60
    while not (folder / "log").exists() or "hyperphase" not in (folder / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.terminate()
    assert process.wait(timeout=60) == 143
    assert (folder / "log").read_text().splitlines()[-1] == "stopped" and not list(folder.glob(".ray-*"))
