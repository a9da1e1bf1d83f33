"""The optical flow by which a network moves each frame to the next, where it has one."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray


def flow_of(network: keras.Model) -> Callable[[ArrayLike, ArrayLike], NDArray] | None:
    """Return what computes a network's flow; None where it has none.

    It takes a context (Tc, H, W, C) and its prediction (Tp, H, W, C), both in [0, 1], and returns
    the flow (Tp, H, W, 2). The flow of a predicted frame is in its pixels, rows and columns: what
    is at a place comes from the place plus the flow in the frame before. A network that reads
    patches has none.
    """
    core = getattr(network, "core", None)
    if core is None or not hasattr(core, "with_flow") or network.patch_px != 1:
        return None

    def flow(context: ArrayLike, prediction: ArrayLike) -> NDArray[np.float32]:
        context, prediction = np.asarray(context), np.asarray(prediction)
        frames = np.concatenate([context, prediction[:-1]]).astype(np.float32)
        state, flows = core.initial_state(1, frames.shape[1:]), []
        for frame in frames:
            _, small, state = core.with_flow(ops.convert_to_tensor(frame[None]), state)
            flows.append(np.asarray(ops.convert_to_numpy(small), np.float32)[0])
        zoom = frames.shape[1] // flows[0].shape[0]
        future = np.stack(flows[-len(prediction) :]) * zoom  # in pixels of the frame
        return future.repeat(zoom, axis=1).repeat(zoom, axis=2)

    return flow
