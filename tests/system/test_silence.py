"""Notices of an import are shown where it fails, and neither after it nor where Ctrl-C ends it."""

import os

import pytest

from tfvp.system.silence import quiet_tensorflow_import


def test_an_import_that_succeeds_prints_nothing(capfd):
    with quiet_tensorflow_import():
        os.write(2, b"a notice\n")
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


@pytest.mark.parametrize(("error", "shown"), [(ImportError, "a notice\n"), (KeyboardInterrupt, "")])
def test_notices_are_shown_of_an_import_that_fails_not_of_one_that_is_stopped(capfd, error, shown):
    @quiet_tensorflow_import()
    def imports() -> None:
        os.write(2, b"a notice\n")
        raise error

    with pytest.raises(error):
        imports()
    assert capfd.readouterr().err == shown
