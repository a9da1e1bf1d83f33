"""What every core is, the layer that holds all weights of a network."""

from typing import Any

import keras

from tfvp.porting.pretrained import PretrainedPart
from tfvp.porting.program import Program


class Core(keras.layers.Layer):
    """What holds all weights of a network; each family asks more of it.

    Attributes:
        decoder: the layer, or a list of the layers, that make frames. Keras stores weights in
            `.keras` files under the names of attributes, so a core keeps its attributes' names.
    """

    decoder: Any

    def decoder_layers(self) -> list[keras.layers.Layer]:
        """Return the layers that make frames: what `training.freeze_decoder` leaves as it is."""
        return keras.tree.flatten(self.decoder)

    def programs(self) -> dict[str, Program]:
        """Return the other programs whose weights it can take, by the kind of their files.

        Kinds are those of `tfvp.porting.read.FORMATS`: tf1, keras2, torch.
        """
        return {}

    def pretrained_parts(self) -> dict[str, PretrainedPart]:
        """Return the parts that another program trained and ours does not change, by name.

        They start as they are made and get their weights when training begins, from the files that
        the section names (`ModelSection.pretrained_files`); whatever holds a network's weights
        holds theirs too. Published counts of parameters are without them.
        """
        return {}
