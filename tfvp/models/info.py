"""What is known of a network before it is built."""

from dataclasses import dataclass

from tfvp.sections import ModelSection


@dataclass(frozen=True)
class ModelInfo:
    """Describes a network; its package offers one as `INFO`.

    Args:
        section: its configuration section, with its name and its traits.
        paper: where it was published.
        config: the shipped configuration that its parameters are counted for.
        fidelity: whether it follows the paper, the released program, or offers both.
    """

    section: type[ModelSection]
    paper: str
    config: str
    fidelity: str
