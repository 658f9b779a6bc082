"""The one error that a user is meant to read."""


class UserError(Exception):
    """Input that cannot be used; the message is one line: what is wrong, where, how to fix it.

    The command line prints the message without a traceback and exits with status 2.
    """
