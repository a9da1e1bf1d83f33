"""The rollout of networks that want something small besides the error of their predictions."""

from tfvp.models.rollout import Feedback, Step, rollout


def rollout_with_own_loss(step: Step, state, frames, use_truth, feedback: Feedback):
    """`rollout` over whole clips of a step that gives (next frame, its own loss).

    Args:
        step: (frame (B, H, W, C), state) -> ((next frame, own loss (B,)), state).
        state: as for `rollout`.
        frames: (B, T, H, W, C), whole clips.
        use_truth: (B, predict_frames - 1), as for `rollout`.
        feedback: of the frame alone.

    Returns:
        Predictions of frames 1 ... T - 1, and (B, T - 1), the steps' own losses.
    """
    return rollout(
        step,
        state,
        frames[:, :-1],
        predict_frames=use_truth.shape[1] + 1,
        use_truth=use_truth,
        feedback=lambda output, state: feedback(output[0], state),
    )
