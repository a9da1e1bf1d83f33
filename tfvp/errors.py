"""Errors that a user can mend; each is printed as one readable message, without a traceback.

The command line prints the message and exits with the class's code; from Python they are ordinary
exceptions. A message says what, where, what was expected, what was found and what to do.
"""


class UserError(Exception):
    """An error that the user can mend; its message says all that is needed."""

    exit_code = 1


class ConfigError(UserError):
    """A configuration that cannot be run: unknown key, wrong type, impossible combination."""

    exit_code = 2


class DataError(UserError):
    """Data that is missing, damaged, or of another kind than the configuration says."""


class RunError(UserError):
    """A run folder that is in the way, missing, or lacks what the stage needs."""


class WeightsError(UserError):
    """Weights that do not exist, cannot be read, or do not fit the network."""


class TrainingError(UserError):
    """Training that cannot go on, e.g. a loss that is no longer finite."""


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, or its class where it has none.

    >>> first_line(ValueError("one\ntwo")), first_line(EOFError())
    ('one', 'EOFError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
