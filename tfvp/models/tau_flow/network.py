"""TAU that reads an optical flow, by RAFT, beside every frame."""

from typing import Any

import keras
from keras import ops

from tfvp.layers.raft import RAFTSmall
from tfvp.layers.torch_convolutions import convolution
from tfvp.models.clip import ClipPredictor
from tfvp.models.tau.network import TAU
from tfvp.models.tau_flow.config import TAUFlowConfig
from tfvp.models.tau_flow.weights import raft_names, released_names
from tfvp.porting.pretrained import PretrainedPart
from tfvp.porting.program import Program
from tfvp.porting.torch_layout import counts_batches
from tfvp.porting.torch_program import TorchProgram
from tfvp.sections import DataSection
from tfvp.shapes import Tensor

FLOW_UNIT_PX = 4.0  # about what a digit moves in a frame, so that the channels are of order one


@keras.saving.register_keras_serializable(package="tfvp")
class TAUFlow(TAU):
    """The core of Colonna and Manganaro's 2023 ConvTAU with flow, for `ClipPredictor`.

        F_1 = 0      F_t = RAFT(x_t-1, x_t)      z_t = [x_t, reduced(F_t)]
        y_1 … y_T = TAU(z_1 … z_T)

    TAU reads C + 2 channels a frame and predicts C. The flow is computed on frames clipped to
    [0, 1] and enlarged bilinearly; it says where what is at a place of the frame before has gone,
    x before y. No gradient goes through it. Beyond T frames it is computed from the predicted
    frames, the first of which has none again.

    `reduced`: "mean" averages over the squares that a pixel was enlarged to, in units of four
    pixels of the frame. "learned" is the program's 3x3 convolution with a stride and a rectifier,
    relu(W * F), of the flow in pixels of the enlarged frame.

    What the program does in the state that its report is about, and what this network does:

    | program | here |
    |---|---|
    | arguments of a block slipped: ratio 1 of its MLP, far kernel 1x1 | as given; described: 8, 7 |
    | ReLU in the attention, where OpenSTL has GELU | `activation` |
    | the rectifier takes the sign from the flow | "learned"; "mean" keeps it |
    | flows stacked frame by frame are read clip by clip, so mixed up | each beside its frame |
    | RAFT sees (x_1, x_1, x_t) as the colours of a frame | gray three times |
    | RAFT, made for [0, 1], sees 0 to 255 | [0, 1] |
    | torchvision's weights C_T_V2 | princeton-vl's, there C_T_V1 |

    >>> core = TAUFlow(2, hidden=4, stages=2, translator_hidden=8, blocks=2, enlarge=4, updates=1)
    >>> network = ClipPredictor(core, frame_shape=(16, 16, 1))
    >>> tuple(network.predict_frames(ops.zeros((1, 2, 16, 16, 1)), horizon=2).shape)
    (1, 2, 16, 16, 1)

    Args:
        context_frames, hidden, stages, translator_hidden, blocks, kernels, mlp_ratio, drop_path:
            see `TAU`.
        enlarge: how many times a frame's sides are enlarged for RAFT.
        updates: of RAFT's flow.
        reduction: mean or learned.
        attention: activation and far, see `GatedAttention`.
    """

    extra_channels = 2

    def __init__(
        self,
        *args: Any,
        enlarge: int = 2,
        updates: int = 12,
        reduction: str = "mean",
        attention: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.enlarge = enlarge
        self.updates = updates
        self.reduction = reduction
        self.attention = dict(attention or {})
        self.raft = RAFTSmall(updates, dtype="float32", name="raft")
        self.raft.trainable = False

    def make_translator(self, **settings: Any) -> keras.layers.Layer:
        """See `TranslatorCore`."""
        return super().make_translator(**self.attention, **settings)

    def build(self, clip_shape):
        """Create every weight; clip_shape is (B, T, H, W, C)."""
        self.raft.build()
        self.reducing = None
        if self.reduction == "learned":
            self.reducing = convolution(
                2,
                3,
                2,
                "default",
                strides=self.enlarge,
                padding="valid",
                dtype=self.dtype_policy,
                name="reducing",
            )
            self.reducing.build((None, None, None, 2))
        super().build(clip_shape)

    def call(self, context):
        """Predict the frames after a context (B, T, H, W, C)."""
        return self.predict(context, self.estimate(context))

    def estimate(self, context: Tensor) -> Tensor:
        """Return the flow from each frame's predecessor to it: (B, T, e H, e W, 2), e `enlarge`."""
        length = context.shape[1]
        before, after = (self._pictures(part) for part in (context[:, :-1], context[:, 1:]))
        flow = self.raft(before, after)
        flow = ops.reshape(flow, (-1, length - 1, *flow.shape[1:]))
        return ops.stop_gradient(ops.pad(flow, ((0, 0), (1, 0), (0, 0), (0, 0), (0, 0))))

    def _pictures(self, clips: Tensor) -> Tensor:
        """Return frames (B, T, H, W, C) as RAFT takes them: (B T, e H, e W, 3)."""
        frames = ops.reshape(ops.clip(ops.cast(clips, "float32"), 0, 1), (-1, *clips.shape[2:]))
        size = tuple(side * self.enlarge for side in frames.shape[1:3])
        frames = ops.image.resize(frames, size, interpolation="bilinear")
        return ops.repeat(frames, 3, axis=-1) if frames.shape[-1] == 1 else frames

    def predict(self, context: Tensor, flow: Tensor) -> Tensor:
        """Predict the frames after a context (B, T, H, W, C) with a given flow, see `estimate`."""
        return super().call(ops.concatenate([context, self.reduced(flow)], axis=-1))

    def reduced(self, flow: Tensor) -> Tensor:
        """Make a flow channels beside the frames: (B, T, e H, e W, 2) -> (B, T, H, W, 2)."""
        length = flow.shape[1]
        flow = ops.reshape(flow, (-1, *flow.shape[2:]))
        if self.reducing:
            padded = ops.pad(flow, ((0, 0), (1, 1), (1, 1), (0, 0)))
            small = ops.relu(self.reducing(padded))
        else:
            small = self._of_frame(flow) / FLOW_UNIT_PX
        small = ops.cast(small, self.compute_dtype)
        return ops.reshape(small, (-1, length, *small.shape[1:]))

    def _of_frame(self, flow: Tensor) -> Tensor:
        """Turn a flow (B, e H, e W, 2) into pixels of the frame: (B, H, W, 2)."""
        small = ops.average_pool(flow, self.enlarge, strides=self.enlarge, padding="valid")
        return small / self.enlarge

    has_drawings = True

    def drawn(self, frames: Any) -> dict[str, Any]:
        """See `ClipCore`; where what is in a frame was in the one before, so from it to that.

        Between the digits there is nothing to follow: there RAFT draws about what is near.
        """
        before, after = (self._pictures(part[None]) for part in (frames[:-1], frames[1:]))
        flow = ops.convert_to_numpy(self._of_frame(self.raft(after, before)))
        return {"flow": flow[..., ::-1]}  # rows before columns

    def programs(self) -> dict[str, Program]:
        """Return Silver0x10/VideoPrediction_MovingMNIST, in PyTorch; its RAFT is left out."""

        def unused(name: str) -> bool:
            return counts_batches(name) or name.startswith("flow_estimator.model.")

        return {"torch": TorchProgram(released_names(self), unused)}

    def pretrained_parts(self) -> dict[str, PretrainedPart]:
        """Return RAFT, which princeton-vl's file has the weights of."""
        return {"flow": PretrainedPart(self.raft, {"torch": TorchProgram(raft_names(self.raft))})}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "enlarge": self.enlarge,
            "updates": self.updates,
            "reduction": self.reduction,
            "attention": self.attention,
        }


def build(model: TAUFlowConfig, data: DataSection) -> ClipPredictor:
    """Build the network of a configuration; its flow is zero until RAFT has its weights."""
    core = TAUFlow(
        data.context_frames,
        **model.arguments(),
        enlarge=model.flow.enlarge,
        updates=model.flow.updates,
        reduction=model.flow.reduction,
        attention={"activation": model.activation, "far": model.attention_kernel},
        name="core",
    )
    return ClipPredictor(core, data.frame_shape, name="predictor")
