"""Commands on sweeps: sweep, resume, refine, anneal, status, report, generalise, ui, sync."""

import contextlib
import json
import socket
import sys
from dataclasses import asdict
from pathlib import Path

from analysis.errors import UserError
from analysis.formatting import printable, quoted, rough_duration, trainings
from search.cli.options import (
    add_algorithms,
    add_command,
    add_json,
    add_run_options,
    add_settings,
    add_sweep_command,
    path,
)
from search.config.presets import preset_names
from search.terminal.output import json_text, notes

MAX_DRAWS = 1024  # networks a training and dimension
LARGE = 20_000  # trainings that one may have asked for by mistake


def add_commands(commands) -> None:
    """Adds these commands and their options to the parser's."""
    command = add_command(
        commands, "sweep", "train a grid of hypernetworks and report which algorithms they found", sweep
    )
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--preset", metavar="NAME", help=f"a config that comes with hyperphase: {', '.join(preset_names())}"
    )
    source.add_argument("--config", type=path, metavar="FILE", help="a config file (TOML)")
    command.add_argument("--out", type=path, metavar="DIR", help="the sweep's folder (default: sweeps/NAME)")
    command.add_argument("--yes", action="store_true", help=f"start more than {LARGE:,} trainings without asking back")
    add_run_options(command)

    command = add_sweep_command(commands, "resume", "continue a sweep: do only what is missing", resume)
    command.add_argument("--retry-failed", action="store_true", help="try failed trainings again, too")
    add_run_options(command)

    command = add_sweep_command(commands, "refine", "put more trainings where the boundaries are least known", refine)
    command.add_argument("--width", type=float, default=0.1, metavar="W", help="stop when no boundary's 90 %% band is "
                         "wider, in decades of β (of a linear axis, shares of its range; default: 0.1)")  # fmt: skip
    command.add_argument("--trainings", type=int, metavar="N", help="stop after so many trainings")
    command.add_argument("--seconds", type=float, metavar="S", help="start no new round after S seconds")
    command.add_argument("--batch", type=int, default=32, metavar="N", help="trainings a round (default: 32)")
    command.add_argument("--dimensions", type=int, nargs="+", default=[], metavar="N",
                         help="input dimensions to choose from (default: all that the grid spans)")  # fmt: skip
    command.add_argument("--boundary", choices=("found", "equilibrium"), default="found", help="whose bands are meant: "
                         "of what trainings end in (default), or where two algorithms are equally good")  # fmt: skip
    add_run_options(command)

    command = add_sweep_command(
        commands,
        "anneal",
        "let hypernetworks go on at the next β, up and down the ladder, to see hysteresis",
        anneal,
    )
    add_run_options(command)

    command = add_sweep_command(
        commands, "status", "say what is done, what failed and why, and how to continue", status
    )
    command.add_argument("--verify", action="store_true", help="read every record anew, with all checks, and set "
                         "aside those that are torn")  # fmt: skip
    add_json(command)

    command = add_sweep_command(commands, "report", "write the tables and the report anew from the ledger", report)
    command.add_argument("--relabel", action="store_true", help="name the stored networks anew, with the algorithms "
                         "and criteria of today; no training is repeated, keys stay")  # fmt: skip
    add_algorithms(command)
    command.add_argument("--sections", nargs="+", action="extend", default=[], metavar="SECTION",
                         help="more sections of the report: package.module:NAME or path/file.py:NAME; these and the "
                         "algorithms stay in the sweep's config")  # fmt: skip

    command = add_sweep_command(commands, "ui", "open MLflow's pages on the sweep's trainings", ui)
    command.add_argument("--port", type=int, default=5000, metavar="PORT", help="of 127.0.0.1 (default: 5000)")

    command = add_sweep_command(commands, "sync", "log to MLflow what is not there yet", sync)
    add_settings(command)

    command = add_sweep_command(
        commands, "generalise", "measure what stored hypernetworks draw at dimensions never trained at", generalise
    )
    command.add_argument("--dimensions", type=int, nargs="+", default=[], metavar="N",
                         help="of the drawn networks (default: up to four times the largest trained)")  # fmt: skip
    command.add_argument("--draws", type=int, default=16, metavar="K",
                         help="networks a training and dimension (default: 16)")  # fmt: skip
    add_json(command)


def sweep(options) -> int:
    from search.config.load import load

    config = load(preset=options.preset, file=options.config, settings=_settings(options))
    from search.driver.sweep import sweep  # after the config, whose mistakes shall not wait for PyTorch

    if config.grid.size > LARGE and not options.yes:
        from search.sweep.experiment import experiment_of
        from search.sweep.grid import expand

        seconds = experiment_of(config).seconds(expand(config))
        about = f", about {rough_duration(seconds)} on one core" if seconds else ""
        raise UserError(f"the grid has {config.grid.size:,} trainings{about}: add --yes to start them")
    name = options.preset or options.config.stem
    return sweep(config, options.out or Path("sweeps") / name, command=options.command_line)


def resume(options) -> int:
    from search.config.load import load_stored
    from search.driver.sweep import sweep
    from search.sweep import folder as folders

    folder = folders.existing(options.sweep)
    config = load_stored(folder.config, _settings(options))
    return sweep(config, folder.path, command=options.command_line, retry_failed=options.retry_failed)


def refine(options) -> int:
    from search.config.load import load_stored
    from search.driver.refine import Goal, refine
    from search.sweep import folder as folders

    folder = folders.existing(options.sweep)
    config = load_stored(folder.config, _settings(options))
    goal = Goal(
        options.width,
        options.trainings,
        options.seconds,
        options.batch,
        tuple(options.dimensions),
        options.boundary,
    )
    return refine(config, folder.path, goal, command=options.command_line)


def anneal(options) -> int:
    from search.config.load import load_stored
    from search.driver.anneal import anneal
    from search.sweep import folder as folders

    folder = folders.existing(options.sweep)
    config = load_stored(folder.config, _settings(options))
    return anneal(config, folder.path, command=options.command_line)


def status(options) -> int:
    from search.cli.status import read_status
    from search.sweep import folder as folders

    folder = folders.existing(options.sweep)
    found = read_status(folders.read_config(folder), folder, verify=options.verify)
    print(json_text(asdict(found)) if options.json else found.text())
    return 0


def report(options) -> int:
    from search.driver.report import write_report
    from search.objects import keep_copies
    from search.sweep import folder as folders
    from search.sweep import manifest, tables
    from search.sweep.experiment import experiment_of, objects_of
    from search.sweep.relabel import relabel

    if options.algorithms and not options.relabel:
        raise UserError("--algorithms is of use with --relabel only: without it, trainings keep their labels")
    folder = folders.existing(options.sweep)
    with folders.locked(folder):
        manifest.set_aside_damaged(folder)
        config = folders.read_config(folder)
        if options.algorithms or options.sections:
            config = _with_objects(folder, config, algorithms=options.algorithms, sections=options.sections)
        if options.relabel:
            keep_copies(objects_of(config), folder)  # labels of today come from the files of today
            done = relabel(config, folder)
            print(f"{trainings(done.trainings)} read anew, {done.changed} with another label", file=sys.stderr)
        if not tables.collect(folder, experiment_of(config)).rows:  # not kept: of many trainings they take 10 KB each
            raise UserError(f"{options.sweep}: no training has finished yet")
        return 0 if write_report(folder) else 1


def _with_objects(folder, config, **more: list[str]):
    """The sweep's config with more algorithms or sections, kept in its folder with the files that they are in."""
    from search.config.load import load_stored
    from search.objects import keep_copies
    from search.sweep import folder as folders
    from search.sweep.experiment import objects_of

    lists = {name: list(dict.fromkeys([*getattr(config.analysis, name), *given])) for name, given in more.items()}
    settings = [f"analysis.{name}={json.dumps(specs, ensure_ascii=False)}" for name, specs in lists.items()]
    config = load_stored(folder.config, settings)
    keep_copies(objects_of(config), folder)
    folders.write_config(folder, config)
    return config


def generalise(options) -> int:
    from search.api import check_dimensions
    from search.cli.table_commands import as_records
    from search.driver.generalise import generalise
    from search.driver.report import write_report
    from search.sweep import folder as folders

    check_dimensions(options.dimensions, "--dimensions")
    if not 1 <= options.draws <= MAX_DRAWS:
        raise UserError(f"--draws must be at least 1 and at most {MAX_DRAWS}, not {options.draws}")
    folder = folders.existing(options.sweep)
    with folders.locked(folder):
        table = generalise(folders.read_config(folder), folder, sorted(set(options.dimensions)), options.draws)
        print(json_text(as_records(table)) if options.json else printable(table))
        with contextlib.redirect_stdout(notes()) if options.json else contextlib.nullcontext():
            return 0 if not folder.trainings.is_file() or write_report(folder) else 1


def ui(options) -> int:
    from search.cli.ui import serve
    from search.config.secrets import mask
    from search.sweep import folder as folders
    from search.tracking.local_store import repoint, store_uri

    if not 0 < options.port < 65536:
        raise UserError(f"--port must be between 1 and 65535, not {options.port}")
    folder = folders.existing(options.sweep)
    store = store_uri(folders.read_config(folder), folder)
    if store.startswith("http"):
        print(f"this sweep is logged to a tracking server; open {mask(store)}")
        return 0
    if not folder.mlflow_store.exists():
        raise UserError(f"{options.sweep}: nothing is logged yet; `hyperphase sync {quoted(options.sweep)}` logs it")
    repoint(folder)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", options.port))
        except OSError as error:
            raise UserError(f"port {options.port}: {error.strerror}; choose another with --port") from None
    print(f"MLflow starts on port {options.port}", flush=True)
    serve(folder, store, options.port)


def sync(options) -> int:
    from search.config.load import load_stored
    from search.driver.sync import sync
    from search.sweep import folder as folders

    folder = folders.existing(options.sweep)
    return sync(load_stored(folder.config, options.settings), folder)


def _settings(options) -> list[str]:
    return options.settings + ([f"ray.address={json.dumps(options.address)}"] if options.address else [])
