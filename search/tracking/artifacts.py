"""A short cut to an MLflow store's artifacts on this machine: files are written to their place, not copied there."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


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
        with tempfile.TemporaryDirectory(prefix="hyperphase-") as temporary:
            yield Path(temporary)
            repository.log_artifacts(temporary)
