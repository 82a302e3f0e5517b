"""The one exception that means: something the user gave is wrong."""


class InputError(Exception):
    """Something the user gave is wrong; the message is one paragraph for a biologist.

    The text says what was expected, what was found (file, row, key) and what to do.
    The command line prints it without a traceback and ends with exit code 2.
    """
