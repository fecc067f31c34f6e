"""What each command does: glue between the options and the functions that do the work.

A command takes the parsed options and returns its exit code (None: 0).
"""

import json
import socket
from pathlib import Path

from analysis.errors import UserError
from search import config as configs
from search import folder as folders


def sweep(options) -> int:
    from search.sweep import sweep

    config = configs.load(preset=options.preset, file=options.config, settings=_settings(options))
    name = options.preset or options.config.stem
    return sweep(config, options.out or Path("sweeps") / name, command=options.command_line)


def resume(options) -> int:
    from search.sweep import sweep

    folder = folders.existing(options.sweep)
    config = configs.load(file=folder.config, settings=_settings(options))
    return sweep(config, folder.path, command=options.command_line)


def refine(options) -> int:
    from search.refine import Goal, refine

    folder = folders.existing(options.sweep)
    config = configs.load(file=folder.config, settings=_settings(options))
    goal = Goal(options.width, options.trainings, options.seconds, options.batch, tuple(options.dimensions))
    return refine(config, folder.path, goal, command=options.command_line)


def status(options) -> int:
    from search.status import status

    folder = folders.existing(options.sweep)
    print(status(folders.read_config(folder), folder))
    return 0


def report(options) -> int:
    from search import collect
    from search.sweep import write_report

    folder = folders.existing(options.sweep)
    with folders.locked(folder):
        rows = collect.collect(folder, folders.read_config(folder).training.recipe()).rows
        if not rows:
            raise UserError(f"{options.sweep}: no training has finished yet")
        return 0 if write_report(folder) else 1


def boundaries(options) -> None:
    from analysis.boundaries import write_boundaries

    write_boundaries(
        options.table,
        x=options.x,
        y=options.y,
        label=options.label,
        log_x=options.log_x,
        log_y=options.log_y,
        merge=_merges(options.merge),
        out=options.out,
    )
    print(f"{options.out / 'boundaries.csv'}, phase_map.png and probabilities.csv written")


def compare(options) -> None:
    from analysis.comparison import write_comparison

    print(write_comparison(options.sweeps, options.out, most_error=options.most_error))
    print(f"{options.out / 'order_parameters.csv'}, order_parameters.png and boundaries.csv written")


def classify(options) -> None:
    from analysis.classify import describe
    from analysis.palette import title
    from trainables.tasks import get_task

    task = get_task(options.task)
    for file in options.files:
        found = describe(file, task.target, names=task.algorithms)
        if options.json:
            print(json.dumps(found, ensure_ascii=False), flush=True)
        else:
            name = title(found["algorithm"])
            quality = f"faithfulness {found['faithfulness']:.3f}, relative error {found['relative_error']:.3g}"
            print(f"{file}: {name}; f(x) ≈ {found['formula']} ({quality})")


def draw(options) -> None:
    from analysis.drawing import draw
    from analysis.network import Network

    networks = [Network.load(file) for file in options.files]  # a bad file stops it before anything is written
    several = len(options.files) > 1 or (options.out and options.out.suffix.lower() not in (".png", ".svg"))
    for file, network in zip(options.files, networks, strict=True):
        path = Path(file).with_suffix(".png")
        if options.out:
            path = options.out / path.name if several else options.out
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(network, path)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror or error}") from None
        print(path)


def generate(options) -> None:
    from search.api import generate

    network = generate(options.sweep, options.key, options.dimension, seed=options.seed)
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with folders.replaced(options.out) as temporary:
            network.save(temporary)
    except OSError as error:
        raise UserError(f"cannot write {options.out}: {error.strerror or error}") from None
    print(options.out)


def generalise(options) -> int:
    from search.generalise import generalise
    from search.sweep import write_report

    if min([*options.dimensions, options.draws]) < 1:
        raise UserError("--dimensions and --draws must be at least 1")
    folder = folders.existing(options.sweep)
    with folders.locked(folder):
        print(generalise(folders.read_config(folder), folder, sorted(set(options.dimensions)), options.draws))
        return 0 if not folder.trainings.is_file() or write_report(folder) else 1


def ui(options) -> int:
    from search.tracking import store_uri
    from search.ui import serve

    if not 0 < options.port < 65536:
        raise UserError(f"--port must be between 1 and 65535, not {options.port}")
    folder = folders.existing(options.sweep)
    store = store_uri(folders.read_config(folder), folder)
    if store.startswith("http"):
        print(f"this sweep is logged to a tracking server; open {store}")
        return 0
    if not folder.mlflow_store.exists():
        raise UserError(f"{options.sweep}: nothing is logged yet; `hyperphase sync {options.sweep}` logs it")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", options.port))
        except OSError as error:
            raise UserError(f"port {options.port}: {error.strerror}; choose another with --port") from None
    print(f"MLflow starts on port {options.port}", flush=True)
    serve(folder, store, options.port)


def completion(options) -> None:
    from search.cli import parser
    from search.completion import script

    print(script(parser(), options.shell))


def sync(options) -> int:
    from search.sync import sync

    folder = folders.existing(options.sweep)
    return sync(configs.load(file=folder.config, settings=options.settings), folder)


def _settings(options) -> list[str]:
    return options.settings + ([f"ray.address={json.dumps(options.address)}"] if options.address else [])


def _merges(options: list[str]) -> dict[str, str]:
    """LABEL=NAME as given -> {label: name}."""
    merge = {}
    for option in options:
        label, equals, name = option.partition("=")
        if not (equals and label and name):
            raise UserError(f"--merge {option}: expected LABEL=NAME, as in --merge pudding_positive=pudding")
        merge[label] = name
    return merge
