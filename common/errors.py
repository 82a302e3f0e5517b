"""The one exception that means: something the user gave is wrong."""

import re
import unicodedata

_LONGEST, _KEPT_END = 2000, 600


class InputError(Exception):
    """Something the user gave is wrong; the message is one paragraph for a biologist.

    The text says what was expected, what was found (file, row, key) and what to do.
    The command line prints it without a traceback and ends with exit code 2. It may quote
    what stands in a damaged or hostile file: whatever is given, it stays one paragraph, of a
    length that can be read, without characters that a terminal acts on.
    """

    def __init__(self, text: str) -> None:
        super().__init__(_paragraph(text))


class LostWorkError(InputError):
    """Work stopped for a reason that lies in no setting of it: the same command may go on where it stopped."""


class WorkerEndedError(LostWorkError):
    """A process ended while it was at a job, which perhaps takes too much memory."""


def _paragraph(text: str) -> str:
    if len(text) > _LONGEST:
        # What to do stands at the end.
        text = f"{text[: _LONGEST - _KEPT_END]} […] {text[-_KEPT_END:]}"
    return "".join(map(shown, re.sub(r"\s*[\r\n]\s*", " ", text)))


def shown(letter: str) -> str:
    """A character, or its escape where it is invisible or steers how others are shown."""
    return repr(letter)[1:-1] if unicodedata.category(letter) in INVISIBLE else letter


INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of control and format characters, halves of characters, and ends of lines."""
