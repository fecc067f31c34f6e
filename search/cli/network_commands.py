"""Commands on network files: classify, draw, generate."""

import itertools
import os
import re
from pathlib import Path

from analysis.errors import UserError
from analysis.files import replaced
from analysis.formatting import printable
from search.cli.options import add_algorithms, add_command, path
from search.terminal.output import json_text


def add_commands(commands) -> None:
    """Adds these commands and their options to the parser's."""
    command = add_command(commands, "classify", "name the algorithm in network files", classify)
    command.add_argument("files", nargs="+", type=path, metavar="FILE.npz", help="network files")
    command.add_argument("--task", default="l1_norm", metavar="TASK",
                         help="what the networks were to compute: a name, package.module:NAME or path/file.py:NAME "
                         "(default: l1_norm)")  # fmt: skip
    add_algorithms(command)
    _add_nature(command)
    command.add_argument("--json", action="store_true", help="one JSON object a file, one a line")

    command = add_command(commands, "draw", "draw network files", draw)
    command.add_argument("files", nargs="+", type=path, metavar="FILE.npz", help="network files")
    command.add_argument("--out", type=path, metavar="PATH", help="a .png or .svg file, or a folder for several "
                         "(default: a .png beside each file)")  # fmt: skip
    _add_nature(command)

    command = add_command(
        commands, "generate", "draw a network at any dimension from a training's hypernetwork", generate
    )
    command.add_argument("key", metavar="KEY", help="the training's key, or the beginning of it")
    command.add_argument("--sweep", type=path, required=True, metavar="DIR", help="the sweep's folder")
    command.add_argument("--dimension", type=int, required=True, metavar="N", help="input dimension of the network")
    command.add_argument("--seed", type=int, default=0, metavar="S", help="of the draw (default: 0)")
    command.add_argument("--out", type=path, required=True, metavar="FILE.npz", help="the network file to write")


def _add_nature(command) -> None:
    """--activation and --inputs."""
    command.add_argument("--activation", default="", metavar="A", help="of networks whose file does not say: swish, "
                         "relu, tanh or gelu (default: swish)")  # fmt: skip
    command.add_argument("--inputs", default="", metavar="D", help="likewise, the distribution of their inputs: "
                         "normal, uniform or rademacher (default: normal)")  # fmt: skip


def classify(options) -> None:
    from analysis.algorithms.classify import describe
    from analysis.algorithms.names import OTHER, display_name
    from analysis.network import read_file
    from analysis.patterns.explain import explain
    from search.objects import algorithms
    from trainables.tasks.check import check_target
    from trainables.tasks.registry import get_task

    task = get_task(options.task)
    named = algorithms(task, options.algorithms)
    for file in options.files:
        network, assumed = read_file(file, activation=options.activation, inputs=options.inputs)
        check_target(options.task, network.hidden_weight.shape[-1], network.inputs)
        found = describe(network, task.target, names=named) | {"file": str(file), "assumed": list(assumed)}
        found |= explain(network, task.target).summary()
        if options.json:
            print(json_text(found), flush=True)
            continue
        quality = f"relative error {found['relative_error']:.3g}"
        text, faithful = found["formula"], found["faithfulness"]
        if found["algorithm"] == OTHER:  # then the network's own formula says more
            text, faithful = found["pattern_formula"], found["pattern_r_squared"]
        if "activation" in assumed:
            quality += f"; {network.activation} assumed, the file does not say"
        formula = "no closed formula"
        if text:
            formula, quality = f"f(x) ≈ {text}", f"faithfulness {faithful:.3f}, {quality}"
        print(f"{printable(file)}: {display_name(found['algorithm'])}; {formula} ({quality})")


def draw(options) -> None:
    from analysis.drawing.draw import draw
    from analysis.network import Network

    given = {"activation": options.activation, "inputs": options.inputs}
    networks = [Network.load(file, **given) for file in options.files]  # a bad file stops it before anything is written
    for picture, network in zip(_pictures(options.files, options.out), networks, strict=True):
        try:
            picture.parent.mkdir(parents=True, exist_ok=True)
            draw(network, picture)
        except OSError as error:
            raise UserError(f"cannot write {picture}: {error.strerror or error}") from None
        print(printable(picture))


def _pictures(files: list[Path], out: Path | None) -> list[Path]:
    """Where the pictures of network files go: each to a place of its own, and over no file that is no drawing."""
    from analysis.drawing.png import is_drawing

    if out and out.suffix.lower() in (".png", ".svg") and not out.is_dir():
        if len(files) > 1:
            raise UserError(f"{out} is one picture: several need a folder")
        return [out]
    if out and re.fullmatch(r"\.[A-Za-z]{2,5}", out.suffix) and not out.is_dir():
        raise UserError(f"{out}: a drawing is a .png or an .svg file")
    taken, pictures = {file.resolve() for file in files}, []
    for file in files:
        wanted = file.with_suffix(".png")
        wanted = out / wanted.name if out else wanted
        numbered = (wanted.with_stem(f"{wanted.stem}-{number}") for number in itertools.count(2))
        places = (one for one in itertools.chain([wanted], numbered) if one.resolve() not in taken)
        picture = next(one for one in places if is_drawing(one) or not os.path.lexists(one))
        taken.add(picture.resolve())
        pictures.append(picture)
    return pictures


def generate(options) -> None:
    from search.api import generate

    network = generate(options.sweep, options.key, options.dimension, seed=options.seed)
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with replaced(options.out) as temporary:
            network.save(temporary)
    except OSError as error:
        raise UserError(f"cannot write {options.out}: {error.strerror or error}") from None
    print(printable(options.out))
