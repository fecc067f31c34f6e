"""What the documentation shows: its commands, blocks of code and links."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = ("docker", "git", "hyperphase", "kubectl", "make", "optuna-dashboard", "pip", "python", "ray", "sbatch")
OUTPUT = ("240 trainings done", "grid ─► packs")  # blocks of the README that are no commands begin like this

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page that are in this language ("": in none)."""
    return [text for found, text in BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


def commands(page: Path) -> Iterator[str]:
    """Every command line that a page shows, in a block or within a sentence, without its comment.

    A block in no language is commands, a line each: in docs/ if it begins with one, in the README unless it begins
    like one of OUTPUT, so that no command there escapes.
    """
    for block in blocks(page, ""):
        if not block.startswith(OUTPUT) if page == README else block.startswith((*PROGRAMS, "export")):
            yield from (line for text in block.splitlines() if (line := text.split("  #")[0].strip()))
    for text in INLINE.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        line = " ".join(text.split()).removeprefix("time ")
        if line.startswith(tuple(f"{program} " for program in PROGRAMS)):
            yield line


def links(page: Path) -> list[str]:
    return LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """What `page.md#…` may name: GitHub's names of the headings."""
    heads = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
