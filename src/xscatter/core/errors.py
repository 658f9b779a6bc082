"""The error that a user can fix."""


class UserError(Exception):
    """A wrong input. Its message says in one line what is wrong, where, and how to fix it.

    The `xscatter` command prints the message and ends with status 2.

    Example:
        >>> from xscatter import UserError, load_study
        >>> try:
        ...     load_study("nowhere.yaml")
        ... except UserError as error:
        ...     print(error)
        nowhere.yaml: cannot be read (No such file or directory)
    """
