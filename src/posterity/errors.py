"""The one exception that people see."""


class PosterityError(Exception):
    """A mistake in the input, told in one line: the thing, its value, and what would be valid.

    The command line prints the message without a traceback and exits with code 2.
    """
