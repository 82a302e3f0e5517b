"""The one exception of the leaf `models` that means: something the user gave is wrong."""


class InputError(Exception):
    """Something the user gave is wrong; the message is one paragraph for a biologist.

    `models` may not import `features`, so it has its own; the command line treats both alike.
    """
