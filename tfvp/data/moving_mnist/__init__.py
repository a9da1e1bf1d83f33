"""Moving MNIST: digits in motion, and the files that others released."""

from tfvp.data.moving_mnist.config import MovingMnistData as SECTION

__all__ = ["SECTION"]
