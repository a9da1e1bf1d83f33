"""What there is to build: every network with its paper, reference configuration and fidelity."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One network.

    Args:
        paper: where it was published.
        config: the shipped configuration that its parameters are counted for.
        fidelity: whether it follows the paper, the released program, or offers both.
    """

    paper: str
    config: str
    fidelity: str


NETWORKS = {
    "conv_lstm_forecaster": Entry("Shi et al. 2015, arXiv:1506.04214", "conv_lstm_shi", "paper"),
    "conv_lstm_skip": Entry("Colonna and Manganaro 2023 (ConvLSTM)", "conv_lstm_skip", "both"),
    "conv_lstm_stack": Entry(
        "Feist 2021, section 3.2.1; OpenSTL (conv_lstm_openstl)", "conv_lstm_stack", "both"
    ),
    "eidetic_stack": Entry("Wang et al. 2019 (E3D-LSTM, ICLR); Tan 2019", "e3d", "both"),
    "fc_lstm": Entry("Srivastava et al. 2015, arXiv:1502.04681", "fc_lstm", "released"),
    "predrnn": Entry("Wang et al. 2017 and 2021 (PredRNN, PredRNN-V2)", "predrnn", "both"),
    "predrnn_pp": Entry("Wang et al. 2018 (PredRNN++, ICML)", "predrnn_pp", "released"),
    "prednet": Entry(
        "Lotter et al. 2017 (PredNet, ICLR); Dittrich 2020 (prednet_conv_lstm, prednet_st_lstm)",
        "prednet",
        "released",
    ),
    "recurrent_autoencoder": Entry(
        "Dittrich 2020, chapter 5 (autoencoder, depth 2)", "autoencoder_conv_lstm", "both"
    ),
    "simple_lstm": Entry("Colonna and Manganaro 2023 (SimpleLSTM)", "simple_lstm", "released"),
    "spatio_temporal": Entry(
        "Patraucean et al. 2016, arXiv:1511.06309, as in Dittrich 2020",
        "spatio_temporal_conv_lstm",
        "both",
    ),
}
