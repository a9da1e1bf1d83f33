"""What long work shows of itself: on a narrow terminal nothing that matters is cut away."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from tfvp.system.progress import progress

NOTE = "loss 374.8 (l1 334.3, l2 40.44), rate 0.003, truth 0.932, 28.2 clips/s"


@pytest.mark.parametrize("width", [80, 100, 160])
def test_steps_and_the_time_left_are_shown_on_any_terminal(width):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    with progress(console, "training", 80_000, 100) as shown:
        shown.update(12_345, NOTE)
        console.print(shown.bar.get_renderable())
    said = console.file.getvalue()
    assert "12345/80000" in said
    assert ":" in said.split("12345/80000")[1][:12]  # the time left, or -:--:--
    words = " ".join(said.split())
    assert all(word in words for word in NOTE.split())


@pytest.mark.parametrize("terminal", [True, False])
def test_a_part_of_the_work_is_shown_below_it_while_it_lasts(terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)
    with progress(console, "evaluating", 20) as whole:
        whole.update(4)
        with progress(None, "predicting", 640) as part:
            part.advance()
            if terminal:
                console.print(part.bar.get_renderable())
            else:
                part.update(640)
        whole.update(20)
        assert len(whole.bar.tasks) == 1
    said = console.file.getvalue()
    assert "640/640" in said or ("4/20" in said and "1/640" in said)


def test_without_work_around_it_standard_error_tells(capsys):
    with progress(None, "predicting", 2) as shown:
        shown.update(2)
    assert capsys.readouterr() == ("", "predicting: 2/2 \n")


def test_the_time_left_is_by_the_pace_of_the_last_two_minutes(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("tfvp.system.progress.time", SimpleNamespace(monotonic=lambda: clock[0]))
    console = Console(file=io.StringIO(), width=100)
    with progress(console, "training", 1_000) as shown:
        for done in range(1, 101):  # beside other work: a step takes 15 s
            clock[0] += 15
            shown.update(done)
        for done in range(115, 401, 15):  # alone on the machine: a second
            clock[0] += 15
            shown.update(done)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "training: 1/1000 , about 4.2 h left"
    assert lines[99] == "training: 100/1000 , about 3.8 h left"
    assert lines[-1] == "training: 400/1000 , about 10 min left"
