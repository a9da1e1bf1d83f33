"""Recurrent cells: one paper, one file, one step of time, each a Keras layer and RNN cell."""

from tfvp.cells.causal_lstm import CausalLSTMCell
from tfvp.cells.conv_lstm import ConvLSTMCell
from tfvp.cells.eidetic_lstm import EideticLSTMCell
from tfvp.cells.fc_lstm import FCLSTMCell
from tfvp.cells.ghu import GHU
from tfvp.cells.prednet import PredNetCell
from tfvp.cells.st_lstm import STLSTMCell

CELLS = {
    "eidetic_lstm": EideticLSTMCell,
    "st_lstm": STLSTMCell,
    "causal_lstm": CausalLSTMCell,
    "ghu": GHU,
    "prednet": PredNetCell,
    "conv_lstm": ConvLSTMCell,
    "fc_lstm": FCLSTMCell,
}
