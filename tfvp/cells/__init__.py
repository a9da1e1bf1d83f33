"""Recurrent cells: one paper, one file, one step of time, each a Keras layer and RNN cell."""

from tfvp.cells.conv_lstm import ConvLSTMCell
from tfvp.cells.eidetic_lstm import EideticLSTMCell
from tfvp.cells.fc_lstm import FCLSTMCell

CELLS = {
    "conv_lstm": ConvLSTMCell,
    "eidetic_lstm": EideticLSTMCell,
    "fc_lstm": FCLSTMCell,
}
