"""Prediction one frame ahead, each frame from all true frames before it."""

from keras import ops

from tfvp.models.encoder_decoder import EncoderDecoderPredictor
from tfvp.models.recurrent import FramePredictor


def one_step(predictor: FramePredictor, frames, context_frames: int):
    """Predict the frame after the context, then after one true frame more, and so on.

    Args:
        predictor: the network.
        frames: (B, T, H, W, C), the context and true frames after it; T is known.
        context_frames: frames before the first prediction, 1 … T.

    Returns:
        The frames after `context_frames`, context_frames + 1, … T given ones:
        (B, T - context_frames + 1, H, W, C).
    """
    steps = frames.shape[1] - context_frames + 1
    if isinstance(predictor, EncoderDecoderPredictor):  # it reads a longer context each time
        ends = range(context_frames, frames.shape[1] + 1)
        return ops.concatenate([predictor.predict_frames(frames[:, :n], 1) for n in ends], axis=1)
    clips = ops.concatenate([frames, frames[:, -1:]], axis=1)  # a call does not read the last one
    use_truth = ops.ones((ops.shape(frames)[0], steps - 1), frames.dtype)
    return predictor({"frames": clips, "use_truth": use_truth})[:, -steps:]
