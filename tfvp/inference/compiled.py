"""A network's ways of predicting, compiled: NumPy arrays in, NumPy arrays out."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from tfvp.backend import backend
from tfvp.evaluation.schema import History
from tfvp.models.base import VideoPredictor
from tfvp.system.progress import progress


def compiled_for(
    history: History, predictor: VideoPredictor, context_frames: int, horizon: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile what a network is measured by with a history.

    Args:
        history: see `History`.
        predictor: the network.
        context_frames: the number of frames that are given.
        horizon: the number of frames to predict where it runs free; else the clips have them.
    """
    if history == History.RECONSTRUCTED:
        return compiled_reconstruction(predictor)
    if history == History.TRUE_PIXELS:
        return compiled_with_true_pixels(predictor, context_frames)
    if history == History.TEACHER_FORCED:
        return compiled_one_step(predictor, context_frames)
    return compiled_prediction(predictor, horizon)


def compiled_prediction(
    predictor: VideoPredictor, horizon: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile the prediction of `horizon` frames.

    Returns:
        a function of context frames, float32 (B, T, H, W, C) in [0, 1] with any T, to the predicted
        frames, float32 (B, horizon, H, W, C), which may leave [0, 1]. What takes minutes shows its
        progress.
    """
    long = predictor.long_prediction(horizon, partial(_compiled_by_shape, predictor))
    if long is None:
        return _compiled(predictor, lambda context: predictor.predict_frames(context, horizon))

    parts, predict = long

    def shown(context: Any) -> Any:
        with progress(None, "predicting", parts) as shown:
            return predict(context, shown.advance)

    return _in_numpy(shown)


def compiled_one_step(
    predictor: VideoPredictor, context_frames: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile `VideoPredictor.predict_next` for clips of at least `context_frames` frames.

    Returns:
        a function of true frames, float32 (B, T, H, W, C) in [0, 1], to the frames predicted one
        step ahead, float32.
    """
    return _compiled(predictor, lambda frames: predictor.predict_next(frames, context_frames))


def compiled_reconstruction(predictor: VideoPredictor) -> Callable[[np.ndarray], np.ndarray]:
    """Compile `VideoPredictor.reconstruct`: float32 (B, T, H, W, C) in [0, 1] to as many."""
    return _compiled(predictor, predictor.reconstruct)


def compiled_with_true_pixels(
    predictor: VideoPredictor, context_frames: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile `VideoPredictor.predict_with_true_pixels` for clips longer than `context_frames`.

    Returns:
        a function of clips, float32 (B, T, H, W, C) in [0, 1], to their predicted frames, float32.
    """
    return _compiled(
        predictor, lambda frames: predictor.predict_with_true_pixels(frames, context_frames)
    )


def _compiled(
    predictor: VideoPredictor, predict: Callable[[Any], Any]
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a function of tensors that reads a predictor's weights; it takes and gives NumPy."""
    return _in_numpy(_compiled_by_shape(predictor, predict))


def _compiled_by_shape(
    predictor: VideoPredictor, function: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """Compile a function of one structure of tensors, once for every shape of them.

    One graph for several lengths would leave the length open, which a network whose state grows
    with every frame cannot unroll.
    """
    compiled: dict[tuple[tuple[int, ...], ...], Callable[[Any], Any]] = {}

    def call(inputs: Any) -> Any:
        shapes = tuple(tuple(each.shape) for each in keras.tree.flatten(inputs))
        if shapes not in compiled:
            compiled[shapes] = backend.compiled(function, predictor.variables)
        return compiled[shapes](inputs)

    return call


def _in_numpy(predict: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Let a function of a float32 tensor take and give NumPy arrays, float32."""

    def in_numpy(context: np.ndarray) -> np.ndarray:
        frames = keras.ops.convert_to_tensor(context, dtype="float32")
        return keras.ops.convert_to_numpy(keras.ops.cast(predict(frames), "float32"))

    return in_numpy


def padded(predict: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Let smaller batches be predicted as the largest so far, so that none is compiled anew.

    Args:
        predict: (B, T, H, W, C) -> (B, …), each clip by itself.

    Returns:
        the same function; a batch of fewer clips is filled up with its last one.
    """
    largest = 0

    def call(frames: np.ndarray) -> np.ndarray:
        nonlocal largest
        largest = max(largest, len(frames))
        missing = largest - len(frames)
        filled = np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])
        return predict(filled if missing else frames)[: len(frames)]

    return call
