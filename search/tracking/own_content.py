"""What MLflow's pages show of a user's own experiment: params and tags named after its axes, its metrics, its files."""

import math
from pathlib import PurePath

from analysis.algorithms.names import display_name
from analysis.formatting import short
from search.config.own import OwnConfig
from search.ledger.own_record import outcome_of
from search.ledger.record import Record
from search.tracking.run_content import TrainingRun, markdown, metric, picture_address

PICTURES = (".svg", ".png")


class OwnContent:
    """`search.tracking.content.Content` of an experiment of a user's own."""

    label_tag = "label"
    models = False

    def __init__(self, config: OwnConfig):
        self._definition = config.definition
        self.tags = tuple(axis.name for axis in config.definition.axes)
        self.order = "seconds"

    def training_run(self, record: Record, sweep: str) -> TrainingRun:
        row, axes = record.row, [axis.name for axis in self._definition.axes]
        done, end = row["status"] == "done", int(row["finished_at"] * 1000)
        place = {name: short(row[name]) for name in axes} | {"seed": str(row["seed"])}
        outcome = outcome_of(record, self._definition)
        steps = max([int(step) for step in outcome.curves.get("step", ())], default=0)
        finals = dict(outcome.metrics) | {"seconds": row["seconds"]}
        finals |= {"purity": row["purity"]} if done else {}
        curves = [
            metric(name, value, end, step)
            for name, values in outcome.curves.items()
            if name not in ("step", "label")
            for step, value in zip(outcome.curves["step"], values, strict=True)
            if math.isfinite(value)
        ]
        ends = [metric(name, value, end, steps) for name, value in finals.items() if math.isfinite(value)]
        tags = {"kind": "training", "key": row["key"], "experiment": self._definition.name, **place}
        return TrainingRun(
            name=" ".join(f"{name}={value}" for name, value in place.items()),
            done=done,
            start=end - int(row["seconds"] * 1000),
            end=end,
            steps=steps,
            tags=tags | {"label": row["algorithm"] if done else "failed"} | ({} if done else {"reason": row["reason"]}),
            params=place,
            # the last point of a curve and the final metric may share name and step: the final one is the one to show
            metrics=list({(one.key, one.step): one for one in [*curves, *ends]}.values()),
            model=None,
        )

    def training_note(self, run_id: str, record: Record, *, drawing: bool) -> str:
        """A training's description: its label, its metrics and its first picture."""
        if record.row["status"] != "done":
            return f"failed: {markdown(record.row['reason'])}"
        found = outcome_of(record, self._definition).metrics
        lines = [f"**{markdown(display_name(record.row['algorithm']))}**", ""]
        lines += [f"{name} = {short(float(f'{value:.4g}'))}  " for name, value in found.items()]
        picture = next((name for name in sorted(record.files) if PurePath(name).suffix in PICTURES), "")
        lines += ["", f"![picture]({picture_address(picture, run_id)})"] if picture and drawing else []
        return "\n".join(lines)

    def datasets(self) -> list:
        return []
