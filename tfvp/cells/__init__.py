"""Recurrent cells: one paper, one file, one step of time, each a Keras layer and RNN cell."""

from tfvp.cells.eidetic_lstm import EideticLSTMCell

CELLS = {"eidetic_lstm": EideticLSTMCell}
