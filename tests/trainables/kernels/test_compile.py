"""Compiling on first use."""

import ctypes
import os
import shutil

import pytest

from trainables.kernels.compile import library

SOURCE = 'extern "C" int answer() { return ANSWER; }\n'


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("HYPERPHASE_CACHE", str(tmp_path / "cache"))
    library.cache_clear()
    yield tmp_path / "answer.cpp"
    library.cache_clear()


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler on this machine")
def test_compiles_once_for_all_processes(source, tmp_path):
    source.write_text(SOURCE)
    assert library(source, ANSWER=42).answer() == 42
    (compiled,) = (tmp_path / "cache").iterdir()
    before = compiled.stat().st_mtime_ns
    library.cache_clear()
    assert library(source, ANSWER=42).answer() == 42
    assert compiled.stat().st_mtime_ns == before
    assert library(source, ANSWER=43).answer() == 43
    assert isinstance(library(source, ANSWER=43), ctypes.CDLL)


def test_none_without_a_compiler(source, monkeypatch, tmp_path):
    source.write_text(SOURCE)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert library(source, ANSWER=1) is None


def test_none_where_the_source_or_the_cache_does_not_serve(source, monkeypatch, tmp_path):
    source.write_text("not C++")
    assert library(source, ANSWER=1) is None
    source.write_text(SOURCE)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HYPERPHASE_CACHE", os.fspath(tmp_path / "file"))
    library.cache_clear()
    assert library(source, ANSWER=1) is None


def test_none_where_it_is_switched_off(source, monkeypatch):
    source.write_text(SOURCE)
    monkeypatch.setenv("HYPERPHASE_NATIVE", "0")
    assert library(source, ANSWER=1) is None
