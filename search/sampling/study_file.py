"""An Optuna storage in a database that takes over and reads tens of thousands of trials in seconds.

Optuna's own writes a trial in seven statements and a transaction, and makes an object of every row that it reads:
30,000 trainings would take minutes to be taken over into a study, and ten seconds to be read back. Tables and rows are
Optuna's, so that its own storage, and its dashboard, open the same file.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from optuna import Study
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState

AT_ONCE = 500  # ids in one condition


class StudyFile(RDBStorage):
    """As Optuna's, but for many trials at once, and of a file that may be thrown away: it doesn't wait for the disk."""

    def __init__(self, url: str) -> None:
        import sqlalchemy as sql

        super().__init__(url)
        if self.engine.dialect.name == "sqlite":

            @sql.event.listens_for(self.engine, "connect")
            def connect(connection: Any, _: object) -> None:
                connection.execute("PRAGMA synchronous = OFF")  # a process that dies loses nothing by it

            self.engine.dispose()  # connections made before don't know it yet

    def add_finished(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Adds finished trials, without intermediate values, in one transaction; their numbers follow those there."""
        import sqlalchemy as sql

        if not trials:
            return
        trial_table = models.TrialModel.__table__
        with self.engine.begin() as connection:
            # whoever writes first keeps others out until the end, so that no number is given twice
            connection.execute(trial_table.update().where(trial_table.c.trial_id == -1).values(number=0))
            last = connection.execute(sql.select(sql.func.max(trial_table.c.trial_id))).scalar() or 0
            count = sql.select(sql.func.count()).where(trial_table.c.study_id == study_id)
            number = connection.execute(count).scalar_one()
            ids = range(last + 1, last + 1 + len(trials))
            numbered = list(zip(ids, range(number, number + len(trials)), trials, strict=True))
            for table, rows in _rows(study_id, numbered):
                if rows:
                    connection.execute(table.insert(), rows)

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        """The trials with an id greater than that, or among those ids."""
        import sqlalchemy as sql

        table = models.TrialModel.__table__
        among = sorted(trial_id for trial_id in included_trial_ids if trial_id <= trial_id_greater_than)

        def chosen(column: Any) -> Any:
            parts = [column.in_(among[i : i + AT_ONCE]) for i in range(0, len(among), AT_ONCE)]
            return sql.or_(column > trial_id_greater_than, *parts)

        with self.engine.connect() as connection:
            where = sql.and_(table.c.study_id == study_id, chosen(table.c.trial_id))
            rows = connection.execute(sql.select(table).where(where).order_by(table.c.trial_id)).all()
            found = _read(connection, rows, chosen)
        return [trial for trial in found if states is None or trial.state in states]


def add_finished(study: Study, trials: Sequence[FrozenTrial]) -> None:
    """The same as `study.add_trials`, of finished trials, and fast if the study is in a StudyFile."""
    storage = getattr(study._storage, "_backend", study._storage)  # Optuna keeps a cache before it
    if isinstance(storage, StudyFile):
        storage.add_finished(study._study_id, trials)
    else:
        study.add_trials(trials)


def _rows(study_id: int, numbered: list[tuple[int, int, FrozenTrial]]) -> Iterable[tuple[Any, list[dict[str, Any]]]]:
    """Every table with its rows of these trials: (id, number, trial)."""
    as_text = functools.cache(distribution_to_json)  # distributions are few
    value_repr = models.TrialValueModel.value_to_stored_repr
    yield (
        models.TrialModel.__table__,
        [
            {
                "trial_id": i,
                "number": number,
                "study_id": study_id,
                "state": trial.state,
                "datetime_start": _utc(trial.datetime_start),
                "datetime_complete": _utc(trial.datetime_complete),
            }
            for i, number, trial in numbered
        ],
    )
    yield (
        models.TrialParamModel.__table__,
        [
            {
                "trial_id": i,
                "param_name": name,
                "param_value": distribution.to_internal_repr(trial.params[name]),
                "distribution_json": as_text(distribution),
            }
            for i, _, trial in numbered
            for name, distribution in trial.distributions.items()
        ],
    )
    yield (
        models.TrialValueModel.__table__,
        [
            {"trial_id": i, "objective": objective} | dict(zip(("value", "value_type"), value_repr(value), strict=True))
            for i, _, trial in numbered
            for objective, value in enumerate(trial.values or ())
        ],
    )
    for table, name in (
        (models.TrialUserAttributeModel.__table__, "user_attrs"),
        (models.TrialSystemAttributeModel.__table__, "system_attrs"),
    ):
        yield (
            table,
            [
                {"trial_id": i, "key": key, "value_json": json.dumps(value)}
                for i, _, trial in numbered
                for key, value in getattr(trial, name).items()
            ],
        )


def _read(connection: Any, rows: Sequence[Any], chosen: Any) -> list[FrozenTrial]:
    """Trials of rows of their table, and of the rows of other tables that `chosen`, of a column of ids, stands for."""
    import sqlalchemy as sql

    def by_trial(model: Any) -> dict[int, list[Any]]:
        table, parts = model.__table__, defaultdict(list)
        for row in connection.execute(sql.select(table).where(chosen(table.c.trial_id)).order_by(*table.primary_key)):
            parts[row.trial_id].append(row)
        return parts

    if not rows:
        return []
    distribution = functools.cache(json_to_distribution)
    params, values = by_trial(models.TrialParamModel), by_trial(models.TrialValueModel)
    users, systems = by_trial(models.TrialUserAttributeModel), by_trial(models.TrialSystemAttributeModel)
    steps = by_trial(models.TrialIntermediateValueModel)
    to_value = models.TrialValueModel.stored_repr_to_value
    to_step = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
    trials = []
    for row in rows:
        i = row.trial_id
        held = {each.param_name: (distribution(each.distribution_json), each.param_value) for each in params.get(i, ())}
        ordered = sorted(values.get(i, ()), key=lambda each: each.objective)
        trials.append(
            FrozenTrial(
                number=row.number,
                state=row.state,
                value=None,
                values=[to_value(each.value, each.value_type) for each in ordered] or None,
                datetime_start=_local(row.datetime_start),
                datetime_complete=_local(row.datetime_complete),
                params={name: kind.to_external_repr(value) for name, (kind, value) in held.items()},
                distributions={name: kind for name, (kind, _) in held.items()},
                user_attrs={each.key: json.loads(each.value_json) for each in users.get(i, ())},
                system_attrs={each.key: json.loads(each.value_json) for each in systems.get(i, ())},
                intermediate_values={
                    each.step: to_step(each.intermediate_value, each.intermediate_value_type)
                    for each in steps.get(i, ())
                },
                trial_id=i,
            )
        )
    return trials


def _utc(time: datetime | None) -> datetime | None:
    """As the tables have it: UTC, and it doesn't say so."""
    return None if time is None else time.astimezone(UTC).replace(tzinfo=None)


def _local(time: datetime | None) -> datetime | None:
    """As trials have it: local time, and it doesn't say so."""
    return None if time is None else time.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
