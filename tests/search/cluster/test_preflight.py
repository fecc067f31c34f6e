"""Trouble is told in one line before work starts. (What needs a real cluster is in tests/cluster.)"""

import contextlib
import http.server
import os
import threading

import pytest

from analysis.errors import UserError
from search.cluster import preflight, session
from search.cluster.session import native_stderr
from search.tracking.server import check_tracking


@contextlib.contextmanager
def server(code: int, text: str):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        (200, "{}", None),
        (401, "who are you", None),
        (
            403,
            "Invalid Host header - possible DNS rebinding attack detected",
            r"refuses the name 127.* --allowed-hosts 127",
        ),
        (502, "", "answers 502 Bad Gateway"),
    ],
)
def test_a_tracking_server_that_answers(code, text, words):
    with server(code, text) as uri:
        if words is None:
            check_tracking(uri)
        else:
            with pytest.raises(UserError, match=words):
                check_tracking(uri)


def test_a_tracking_server_that_is_not_there_and_other_stores():
    with pytest.raises(UserError, match=r"no tracking server at 127\.0\.0\.1:9: Connection refused"):
        check_tracking("http://user:secret@127.0.0.1:9/mlflow")
    check_tracking("sqlite:////nowhere/mlflow.db")


def seen(**changes) -> dict:
    return {"versions": preflight.versions(), "storage": ""} | changes


def test_a_node_is_judged(tmp_path):
    preflight._judge("10.0.0.2", seen(), "/shared")
    with pytest.raises(UserError, match=r"10\.0\.0\.2 has other versions: torch 1\.0 \(here 2"):
        preflight._judge("10.0.0.2", seen(versions=preflight.versions() | {"torch": "1.0"}), "/shared")
    with pytest.raises(UserError, match=r"does not share the storage /shared: it does not see.*ray\.storage"):
        preflight._judge("10.0.0.2", seen(storage="it does not see what is written here"), "/shared")
    with preflight._probe(str(tmp_path)) as probe:
        assert preflight._look(str(tmp_path), probe) == seen()
        assert preflight._look(str(tmp_path / "other"), probe)["storage"]
    assert os.listdir(tmp_path) == []


def test_a_storage_that_lets_two_writers_win_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("search.ledger.storage.LocalStorage.create", lambda self, name, content: True)
    with pytest.raises(UserError, match="two writers"), preflight._probe(str(tmp_path)):
        pass


@pytest.mark.parametrize(
    ("error", "said", "words"),
    [
        ("Failed to connect to Ray cluster at h:1", "RPC error: InvalidAuthToken: …", "refuses our token"),
        ("Failed to connect to Ray cluster at h:1", "", "does not answer this version of Ray"),
        ("Version mismatch: The cluster was started with:\n    Ray: 2.1\n", "", "started with: Ray: 2.1"),
    ],
)
def test_why_a_cluster_refuses(error, said, words):
    line = session._connection_error("h:1", ConnectionError(error), said)
    assert line.startswith("cannot join the Ray at h:1: ") and words in line and "\n" not in line


def test_what_native_code_says_goes_to_the_log(tmp_path, capfd):
    with native_stderr(tmp_path / "log") as said:
        os.write(2, b"gcs_client.cc: no\n")
        assert said.read_text() == "gcs_client.cc: no\n"
    os.write(2, b"after\n")
    assert (tmp_path / "log").read_text() == "gcs_client.cc: no\n" and capfd.readouterr().err == "after\n"


@pytest.mark.parametrize(
    ("error", "times", "tries"),
    [
        (Exception("The current node timed out during startup. This could happen because …"), 1, 2),
        (ConnectionAbortedError("the server's child died"), 2, 3),
        (ConnectionAbortedError("the server's child died"), 9, 3),
        (RuntimeError("Version mismatch"), 9, 1),
    ],
)
def test_a_ray_that_does_not_start_in_time_is_tried_again(monkeypatch, error, times, tries):
    calls = []

    def init(**arguments):
        calls.append(arguments)
        if len(calls) <= times:
            raise error

    monkeypatch.setattr("ray.init", init)
    monkeypatch.setattr(session, "RETRY_SECONDS", 0.0)
    if times < tries:
        session._init({"address": "local"})
    else:
        with pytest.raises(type(error)):
            session._init({"address": "local"})
    assert len(calls) == tries
