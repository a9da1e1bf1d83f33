"""Maps warped along a flow by bilinear sampling, and how rough a flow is."""

from keras import ops

DELTA = 1e-3  # of Huber's function, Patraucean et al. 2016


def dense_image_warp(image, flow, *, outside: str = "edge"):
    """Warp bilinearly: out[b, y, x] = image[b, y - flow[b, y, x, 0], x - flow[b, y, x, 1]].

    With `outside="edge"` it is `tfa.image.dense_image_warp` of TensorFlow Addons 0.23, gradients
    too: places beyond the border are the border's. With "zero" each of the four neighbours that
    lies outside counts as zero, as PyTorch's `grid_sample` and Patraucean et al. 2016.

    Args:
        image: (B, H, W, C), H and W at least 2.
        flow: (B, H, W, 2), rows then columns, in pixels.
        outside: edge or zero.

    Returns:
        (B, H, W, C), the image's type.

    Raises:
        ValueError: another `outside`.

    >>> image = ops.reshape(ops.arange(4.0), (1, 2, 2, 1))  # the rows (0, 1) and (2, 3)
    >>> flow = ops.reshape(ops.tile(ops.array([0.0, 0.5]), 4), (1, 2, 2, 2))  # half a column
    >>> [float(value) for value in ops.ravel(dense_image_warp(image, flow))]
    [0.0, 0.5, 2.0, 2.5]
    """
    if outside not in ("edge", "zero"):
        raise ValueError(f"outside: expected edge or zero, got {outside}")
    batch, height, width, channels = ops.shape(image)
    flow = ops.cast(flow, "float32")  # places need more digits than a bfloat16 has
    rows = _neighbours(ops.arange(height, dtype="float32")[:, None] - flow[..., 0], height, outside)
    columns = _neighbours(ops.arange(width, dtype="float32") - flow[..., 1], width, outside)
    places = ops.reshape(image, (-1, channels))
    first = ops.arange(batch, dtype="int32")[:, None, None] * (height * width)
    total = 0.0
    for row, row_share in rows:
        for column, column_share in columns:
            seen = ops.take(places, first + row * width + column, axis=0)
            total = total + seen * ops.cast((row_share * column_share)[..., None], image.dtype)
    return total


def _neighbours(position, size: int, outside: str) -> list[tuple]:
    """Return the two indices along one axis that a position lies between, and the share of each."""
    low = ops.floor(position)
    if outside == "edge":
        low = ops.clip(low, 0, size - 2)
        high_share = ops.clip(position - low, 0.0, 1.0)
    else:
        high_share = position - low
    found = []
    for index, share in ((low, 1 - high_share), (low + 1, high_share)):
        inside = ops.logical_and(index >= 0, index <= size - 1)
        share = share * ops.cast(inside, share.dtype)
        found.append((ops.cast(ops.clip(index, 0, size - 1), "int32"), share))
    return found


def flow_differences(flow):
    """Apply the stencils (-1, 0, 1) along rows and along columns, zero outside the map.

    Args:
        flow: (B, H, W, 2).

    Returns:
        (B, H, W, 2, 2): of every place and component the difference along rows, along columns.

    >>> columns = ops.tile(ops.arange(3.0), 3)  # each place's own column, 0 to 2
    >>> flow = ops.reshape(ops.stack([columns, columns], axis=-1), (1, 3, 3, 2))
    >>> [float(value) for value in flow_differences(flow)[0, 1, 1, 0]]  # along rows, along columns
    [0.0, 2.0]
    """
    padded = ops.pad(flow, [[0, 0], [1, 1], [1, 1], [0, 0]])
    along_rows = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    along_columns = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    return ops.stack([along_rows, along_columns], axis=-1)


def huber(a, delta: float = DELTA):
    """Compute a² / 2 up to `delta`, delta (|a| - delta / 2) beyond: the slope is `a` within ±delta.

    >>> [float(value) for value in huber(ops.array([0.5, -3.0]), delta=1.0)]
    [0.125, 2.5]
    """
    size = ops.abs(a)
    return ops.where(size <= delta, 0.5 * ops.square(a), delta * (size - 0.5 * delta))


def flow_roughness(flow):
    """Sum Huber's function of each difference over the map: (B, H, W, 2) -> (B,).

    Of every component, as the equation is printed. Patraucean's program takes the length of the
    two differences instead (whose root has no slope at zero, where every flow starts), with halved
    stencils, and averages; its call is commented out in every state that was released.

    >>> float(flow_roughness(ops.zeros((1, 4, 4, 2)))[0])
    0.0
    """
    return ops.sum(huber(flow_differences(ops.cast(flow, "float32"))), axis=(1, 2, 3, 4))
