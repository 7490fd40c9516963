"""The exceptions that the command line shows as a line instead of a traceback."""


class UserError(Exception):
    """Something that the person at the keyboard can mend.

    The message is one line: what is wrong, where (file, row, column, option), what to do.
    """

    status = 2
    """Exit status of the process."""


class Diverged(UserError):
    """Training that cannot go on: its loss is no longer a number."""

    status = 1


class Stopped(UserError):
    """A run that a signal ended, saved so that it can go on.

    Args:
        message: The line that is shown.
        signum: The signal.
        together: Of several processes all have heard of it and end by themselves.
    """

    def __init__(self, message: str, signum: int, together: bool = False) -> None:
        super().__init__(message)
        self.status = 128 + signum
        self.together = together
