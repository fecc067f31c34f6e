"""`hyperphase ui`: MLflow's server on a sweep's own store, and the address of the sweep's page once it is up."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import NoReturn

from analysis.formatting import printable
from search.sweep.folder import SweepFolder
from search.tracking.run_content import run_address

PATIENCE = 300.0  # seconds until the server is given up


def serve(folder: SweepFolder, store: str, port: int) -> NoReturn:
    """Becomes MLflow's server, so that whatever ends this process ends the server."""
    log = str(folder.log)
    subprocess.Popen([sys.executable, "-m", "search.cli.ui", str(port), str(os.getpid()), log])  # says when it is up
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--allowed-hosts", f"127.0.0.1:{port},localhost:{port}"]  # no name that a foreign page may give us
    command += ["--artifacts-destination", folder.mlflow_artifacts.as_uri()]
    command += ["--uvicorn-opts", "--log-level warning"]  # not a line for every request
    try:
        quiet = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:  # a folder that cannot be written
        quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # what MLflow says at its start is for the log
        os.dup2(quiet, stream)
    os.execve(sys.executable, command, environment)


def announce(port: int, server: int, log: str) -> None:
    """Waits for the server (a process id, this one's parent) and prints where to look."""
    address, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE
    while os.getppid() == server and time.monotonic() < deadline:
        try:
            _ask(f"{address}health")
        except OSError:
            time.sleep(0.2)
            continue
        print(f"MLflow: {sweep_page(address)} (Ctrl-C ends it)", flush=True)
        return
    print(f"hyperphase: MLflow ended before it answered; {printable(log)} says why", file=sys.stderr)


def sweep_page(address: str) -> str:
    """The page of the latest sweep that a server knows; the server's first page if it knows none."""
    api = f"{address}api/2.0/mlflow/"
    try:
        experiments = json.loads(_ask(f"{api}experiments/search", {"max_results": 1000}))["experiments"]
        asked = {
            "experiment_ids": [one["experiment_id"] for one in experiments],
            "filter": "tags.kind = 'sweep'",
            "order_by": ["attributes.start_time DESC"],
            "max_results": 1,
        }
        [run] = json.loads(_ask(f"{api}runs/search", asked))["runs"]
        return address + run_address(run["info"]["experiment_id"], run["info"]["run_id"])
    except (OSError, ValueError, KeyError):
        return address


def _ask(address: str, body: dict | None = None) -> bytes:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return answer.read()


if __name__ == "__main__":
    announce(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
