"""How long long work will take, from what its first seconds took."""

import logging
import time

from common.wording import duration

log = logging.getLogger(__name__)

_TRIED_S = 5.0
_WORTH_TELLING_S = 20.0


class Outlook:
    """Logs once how long work of known size takes; its first step, which loads and compiles, is not counted.

    Parameters
    ----------
    what : str
        Begins the line.
    total : int
        Steps in all.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._began_s: float | None = None
        self._is_told = False

    def skip(self, n_steps: int) -> None:
        """Take some steps that an earlier, interrupted run had done."""
        self._total -= n_steps

    def add(self, n_steps: int) -> None:
        """Take some steps that were just done."""
        now_s = time.monotonic()
        if self._is_told or n_steps <= 0:
            return
        if self._began_s is None:
            self._began_s, self._total = now_s, self._total - n_steps
            return
        self._done += n_steps
        elapsed_s = now_s - self._began_s
        if elapsed_s >= _TRIED_S:
            self._is_told = True
            tell(self._what, elapsed_s * self._total / self._done)


def tell(what: str, seconds: float) -> None:
    """Log how long something takes, if that is worth a line."""
    if seconds >= _WORTH_TELLING_S:
        log.info("%s: about %s", what, duration(seconds))
