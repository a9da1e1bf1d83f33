"""How rough a flow is: Huber's function of its differences between neighbours."""

from keras import ops

DELTA = 1e-3  # Patraucean et al. 2016


def flow_differences(flow):
    """The fixed stencils (-1, 0, 1) along rows and along columns, zero outside the map.

    Args:
        flow: (B, H, W, 2).

    Returns:
        (B, H, W, 2, 2): of every place and component the difference along rows, along columns.
    """
    padded = ops.pad(flow, [[0, 0], [1, 1], [1, 1], [0, 0]])
    along_rows = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    along_columns = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    return ops.stack([along_rows, along_columns], axis=-1)


def huber(a, delta: float = DELTA):
    """a² / 2 up to `delta`, delta (|a| - delta / 2) beyond; its slope is `a` clipped to ±delta."""
    size = ops.abs(a)
    return ops.where(size <= delta, 0.5 * ops.square(a), delta * (size - 0.5 * delta))


def flow_roughness(flow):
    """Huber's function of each difference, summed over the map: (B, H, W, 2) -> (B,).

    Of every component, as the equation is printed. Patraucean's program takes the length of the
    two differences instead (whose root has no slope at zero, where every flow starts), with halved
    stencils, and averages; its call is commented out in every state that was released.
    """
    return ops.sum(huber(flow_differences(ops.cast(flow, "float32"))), axis=(1, 2, 3, 4))
