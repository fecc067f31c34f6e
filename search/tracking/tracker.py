"""MLflow: a parent run for the sweep, a child run for each training. A window for people, never needed.

All logging happens here, in one process, through an explicit client and in batches. A store that is down costs one
warning; `sync` writes what is missing later. What is there is found by tags, so nothing is ever logged twice.
"""

import contextlib
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from analysis.formatting import short
from analysis.network import Network
from search.config.schema import Config
from search.config.secrets import MaskingFormatter, mask, without_credentials
from search.ledger import ledger
from search.ledger.record import Record
from search.sweep import manifest
from search.sweep.experiment import experiment_of
from search.sweep.folder import SweepFolder
from search.sweep.tables import representative
from search.tracking import model_template
from search.tracking.artifacts import artifacts
from search.tracking.content import content_of
from search.tracking.local_store import given_uri, read_runs, repoint, sqlite_uri, store_uri
from search.tracking.one_transaction import one_transaction
from search.tracking.run_content import (
    DRAWING,
    PHASE_MAP,
    TrainingRun,
    is_equal,
    metric,
    metric_name,
    of_model,
    run_address,
    sweep_note,
)
from search.tracking.runs_view import TAG, runs_view, view_address

RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
WORTH = {FINISHED: 2, FAILED: 1}  # of two runs of one training, which one stays
DRAWING_PIXELS = 480  # width at which MLflow shows a drawing
NOTE_PIXELS = 760
LOCAL_PAGE = "http://127.0.0.1:5000"  # where `hyperphase ui` shows the store in a sweep's folder
PARENT = "sweep"  # value of the tag "kind" of the parent run; its children have "training"


class Tracker:
    """Logs the trainings of one sweep. Every method may raise whatever the store raises.

    After a failure make a new one: it looks again at what is there.
    """

    def __init__(self, config: Config, folder: SweepFolder, sweep: str):
        """Opens the store (and makes its schema), finds or makes the experiment and lists the sweep's runs."""
        # a store that is down must be noticed in seconds, not in MLflow's minutes of retries
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines a training, from servers
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        from mlflow import MlflowClient

        _quiet_loggers(folder.log)  # after the import, which sets them up
        self.config, self.folder, self.sweep = config, folder, sweep
        self.content = content_of(config)
        self._own = given_uri(config) is None
        if self._own:
            repoint(folder)
        self.client = MlflowClient(store_uri(config, folder))
        self.experiment = self._find_experiment()
        self.parent: str | None = None
        self.children: dict[str, tuple[str, str]] = {}  # key -> (run id, status)
        self._scratch = tempfile.TemporaryDirectory(prefix="hyperphase-")
        self._models: model_template.ModelFolders | None = None  # made when the first model is logged
        self._list_runs()

    def is_logged(self, key: str, *, done: bool = True) -> bool:
        """Whether the training's run is there and has ended. done: of one that did not fail, without its failed run."""
        status = self.children.get(key, ("", RUNNING))[1]
        return status == FINISHED or (status == FAILED and not done)

    def open_sweep(self, facts: dict) -> None:
        """The parent run, RUNNING: found again or made."""
        if self.parent is None:
            self.parent = self._create(f"sweep {self.folder.name}", {"kind": PARENT}, None).run_id
            recipe = experiment_of(self.config).recipe
            given = self.config.grid.model_dump(mode="json")
            grid = {name: json.dumps(values) for name, values in (given | given.pop("axes", {})).items()}
            git = facts.get("git") or {}
            checkout = {"git_commit": git.get("commit") or "none", "git_dirty": git.get("dirty", False)}
            self._log_params(self.parent, recipe | checkout)
            for name, text in grid.items():  # tags: a grid may grow, a param may not change
                self.client.set_tag(self.parent, f"grid.{name}", text[:5000])
            for run_id, _ in self.children.values():  # of a parent that somebody deleted
                self.client.set_tag(run_id, "mlflow.parentRunId", self.parent)
        else:
            self.client.update_run(self.parent, status=RUNNING)
        self.client.set_tag(self.parent, "folder", str(self.folder.path))
        self._log_datasets(self.parent)

    def _log_datasets(self, parent: str) -> None:
        """What is trained on, at the sweep's run `parent`; those that are there stay as they are."""
        from mlflow.entities import DatasetInput, InputTag

        tags, found = [InputTag("mlflow.data.context", "training")], self.content.datasets()
        if found:
            self.client.log_inputs(parent, [DatasetInput(one, tags) for one in found])

    def prepare(self) -> None:
        """What the first model needs and the others share; it takes seconds, so do it while nothing waits."""
        if self._models is None and self.config.mlflow.models and self.content.models:
            self._models = model_template.ModelFolders(Path(self._scratch.name))

    def close_sweep(self, status: str, counts: dict[str, int]) -> None:
        """The end of the parent run: trainings per algorithm, the phase map, its status."""
        if self.parent is None:
            return
        now = int(time.time() * 1000)
        counted = [metric(metric_name(name), value, now, 0) for name, value in counts.items()]
        self.client.log_batch(self.parent, metrics=counted)
        if (self.folder.report / "index.html").is_file():
            self.client.log_artifact(self.parent, str(self.folder.report / "index.html"))
        if (self.folder.report / PHASE_MAP).is_file():
            self._log_phase_map()
        if self.folder.manifest.is_file():
            text = json.dumps(manifest.shareable(manifest.read(self.folder)), indent=1, ensure_ascii=False)
            self.client.log_text(self.parent, text, self.folder.manifest.name)
        there = (self.folder.report / PHASE_MAP).is_file()
        shown = self.content
        view, state = runs_view([shown.label_tag, *shown.tags], shown.order)
        self.client.set_experiment_tag(self.experiment, f"{TAG}{view}", state)
        note = sweep_note(
            *(self.experiment, self.sweep, self.parent, status, counts),
            phase_map=there,
            label=shown.label_tag,
            axes=shown.tags,
            order=shown.order,
            view=view_address(self.experiment, view),
        )
        self.client.set_tag(self.parent, "mlflow.note.content", note)
        self.client.set_terminated(self.parent, status=status)

    def log(self, record: Record, *, detailed: bool = True) -> None:
        """A training: its child run is made, or completed if an earlier driver died in the middle of it.

        detailed: with its model, its drawing and its network, if the config wants them. The run's status comes last, so
        a run that has ended is whole; in the sweep's own store a run is there whole or not at all.
        """
        self.prepare()
        key = record.row["key"]
        run_id, status = self.children.get(key, (None, RUNNING))
        if self.is_logged(key, done=record.row["status"] == "done"):
            return
        if run_id is not None and status == FAILED:  # it was tried again
            self.client.delete_run(run_id)
            run_id = None
        with one_transaction(self.client) if self._own and run_id is None else contextlib.nullcontext():
            logged = self._log_run(run_id, record, detailed)
        self.children[key] = logged

    def _log_run(self, begun: str | None, record: Record, detailed: bool) -> tuple[str, str]:
        """begun: the run to complete, None for a new one. Returns its id and status."""
        run = self.content.training_run(record, self.sweep)
        if begun is not None:
            self._drop_models(begun)
            info = self.client.get_run(begun).info
        else:
            info = self._create(run.name, run.tags, run.start)
        drawn = detailed and self.config.mlflow.drawings
        if detailed:
            self._write_files(info.artifact_uri, record)
        metrics = run.metrics
        if detailed and record.hypernetwork and self.config.mlflow.models:
            metrics = of_model(metrics, self._log_model(info.run_id, record, run), run.steps)
        # the note names the run, so it cannot come with the other tags
        note = {"mlflow.note.content": self.content.training_note(info.run_id, record, drawing=drawn)}
        self._log_params(info.run_id, run.params, metrics, run.tags | note if begun else note)
        status = FINISHED if run.done else FAILED
        self.client.set_terminated(info.run_id, status=status, end_time=run.end)
        return info.run_id, status

    def _log_model(self, run_id: str, record: Record, run: TrainingRun) -> str:
        """The hypernetwork as a model of its own, which the UI shows at the run and in its list of models -> its id."""
        from mlflow.entities import LoggedModelOutput

        assert run.model is not None
        model = self.client.create_logged_model(self.experiment, source_run_id=run_id, **vars(run.model))
        with artifacts(self.client, model.artifact_location) as folder:
            assert self._models is not None  # `prepare` made it
            source = ledger.record_path(self.folder.ledger, record.row["key"])
            self._models.write(record, folder, run=run_id, model=model.model_id, source=source)
        self.client.finalize_logged_model(model.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, run.steps)])
        return model.model_id

    def _log_phase_map(self) -> None:
        """As wide as the column of the parent's description."""
        from PIL import Image

        with (
            tempfile.TemporaryDirectory(prefix="hyperphase-") as folder,
            Image.open(self.folder.report / PHASE_MAP) as full,
        ):
            small = full.convert("RGB")
            small.thumbnail((NOTE_PIXELS, NOTE_PIXELS), Image.Resampling.LANCZOS)
            small.save(Path(folder) / PHASE_MAP, optimize=True)
            self.client.log_artifact(self.parent, str(Path(folder) / PHASE_MAP))

    def links(self) -> dict[str, str]:
        """key -> address of the training's page in MLflow; none for a store that no page is known of."""
        uri = store_uri(self.config, self.folder)
        uri = LOCAL_PAGE if uri == sqlite_uri(self.folder.mlflow_store) else uri
        if not uri.startswith("http"):
            return {}
        server = without_credentials(uri.rstrip("/")) + "/"
        if mask(server) != server:
            return {}
        return {
            key: server + run_address(self.experiment, run_id) for key, (run_id, _) in sorted(self.children.items())
        }

    def _find_experiment(self) -> str:
        name = self.config.mlflow.experiment
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            return found.experiment_id
        # a store in the sweep's folder keeps its artifacts there too, not in the working directory's ./mlruns
        return self.client.create_experiment(
            name,
            artifact_location=self.folder.mlflow_artifacts.as_uri() if self._own else None,
            tags={"mlflow.experimentKind": "custom_model_development"},  # else the UI shows its pages for agents
        )

    def _list_runs(self) -> None:
        """Fills `parent` and `children` from the store. Of runs with one key (a reply that got lost) one stays."""
        doubles = []
        for run_id, status, kind, key in self._runs():
            if kind == PARENT:
                self.parent = self.parent or run_id
                continue
            other = self.children.get(key)
            if other is None:
                self.children[key] = (run_id, status)
            elif WORTH.get(status, 0) > WORTH.get(other[1], 0):
                self.children[key] = (run_id, status)
                doubles.append(other[0])
            else:
                doubles.append(run_id)
        for run_id in doubles:
            self.client.delete_run(run_id)

    def _runs(self) -> Iterator[tuple[str, str, str, str]]:
        """(run id, status, kind, key) of the sweep's runs."""
        if self._own:
            with contextlib.suppress(sqlite3.Error):
                yield from read_runs(self.folder, self.experiment, self.sweep)
                return
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment], is_equal("tags.sweep", self.sweep), max_results=5000, page_token=token
            )
            for run in page:
                tags = run.data.tags
                if tags.get("sweep") == self.sweep:
                    yield run.info.run_id, run.info.status, tags.get("kind", ""), tags.get("key", "")
            token = page.token
            if not token:
                return

    def _create(self, name: str, tags: dict[str, str], start: int | None):
        """The info of a new run."""
        return self.client.create_run(self.experiment, start_time=start, tags=self._tags(tags), run_name=name).info

    def _tags(self, tags: dict[str, str]) -> dict[str, str]:
        """With those that every run of the sweep has."""
        parent = {} if self.parent is None else {"mlflow.parentRunId": self.parent}
        return tags | {"sweep": self.sweep, "mlflow.source.name": "hyperphase"} | parent

    def _log_params(
        self, run_id: str, params: dict, metrics: list | None = None, tags: dict[str, str] | None = None
    ) -> None:
        from mlflow.entities import Param, RunTag

        self.client.log_batch(
            run_id,
            metrics=metrics or [],
            params=[Param(name, mask(str(value))) for name, value in params.items()],
            tags=[RunTag(name, value[:5000]) for name, value in (tags or {}).items()],
        )

    def _drop_models(self, run_id: str) -> None:
        """Models that an earlier driver began and did not end with the run."""
        for model in self.client.search_logged_models([self.experiment], f"source_run_id = '{run_id}'"):
            self.client.delete_logged_model(model.model_id)

    def _write_files(self, uri: str, record: Record) -> None:
        """drawing.svg, which the UI shows first, and network.npz: the training's representative network.

        Of a user's own experiment, what the training left.
        """
        network = representative(record)
        if record.files:
            with artifacts(self.client, uri) as folder:
                for name, content in record.files.items():
                    (folder / name).write_bytes(content)
        if network is None:
            return
        with artifacts(self.client, uri) as folder:
            if self.config.mlflow.drawings:
                (folder / DRAWING).write_text(_draw(network, record.row), encoding="utf-8")
            network.save(folder / "network.npz")


def _draw(network: Network, row: dict) -> str:
    from analysis.drawing.svg import draw_svg

    title = f"{row['algorithm'].replace('_', ' ')}, n = {row['dimension']}, β = {short(row['beta'])}"
    return draw_svg(network, title=title, pixels=DRAWING_PIXELS)


def _quiet_loggers(log: Path) -> None:
    """MLflow's and its schema migrations' messages go to the sweep's log."""
    import logging

    for name in ("mlflow", "alembic", "urllib3"):
        logger = logging.getLogger(name)
        if not any(getattr(handler, "baseFilename", "") == str(log) for handler in logger.handlers):
            handler = logging.FileHandler(log, delay=True, encoding="utf-8")
            handler.setFormatter(MaskingFormatter())
            logger.handlers[:] = [handler]
        logger.propagate = False
