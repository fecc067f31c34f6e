"""Progress: counts, an honest ETA, quiet where nobody looks."""

import io
import re
from collections import Counter

import pytest

from analysis.formatting import duration
from search.terminal import colours, progress
from search.terminal.progress import Progress

DONE = {"status": "done", "algorithm": "convexity"}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (7.4, "7 s"), (59.6, "1 min 00 s"), (100, "1 min 40 s"), (7300, "2 h 01 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_counts_and_eta(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = Progress(total=6, done=Counter(constant=2), pack_seconds=[10.0, 30.0], stream=io.StringIO())
    assert shown.eta() is None
    shown.start()
    now[0] = 20.0
    shown.pack_step(0, 1.0)
    shown.pack_step(1, 1 / 3)  # half of the work in all
    assert shown.eta() == pytest.approx(20.0)
    shown.pack_step(1, 0.1)  # a pack that starts again does not take the estimate back
    assert shown.eta() == pytest.approx(20.0)
    shown.add(DONE)
    shown.add({"status": "failed", "algorithm": None})
    assert shown.line() == "4/6 trainings · 20 s left · constant 2 · convexity 1 · failed 1"
    for _ in range(2):
        shown.add(DONE)
    assert "left" not in shown.line()


def test_plain_lines_are_rare(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    shown = Progress(total=100, stream=stream)
    shown.start()
    for _ in range(100):
        now[0] += 1.0
        shown.add(DONE)
    shown.show(last=True)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4 and lines[-1].startswith("100/100") and "\r" not in stream.getvalue()


def test_the_bar_stays_on_one_line(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    shown = Progress(total=2, stream=stream)
    shown.start()
    shown.add(DONE)
    shown.say("a word")
    shown.add(DONE)
    shown.show(last=True)
    assert stream.getvalue().count("\n") == 2  # the word and the end
    assert f"{'█' * progress.BAR}\x1b[0m 2/2 trainings" in stream.getvalue()


def test_a_long_line_is_cut_where_the_terminal_ends(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    Progress(total=9, done=Counter(pudding_positive=3, pudding_negative=2, double_sided=1), stream=stream).show()
    shown = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue()).strip()
    assert shown.endswith("…") and len(shown) < 60


def test_the_bar_shows_what_was_found_and_what_is_under_way():
    shown = Progress(total=24, done=Counter(pudding_positive=6, constant=3), pack_seconds=[1.0], stream=Terminal())
    assert shown.bar() == "█" * 9 + "░" * 15 and "positive pudding 6" in shown.line()
    shown.start()
    shown.pack_step(0, 0.4)  # of the work on the other fifteen
    assert shown.bar() == "█" * 9 + "▒" * 6 + "░" * 9
    shown.add({"status": "failed", "algorithm": None})
    assert shown.bar() == "█" * 10 + "▒" * 5 + "░" * 9
    coloured = shown.bar(colour=True)
    assert coloured.count("\x1b[0m") == 3 and re.sub(r"\x1b\[[\d;]*m", "", coloured) == shown.bar()


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_none_are_wanted(variable, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert colours.coloured(Terminal()) and not colours.coloured(io.StringIO())
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    assert not colours.coloured(Terminal())
    stream = Terminal()
    Progress(total=1, done=Counter(constant=1), stream=stream).show(last=True)
    assert "\x1b" not in stream.getvalue() and colours.error("no", stream) == "hyperphase: no"


def test_two_algorithms_that_nobody_knows_differ_in_colour():
    progress = Progress(total=2, done=Counter({"mine": 1, "yours": 1}))
    painted = progress.bar(colour=True)
    assert len({part.split("m")[0] for part in painted.split("\x1b[38;5;")[1:]}) == 2
