"""The exceptions that people see."""


class PosterityError(Exception):
    """A mistake in the input, told in one line: the thing, its value, and what would be valid.

    The command line prints the message without a traceback and exits with code 2.
    """


class Again(PosterityError):
    """No mistake: the job was asked to end, kept what it had finished, and goes on when it is run again.

    The command line exits with code 75, ``EX_TEMPFAIL`` of sysexits.h, which mail systems and SLURM's
    ``RequeueExit`` know as "try again".
    """
