"""A section of the report: one object that says what it shows, what it needs of the tables, and how to draw it.

    def seconds_by_dimension(data: ReportData) -> pd.DataFrame:
        return data.done.groupby("dimension")["seconds"].median().reset_index()

    SECONDS = Section("seconds", "Seconds", seconds_by_dimension, needs=("seconds",))

`hyperphase report SWEEP --sections FILE.py:SECONDS` shows it after the report's own (analysis/report/sections.py), and
so does `write_report(folder, [*SECTIONS, SECONDS])`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from analysis.sweeps.experiment import Experiment, columns
from analysis.sweeps.load import Sweep

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from analysis.charts.chart import Chart
    from analysis.phases.equilibrium import Equilibrium
    from analysis.report.gallery import Gallery
    from analysis.sweeps.clusters import Cluster
    from analysis.sweeps.experiment import Slice
    from analysis.sweeps.phases import Phases

MAX_SLICES = 12  # phase maps of an experiment of more than two axes


MAX_DOTS = 1000  # trainings that a chart shows one by one
MAX_SHOWN = 20_000  # trainings in the page's table


@dataclass(frozen=True)
class Picture:
    """A chart with a caption and a file name of its own, where a section has several. chart: None leaves it out."""

    name: str  # of its PNG file, without the suffix; unique in the report
    caption: str
    chart: "Chart | None"


# What a section consists of: a chart (captioned with the section's caption), a picture, a table, HTML, or a text, which
# becomes a paragraph.
Part: TypeAlias = "Chart | Picture | pd.DataFrame | Markup | str"


@dataclass(frozen=True)
class Section:
    """One section of the report.

    name: its anchor on the page, and the file name of its chart; unique in the report.
    title: its heading, or a function that gives it.
    draw: what it shows; None or nothing leaves the section out.
    caption: of the chart, if `draw` returns a bare one.
    needs: columns that the table of completed trainings must have; without one of them, or without a completed
    training, the section is left out. A section that needs no column is always asked.
    needs_snapshots: likewise, of the table of snapshots.
    menu: what the page's navigation calls it; its title by default.
    """

    name: str
    title: "str | Callable[[ReportData], str]"
    draw: "Callable[[ReportData], Part | Iterable[Part] | None]"
    caption: str = ""
    needs: tuple[str, ...] = ()
    needs_snapshots: tuple[str, ...] = ()
    menu: str = ""

    def fits(self, data: "ReportData") -> bool:
        """Whether the tables have what this section needs."""
        return data.has(self.needs) and _has(data.sweep.snapshots, self.needs_snapshots)

    def heading(self, data: "ReportData") -> str:
        return self.title if isinstance(self.title, str) else self.title(data)


@dataclass(frozen=True)
class ReportData:
    """What sections draw from. What is costly is computed once, when a section first asks for it."""

    sweep: Sweep
    links: dict[str, str]  # key -> address of the training's page where trainings are tracked
    folder: Path  # for the report's files: a temporary one until all are there

    def has(self, columns: tuple[str, ...]) -> bool:
        """Whether the completed trainings have values in all of these columns."""
        return _has(self.done, columns)

    @property
    def experiment(self) -> Experiment:
        """What the sweep is about: its axes and words."""
        return self.sweep.experiment

    @cached_property
    def done(self) -> "pd.DataFrame":
        """The completed trainings, one row each."""
        return self.sweep.done

    @cached_property
    def dots(self) -> "pd.DataFrame":
        """The completed trainings that charts show one by one: all, or of many a share of every kind."""
        from analysis.sweeps.sample import stratified_sample

        return self.done.iloc[stratified_sample(self.done, MAX_DOTS, by=self.strata)]

    @property
    def strata(self) -> list[str]:
        """Columns of which a share of many trainings shows all kinds."""
        return [*columns(self.experiment), "algorithm"]

    @property
    def strata_text(self) -> str:
        """(n, β, algorithm)"""
        return f"({', '.join([*(axis.short for axis in self.experiment.axes[::-1]), self.experiment.kind])})"

    @property
    def dots_note(self) -> str:
        """What a caption must say where `dots` are not all."""
        if len(self.dots) == len(self.done):
            return ""
        return f" Dots: {len(self.dots):,} of {len(self.done):,} trainings, a share of every {self.strata_text}."

    @cached_property
    def shown(self) -> "pd.DataFrame":
        """The trainings that the page tells one by one, failed ones too: all, or of many a share of every kind.

        Those that charts show as dots and those that are drawn are among them.
        """
        from analysis.sweeps.sample import stratified_sample

        trainings = self.sweep.trainings
        chosen = np.zeros(len(trainings), bool)
        chosen[stratified_sample(trainings, MAX_SHOWN, by=self.strata)] = True
        drawn = self.gallery.pages.keys() if self.gallery else ()
        return trainings[chosen | trainings["key"].isin({*self.dots["key"], *drawn})]

    @cached_property
    def phases(self) -> "Phases":
        """The phase map and its boundaries. UserError without a completed training."""
        from analysis.sweeps.phases import read_phases

        return read_phases(self.done, experiment=self.experiment)

    @cached_property
    def slices(self) -> "list[tuple[Slice, Phases]]":
        """A phase map for each value of the axes beyond the first two, of which there are seldom any."""
        from analysis.sweeps.phases import read_phases

        if len(self._parts) == 1:
            return [(self._parts[0], self.phases)]
        return [(part, read_phases(part.rows, experiment=self.experiment)) for part in self._parts[:MAX_SLICES]]

    @cached_property
    def _parts(self) -> "list[Slice]":
        from analysis.sweeps.experiment import slices

        return slices(self.done, self.experiment)

    @property
    def slices_note(self) -> str:
        """What must be said where `slices` are not all."""
        left = len(self._parts) - len(self.slices)
        others = ", ".join(axis.short for axis in self.experiment.axes[2:])
        return f"{left} more values of {others} are left out: `hyperphase boundaries` draws them." if left else ""

    @property
    def boundaries(self) -> "pd.DataFrame":
        """Of all slices, with columns for the axes beyond the first two."""
        import pandas as pd

        if len(self.slices) == 1:
            return self.phases.boundaries
        return pd.concat([phases.boundaries.assign(**part.at) for part, phases in self.slices], ignore_index=True)

    @cached_property
    def equilibrium(self) -> "Equilibrium":
        """Ground states and equilibrium boundaries. UserError without a training that has error and complexity."""
        from analysis.sweeps.equilibrium import read_equilibrium

        return read_equilibrium(self.done)

    @cached_property
    def clusters(self) -> "tuple[list[Cluster], float]":
        """Clusters of the trainings labelled `other`, and their silhouette."""
        from analysis.sweeps.clusters import find_clusters

        return find_clusters(self.done, experiment=self.experiment)

    @cached_property
    def gallery(self) -> "Gallery | None":
        """The drawings of the trainings' networks, which are written as files too; None where there are none."""
        from analysis.report.gallery import draw_gallery

        if self.done.empty or self.experiment.own:
            return None
        return draw_gallery(self.sweep, self.folder / "drawings", {cluster.typical for cluster in self.clusters[0]})

    @cached_property
    def colours(self) -> dict[str, str]:
        """label -> hex colour, of every label that the page may show."""
        from analysis.algorithms.names import colours, mirror_images

        return colours(
            {
                *self.done["algorithm"],
                *mirror_images(),
                *mirror_images().values(),
                *self.sweep.snapshots["algorithm"].dropna(),
            }
        )

    def html(self, template: str, **values: Any) -> "Markup":
        """One of the report's own templates, filled in."""
        from markupsafe import Markup

        from analysis.report.environment import environment

        return Markup(environment(self.colours).get_template(template).render(**values))


def _has(table: "pd.DataFrame", columns: tuple[str, ...]) -> bool:
    """Whether the table has values in all of these columns."""
    return all(name in table and table[name].notna().any() for name in columns)
