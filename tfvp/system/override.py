"""A changed setting that remembers the option of the command line which stands for it."""


class Override(str):
    """An `a.b=value` text of a configuration that an option other than `--set` stands for.

    Messages about the value name the option.

    Args:
        text: the key and its value.
        option: the option's spelling.

    >>> Override("evaluation.sequences=0", "--sequences").option
    '--sequences'
    """

    option: str

    def __new__(cls, text: str, option: str) -> "Override":
        """Make the text."""
        made = super().__new__(cls, text)
        made.option = option
        return made
