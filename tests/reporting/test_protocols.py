"""Published rows are reproduced by their protocol, or a list says why they cannot be."""

from collections.abc import Iterator

import pytest

from tests import ROOT
from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config
from tfvp.reporting.tables.published import PublishedTable, load_published

FETCHED = "the released sequences have to be fetched; the configuration's header says how"
FOUND_LATER = "how many windows the videos give is only known when they are prepared"
OTHER_DATA = "Caltech Pedestrian is not among our datasets"
ANOTHER_ROW = "its own row is OpenSTL's, of other sequences"

# (table, configuration) -> the keys in which a default run differs from the protocol, and why
NOT_COMPARABLE = {
    **{
        ("feist_4.1", config): ({"test_file"}, FETCHED)
        for config in ("conv_lstm_stack", "spatio_temporal_feist", "vpn_feist")
    },
    **{
        ("openstl_mnist", config): ({"test_file", "sequences"}, FETCHED)
        for config in (
            *("conv_lstm_openstl", "predrnn", "predrnn_decoupled", "simvp", "simvp_gsta", "tau"),
        )
    },
    **{
        ("openstl_kth", config): ({"sequences"}, FOUND_LATER)
        for config in ("predrnn", "predrnn_decoupled", "simvp", "simvp_gsta", "tau")
    },
    **{
        ("openstl_kitti", config): ({"dataset", "sequences"}, OTHER_DATA)
        for config in ("simvp", "simvp_gsta", "tau")
    },
    ("colonna_1", "tau"): ({"sequences"}, ANOTHER_ROW),
}
# What preparing finds: which digits `auto` came to, how many videos there are.
FOUND_BY_PREPARING = {("digits", "auto", "mnist"), ("videos", None, 599)}
PRESETS = {"kth": "kth", "kitti": "kitti", "caltech_pedestrian": "kitti"}


def reproducing(table: PublishedTable) -> Iterator[tuple[str, Experiment]]:
    """Each configuration that a row of the table names, in the preset for the table's data."""
    for row in table.rows:
        for config in dict.fromkeys([*([row.ours] if row.ours else []), *(row.pair or [])]):
            preset, dataset = row.preset, table.protocol["dataset"]
            if preset is None and load_config(config).data.dataset != dataset:
                preset = PRESETS[str(dataset)]
            yield config, load_config(config, preset=preset)


def different(table: PublishedTable, experiment: Experiment) -> set[str]:
    """The keys of the protocol in which a default run's metadata will differ."""
    data = experiment.data
    settings = {
        **data.model_dump(mode="json"),
        "channels": data.channels,
        "sequences": experiment.evaluation.sequences or data.sequences("test"),
    }
    return {
        key
        for key, expected in table.protocol.items()
        if settings.get(key) != expected
        and (key, settings.get(key), expected) not in FOUND_BY_PREPARING
    }


@pytest.fixture(scope="module")
def tables() -> list[PublishedTable]:
    return load_published().tables


def test_every_row_that_a_default_run_cannot_stand_beside_is_listed_with_its_reason(tables):
    found = {}
    for table in tables:
        for config, experiment in reproducing(table):
            if keys := different(table, experiment):
                found[table.id, config] = keys
    assert found == {row: keys for row, (keys, _) in NOT_COMPARABLE.items()}


def test_headers_say_how_the_released_sequences_are_measured():
    for (_, config), (_, reason) in NOT_COMPARABLE.items():
        header = (ROOT / "configs" / f"{config}.yaml").read_text("utf-8")
        changes = ["data.test_file=mnist_test_seq.npy", "data.test_sequences=10000"]
        if reason == FETCHED:
            assert all(
                f"--set {change}" in " ".join(header.replace("#", "").split()) for change in changes
            )
            data = load_config(config, overrides=changes).data
            assert data.sequences("test") == 10_000


@pytest.mark.slow
def test_every_configuration_measures_what_its_tables_print(tables):
    for table in tables:
        printed = {m.ours for m in table.metrics if m.ours and m.case is None}
        for config, experiment in reproducing(table):
            assert printed <= set(experiment.evaluation.metrics), (table.id, config)
