"""Completion for shells: a script made from the parser itself, so that it knows every command and option."""

import argparse
from collections.abc import Iterator

from search.cli.options import add_command

PRESETS = """
_hyperphase_presets() { compgen -W "PRESETS" -- "$1"; }
_hyperphase_tasks() { compgen -W "TASKS" -- "$1"; }
"""
PRESETS_ZSH = """
_hyperphase_presets() { compadd PRESETS; }
_hyperphase_tasks() { compadd TASKS; }
"""
FOLDERS, FILES = ("SWEEP", "DIR"), ("FILE", "TABLE", "PATH", "FILE.npz")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script to evaluate in `shell`, "bash" or "zsh"."""
    import shtab

    from search.config.presets import preset_names
    from trainables.tasks.registry import TASKS

    for action in _actions(parser):
        if action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY
        elif action.metavar in FILES:
            action.complete = shtab.FILE
        elif action.dest in ("preset", "task"):
            action.complete = dict.fromkeys(("bash", "zsh"), f"_hyperphase_{action.dest}s")
    preamble = {"bash": PRESETS, "zsh": PRESETS_ZSH}[shell]
    preamble = preamble.replace("PRESETS", " ".join(preset_names())).replace("TASKS", " ".join(TASKS))
    return shtab.complete(parser, shell, preamble={shell: preamble})


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of the parser and its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def completion(options) -> None:
    print(script(options.root, options.shell))


def add_commands(commands) -> None:
    """Adds these commands and their options to the parser's."""
    command = add_command(
        commands, "completion", "print a script that completes commands and options in a shell", completion
    )
    command.add_argument("shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh")
