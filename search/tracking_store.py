"""Two short cuts to an MLflow store on this machine; a store behind a server is used in the ordinary way.

Most of the time that logging a training takes went into transactions (17, each waiting for the disk) and into copies
of files.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def one_transaction(client) -> Iterator[None]:
    """All that the MlflowClient logs inside the block is there at its end, or, after an exception, nothing is.

    This holds for SQLite stores; others (servers, databases with connections of their own) keep to a call each.
    The client's threads share the transaction: use one.
    """
    store = client._tracking_client.store
    engine = getattr(store, "engine", None)
    if engine is None or engine.dialect.name != "sqlite":
        yield
        return
    from sqlalchemy.orm import Session

    usual = store.ManagedSessionMaker
    with engine.begin() as connection:
        # what MLflow sets at the beginning of each of its own sessions
        for setting in ("foreign_keys = ON", "busy_timeout = 20000", "case_sensitive_like = true"):
            connection.exec_driver_sql(f"PRAGMA {setting}")
        # "Joining a Session into an External Transaction", SQLAlchemy's documentation of sessions: here a commit is
        # a flush, a rollback is the whole transaction's.
        with Session(connection, join_transaction_mode="rollback_only", expire_on_commit=False) as session:

            @contextlib.contextmanager
            def shared(read_only: bool = True):
                yield session
                session.commit()

            store.ManagedSessionMaker = shared
            try:
                yield
            finally:
                store.ManagedSessionMaker = usual


@contextlib.contextmanager
def artifacts(client, uri: str) -> Iterator[Path]:
    """A folder whose files become the artifacts at `uri`: the place itself if it is here, else sent there."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    repository = get_artifact_repository(uri, tracking_uri=client.tracking_uri)
    if isinstance(repository, LocalArtifactRepository):
        folder = Path(repository.artifact_dir)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="hyperphase-") as folder:
            yield Path(folder)
            repository.log_artifacts(folder)
