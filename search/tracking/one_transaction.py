"""All that MLflow's client does in a block as one transaction, where the store is a database of ours.

For every part of every call MLflow's store opens a session, 13 for a training: each asks whether the connection lives,
sets SQLite up, looks the run up again and, if it writes, waits for the disk. Here the calls of a block share one
session. What they write is the same; it is there at once, or, if the block fails, not at all.
"""

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def one_transaction(client: Any) -> Iterator[None]:
    """client: mlflow.MlflowClient. On a store without sessions, such as a server, each call stays by itself.

    Only for what is new: where MLflow finds a row that is there already it rolls back its session, which is the
    block's.
    """
    store: Any = getattr(getattr(client, "_tracking_client", None), "store", None)
    sessions = getattr(store, "ManagedSessionMaker", None)
    if sessions is None:
        yield
        return
    with sessions(read_only=False) as session:

        @contextlib.contextmanager
        def shared(read_only: bool = True) -> Iterator[Any]:
            yield session
            session.flush()

        commit, session.commit = session.commit, session.flush
        store.ManagedSessionMaker = shared
        failed = None
        try:
            yield
        except BaseException as error:  # MLflow's session would hide it in one of its own
            session.rollback()
            failed = error
        finally:
            store.ManagedSessionMaker, session.commit = sessions, commit
    if failed:
        raise failed
