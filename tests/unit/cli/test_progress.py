"""The progress bar: there when it takes long on a terminal, silent otherwise."""

from __future__ import annotations

import time

import pytest

from rl import progress
from rl.progress import progress_bar


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")


def work(seconds: float, quiet: bool = False) -> None:
    with progress_bar(quiet=quiet) as bar:
        bar.phase("reading")
        bar.step(3, 7, "layer [3]")
        time.sleep(seconds)


@pytest.mark.usefixtures("_terminal")
def test_shown_on_standard_error_after_the_patience(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.05)
    work(0.4)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "layer [3]" in captured.err
    assert "3/7" in captured.err


@pytest.mark.usefixtures("_terminal")
def test_not_shown_for_short_work(capsys: pytest.CaptureFixture[str]) -> None:
    work(0.0)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("_terminal")
def test_not_shown_when_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.05)
    work(0.4, quiet=True)
    assert capsys.readouterr().err == ""


def test_not_shown_in_a_pipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.05)
    work(0.4)
    assert capsys.readouterr().err == ""
