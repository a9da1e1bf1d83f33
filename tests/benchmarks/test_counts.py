"""The table of parameter counts stands on the configurations, their headers and published.yaml."""

from tests.helpers.scripts import benchmark


def test_a_line_has_ours_beside_the_header_and_the_tables():
    lines = list(benchmark("counts").rows(["spatio_temporal_feist", "dfn"]))
    assert lines == [
        "| spatio_temporal_feist | 1,035,071 | 1,035,071 | 1,000,000 (Feist 2021, Table 4.2) |",
        "| dfn | 637,361 | 637,361 | – |",
        "| dfn --preset kitti | 682,813 | – | – |",
    ]
