"""What the commands' options have in common: how a command is added, and how its help looks."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from analysis.formatting import printable


def path(text: str) -> Path:
    """A path as given on the command line; an empty one, which pathlib takes for the working directory, is refused."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("expected a path, not an empty text")
    try:
        text.encode()
    except UnicodeEncodeError:  # Arrow, SQLite and TOML can't name it
        raise argparse.ArgumentTypeError(f"the path {text!r} is not UTF-8") from None
    return Path(text)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all errors of ours are, and name the command's own help."""

    def error(self, message: str) -> NoReturn:
        text = " ".join(printable(message).split())
        text = text if len(text) <= 300 else text[:300] + " …"
        self.exit(2, f"{self.prog}: {text} (see `{self.prog} --help`)\n")


class Aligned(argparse.HelpFormatter):
    """Names and explanations in two columns, whatever the width of the terminal."""

    def __init__(self, prog: str, **settings):
        super().__init__(prog, **{"max_help_position": 28} | settings)

    def _iter_indented_subactions(self, action):
        return iter(action._get_subactions() if hasattr(action, "_get_subactions") else ())

    def _format_action(self, action):
        text = super()._format_action(action)
        return text.partition("\n")[2] if action.nargs == argparse.PARSER else text  # no line that says COMMAND


class Examples(Aligned, argparse.RawDescriptionHelpFormatter):
    """The same, with the examples' lines left as they are."""


def add_command(commands, name: str, text: str, run: Callable) -> argparse.ArgumentParser:
    """A command that calls `run(options)`, which returns its exit code (None: 0). text: its help."""
    about = text[0].upper() + text[1:] + ("" if text.endswith("?") else ".")
    command = commands.add_parser(name, help=text, description=about, formatter_class=Aligned)
    command.set_defaults(run=run, parser=command)
    loudness = command.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="print errors and results only")
    loudness.add_argument("-v", "--verbose", action="store_true", help="print more, tracebacks of our own errors too")
    return command


def add_sweep_command(commands, name: str, text: str, run: Callable) -> argparse.ArgumentParser:
    """A command on a sweep's folder."""
    command = add_command(commands, name, text, run)
    command.add_argument("sweep", type=path, metavar="SWEEP", help="the sweep's folder")
    return command


def add_json(command: argparse.ArgumentParser) -> None:
    """--json."""
    command.add_argument("--json", action="store_true", help="print the result as one JSON object")


def add_run_options(command: argparse.ArgumentParser) -> None:
    """Of commands that train."""
    add_settings(command)
    command.add_argument("--address", metavar="A", help="a running Ray cluster (default: RAY_ADDRESS, else one here)")


def add_settings(command: argparse.ArgumentParser) -> None:
    """--set."""
    command.add_argument("--set", action="append", default=[], dest="settings", metavar="SECTION.KEY=VALUE",
                         help="change a setting of the config; the value is TOML; may be given again")  # fmt: skip


def add_algorithms(command: argparse.ArgumentParser) -> None:
    """--algorithms."""
    command.add_argument("--algorithms", nargs="+", action="extend", default=[], metavar="ALGORITHM",
                         help="more algorithms to name networks after: package.module:NAME or "
                         "path/file.py:NAME")  # fmt: skip
