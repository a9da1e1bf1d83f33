"""Which frames of a video become clips: windows that never cross a gap in the frame numbers."""

from collections.abc import Sequence


def released(frames: Sequence[int], total: int, step: int) -> list[int]:
    """Cut windows as the released E3D-LSTM program does: from the last frame to the first.

    A window is valid when its first and last frame numbers differ by total - 1, so it may run
    across two sequences whose numbers join. After a valid one the end moves back by `step`, else by
    one frame. (The program scans all videos as one list, which for windows of more than two frames
    is the same, video by video.)

    Args:
        frames: numbers of the frames there are, ascending, without repetition.
        total: frames of a window.
        step: frames between the ends of valid windows: `total` is side by side.

    Returns:
        the first frame numbers, ascending: 100 frames, 30 a window, step 30: [11, 41, 71].
    """
    starts = []
    end = len(frames) - 1
    while end >= total - 1:
        first = frames[end - total + 1]
        valid = frames[end] - first == total - 1
        if valid:
            starts.append(first)
        end -= step if valid else 1
    return starts[::-1]


def sliding(frames: Sequence[int], total: int, stride: int) -> list[int]:
    """Cut windows from the first frame of every unbroken stretch on, a start every `stride` frames.

    Args:
        frames: numbers of the frames there are, ascending, without repetition.
        total: frames of a window.
        stride: frames between starts; `total` is side by side, 1 every window there is.

    Returns:
        the first frame numbers, ascending.
    """
    starts, begin = [], 0
    for place in range(1, len(frames) + 1):
        if place == len(frames) or frames[place] != frames[place - 1] + 1:
            last = place - total  # place in `frames` of the stretch's last possible start
            starts += [frames[first] for first in range(begin, last + 1, stride)]
            begin = place
    return starts
