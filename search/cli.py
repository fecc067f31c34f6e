"""The command `hyperphase`. Whatever is slow to import is imported by the command that needs it."""

import argparse
import os
import sys
from pathlib import Path

from analysis.errors import UserError
from search.terminal import error

DESCRIPTION = "Which algorithm did the network learn, and where does that change?"
EXAMPLES = """examples:
  hyperphase sweep --preset quick      train a small grid, and report
  hyperphase ui sweeps/quick           browse the trainings in MLflow
  hyperphase COMMAND --help            what a command takes
"""


class _Aligned(argparse.HelpFormatter):
    """Names and explanations in two columns, whatever the width of the terminal."""

    def __init__(self, prog: str, **settings):
        super().__init__(prog, **{"max_help_position": 28} | settings)

    def _iter_indented_subactions(self, action):
        return iter(action._get_subactions() if hasattr(action, "_get_subactions") else ())

    def _format_action(self, action):
        text = super()._format_action(action)
        return text.partition("\n")[2] if action.nargs == argparse.PARSER else text  # no line that says COMMAND


class _Examples(_Aligned, argparse.RawDescriptionHelpFormatter):
    """The same, with the examples' lines left as they are."""


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="hyperphase", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=_Examples
    )
    root.add_argument("--version", action="store_true", help="print the version and exit")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        about = text[0].upper() + text[1:] + "."
        return commands.add_parser(name, help=text, description=about, formatter_class=_Aligned)

    def add_sweep(name: str, text: str) -> argparse.ArgumentParser:
        command = add(name, text)
        command.add_argument("sweep", type=Path, metavar="SWEEP", help="the sweep's folder")
        return command

    command = add("sweep", "train a grid of hypernetworks and report which algorithms they found")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--preset", metavar="NAME", help=f"a config that comes with hyperphase: {_presets()}")
    source.add_argument("--config", type=Path, metavar="FILE", help="a config file (TOML)")
    command.add_argument("--out", type=Path, metavar="DIR", help="the sweep's folder (default: sweeps/NAME)")
    _add_run_options(command)

    command = add_sweep("resume", "continue a sweep: do only what is missing")
    _add_run_options(command)

    command = add_sweep("refine", "put more trainings where the boundaries are least known")
    command.add_argument("--width", type=float, default=0.1, metavar="W", help="stop when no boundary's 90 %% band is "
                         "wider, in decades of β (default: 0.1)")  # fmt: skip
    command.add_argument("--trainings", type=int, metavar="N", help="stop after so many trainings")
    command.add_argument("--seconds", type=float, metavar="S", help="begin no round after so many seconds")
    command.add_argument("--batch", type=int, default=32, metavar="N", help="trainings a round (default: 32)")
    command.add_argument("--dimensions", type=int, nargs="+", default=[], metavar="N",
                         help="input dimensions to choose from (default: all that the grid spans)")  # fmt: skip
    _add_run_options(command)

    add_sweep("status", "say what is done, what failed and why, and how to continue")

    add_sweep("report", "write the tables and the report anew from the ledger")

    command = add_sweep("ui", "open MLflow's pages on the sweep's trainings")
    command.add_argument("--port", type=int, default=5000, metavar="PORT", help="of 127.0.0.1 (default: 5000)")

    command = add_sweep("sync", "log to MLflow what is not there yet")
    _add_settings(command)

    command = add("compare", "set sweeps side by side: their order parameters and their boundaries")
    command.add_argument("sweeps", type=Path, nargs="+", metavar="SWEEP", help="folders; the first is compared with")
    command.add_argument("--most-error", type=float, default=0.1, metavar="E", help="only trainings up to this "
                         "relative error have order parameters (default: 0.1)")  # fmt: skip
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder for tables and pictures")

    command = add("boundaries", "map the phases of any table of x, y and label")
    command.add_argument("table", type=Path, metavar="TABLE", help="a .csv or .parquet file")
    for axis, what in (("x", "along which boundaries are looked for"), ("y", "that boundaries may depend on"),
                       ("label", "of a row's phase")):  # fmt: skip
        command.add_argument(f"--{axis}", required=True, metavar="COLUMN", help=f"the column {what}")
    command.add_argument("--log-x", action="store_true", help="x is to be seen on a log axis")
    command.add_argument("--log-y", action="store_true", help="y is to be seen on a log axis")
    command.add_argument("--merge", action="append", default=[], metavar="LABEL=NAME",
                         help="count a label as another: mirror images, say; may be given again")  # fmt: skip
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder for table and picture")

    command = add("classify", "name the algorithm in network files")
    command.add_argument("files", nargs="+", metavar="FILE.npz", help="network files")
    command.add_argument("--task", default="l1_norm", metavar="NAME",
                         help="what the networks were to compute (default: l1_norm)")  # fmt: skip
    command.add_argument("--json", action="store_true", help="one JSON object a file, one a line")

    command = add("draw", "draw network files")
    command.add_argument("files", nargs="+", metavar="FILE.npz", help="network files")
    command.add_argument("--out", type=Path, metavar="PATH", help="a .png or .svg file, or a folder for several "
                         "(default: a .png beside each file)")  # fmt: skip

    command = add("generate", "draw a network at any dimension from a training's hypernetwork")
    command.add_argument("key", metavar="KEY", help="the training's key, or the beginning of it")
    command.add_argument("--sweep", type=Path, required=True, metavar="DIR", help="the sweep's folder")
    command.add_argument("--dimension", type=int, required=True, metavar="N", help="input dimension of the network")
    command.add_argument("--seed", type=int, default=0, metavar="S", help="of the draw (default: 0)")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="the network file to write")

    command = add_sweep("generalise", "measure what stored hypernetworks draw at dimensions never trained at")
    command.add_argument("--dimensions", type=int, nargs="+", default=[], metavar="N",
                         help="of the drawn networks (default: up to four times the largest trained)")  # fmt: skip
    command.add_argument("--draws", type=int, default=16, metavar="K",
                         help="networks a training and dimension (default: 16)")  # fmt: skip

    command = add("completion", "print a script that completes commands and options in a shell")
    command.add_argument("shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Runs a command. Exit codes: 0 done, 1 incomplete, 2 a mistake of the user's, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    root = parser()
    options = root.parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"hyperphase {version('hyperphase')}")
        return 0
    if options.command is None:
        root.print_help()
        return 2
    try:
        from search import commands

        _plain_warnings()
        options.command_line = ["hyperphase", *arguments]
        return getattr(commands, options.command)(options) or 0
    except UserError as mistake:
        print(error(mistake, sys.stderr), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(error("interrupted", sys.stderr), file=sys.stderr)
        return 130
    except BrokenPipeError:  # `hyperphase … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _presets() -> str:
    return ", ".join(sorted(path.stem for path in (Path(__file__).parent / "presets").glob("*.toml")))


def _add_run_options(command: argparse.ArgumentParser) -> None:
    _add_settings(command)
    command.add_argument("--address", metavar="A", help="a running Ray cluster (default: RAY_ADDRESS, else one here)")


def _add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument("--set", action="append", default=[], dest="settings", metavar="SECTION.KEY=VALUE",
                         help="change a setting of the config; the value is TOML; may be given again")  # fmt: skip


def _plain_warnings() -> None:
    """Warnings as one line on stderr, ours only."""
    import warnings

    def show(message, category, filename, lineno, file=None, line=None):
        if category is UserWarning and f"{os.sep}search{os.sep}" in filename:
            print(f"warning: {message}", file=sys.stderr, flush=True)

    warnings.showwarning = show


if __name__ == "__main__":
    sys.exit(main())
