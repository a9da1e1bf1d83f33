"""Networks as files of other runtimes, LiteRT and ONNX, each compared in its runtime.

LiteRT: one clip, the run's context and horizon, every step unrolled, built-in operations alone.
ONNX: operation set 17, batch and, unless the network's is fixed, context length free.
Input `context` is float32 in [0, 1], output `predictions` (B, horizon, H, W, C), unclipped.
"""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from tfvp.errors import RunError
from tfvp.models.base import VideoPredictor
from tfvp.sections import DataSection
from tfvp.system.files import write_bytes

TOLERANCE = 1e-4  # other kernels than TensorFlow's: 7e-6 for five frames of a quick run
ONNX_OPSET = 17

# ONNX Runtime names the node, for one in a loop after the loop's; the innermost is what fails.
_NODE = re.compile(r"Node \((\S+)\) Op \((\w+)\) \[\w+\] ((?:(?!Node \().)*)$")

Runtime = Callable[[np.ndarray], np.ndarray]


class Format(NamedTuple):
    """A format of files: how a network becomes a file, and how the file is run."""

    file: str
    extra: str
    packages: tuple[str, ...]
    convert: Callable[[VideoPredictor, DataSection], bytes]
    load: Callable[[bytes], Runtime]
    contexts: Callable[[DataSection], list[tuple[int, int]]]  # batch, length of each comparison


def export_runtime(
    predictor: VideoPredictor, data: DataSection, folder: Path, kind: str
) -> tuple[Path, float]:
    """Write `folder`/model.tflite or model.onnx; returns it and the largest difference.

    Raises:
        RunError: a package is missing, the network cannot be converted, or the file differs from it
            by more than 1e-4 once it is run; an earlier file stays as it was.
    """
    chosen = FORMATS[kind]
    missing = [name for name in chosen.packages if importlib.util.find_spec(name) is None]
    if missing:
        raise RunError(
            f"--format {kind} needs {', '.join(missing)}, not installed; pip install "
            f"{' '.join(missing)}"
        )
    try:
        content = chosen.convert(predictor, data)
        worst = _difference(chosen, content, predictor, data)
    except RunError:
        raise
    except Exception as error:  # converters raise whatever they like
        reason = f"this network cannot be converted: {_reason(error)}"
        raise RunError(f"--format {kind}: {reason}") from error
    if not worst <= TOLERANCE:
        raise RunError(f"--format {kind}: differs from the network by {worst:g}, not exported")
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / chosen.file, content)
    return folder / chosen.file, worst


def _reason(error: Exception) -> str:
    """Return the line that says what a converter or runtime cannot do, and with which operation.

    >>> _reason(ValueError("Node (loop) Op (Loop) [T] Node (x/y) Op (Conv) [S] no such size"))
    'operation Conv (x/y): no such size'
    """
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    *_, (name, operation, said) = [("", "", line), *_NODE.findall(line)]
    return f"operation {operation} ({name}): {said}" if operation else line


def _difference(
    chosen: Format, content: bytes, predictor: VideoPredictor, data: DataSection
) -> float:
    """Return the largest difference between the file in its own runtime and the network."""
    run, rng, worst = chosen.load(content), np.random.default_rng(0), 0.0
    for batch, length in chosen.contexts(data):
        length = predictor.context_frames or length
        context = rng.random((batch, length, *predictor.frame_shape), np.float32)
        wanted = np.asarray(predictor.predict_frames(context, data.predict_frames), np.float32)
        answer = run(context)
        if answer.shape != wanted.shape:
            raise RunError(f"the exported model gives {answer.shape}, expected {wanted.shape}")
        worst = max(worst, float(np.abs(answer - wanted).max()))
    return worst


def _function(predictor: VideoPredictor, horizon: int, batch: int | None, length: int | None):
    import tensorflow as tf

    spec = tf.TensorSpec((batch, length, *predictor.frame_shape), tf.float32, name="context")

    def serve(context):
        return {"predictions": tf.cast(predictor.predict_frames(context, horizon), tf.float32)}

    return tf.function(serve, input_signature=[spec], autograph=False)


def _to_litert(predictor: VideoPredictor, data: DataSection) -> bytes:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    function = _function(predictor, data.predict_frames, 1, data.context_frames)
    # Steps are calls of one function, kept from being inlined, which LiteRT does not know.
    flat: Any = convert_variables_to_constants_v2(
        function.get_concrete_function(), lower_control_flow=False, aggressive_inlining=True
    )
    module = tf.Module()
    signature = tf.function(
        lambda context: {"predictions": flat(context)[0]},
        input_signature=function.input_signature,
        autograph=False,
    )
    with TemporaryDirectory() as folder:
        inference = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, folder, {"serving_default": signature}, inference)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]  # no Flex
        return converter.convert()


def _run_litert(content: bytes) -> Runtime:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=content).get_signature_runner("serving_default")
    return lambda context: runner(context=context)["predictions"]


def _to_onnx(predictor: VideoPredictor, data: DataSection) -> bytes:
    import tf2onnx

    function = _function(predictor, data.predict_frames, None, predictor.context_frames)
    model, _ = tf2onnx.convert.from_function(
        function,
        input_signature=function.input_signature,
        opset=ONNX_OPSET,
        custom_op_handlers={"Erfc": (_erfc_in_onnx, [])},
    )
    return model.SerializeToString()


def _erfc_in_onnx(graph: Any, node: Any, *_: Any) -> None:
    """Replace erfc, of which TensorFlow makes GELU and ONNX has none: erfc(x) = 1 - erf(x)."""
    (shape,), (dtype,) = node.output_shapes, node.output_dtypes
    erf = graph.make_node("Erf", list(node.input), shapes=[shape], dtypes=[dtype])
    one = graph.make_const(f"{node.name}/one", np.ones((), np.float32))
    operands, outputs = [one.output[0], erf.output[0]], list(node.output)
    graph.remove_node(node.name)
    graph.make_node("Sub", operands, outputs=outputs, shapes=[shape], dtypes=[dtype])


def _run_onnx(content: bytes) -> Runtime:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda context: np.asarray(session.run(["predictions"], {"context": context})[0])


FORMATS = {
    "litert": Format(
        "model.tflite",
        "litert",
        ("ai_edge_litert",),
        _to_litert,
        _run_litert,
        lambda data: [(1, data.context_frames)],
    ),
    "onnx": Format(
        "model.onnx",
        "onnx",
        ("tf2onnx", "onnxruntime"),
        _to_onnx,
        _run_onnx,
        lambda data: [(1, 2), (2, data.context_frames)],
    ),
}
