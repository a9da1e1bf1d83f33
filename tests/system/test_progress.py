"""What long work shows of itself: on a narrow terminal nothing that matters is cut away."""

import io

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
