"""Where a value of a setting stands on an axis: options beside each other, numbers by their size or its logarithm."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator

from common.wording import setting
from pipeline.report.search.reading import SearchResults
from pipeline.run_folder.search.trials import is_number, setting_text, setting_value

# Where the YAML does not say what a setting is: so many different numbers are no list of options any more.
_MOST_OPTIONS = 6
_LOG_FROM_RATIO = 30.0
_MOST_TICKS = 12


@dataclass(frozen=True)
class Scale:
    """The axis of a setting.

    Attributes
    ----------
    key : str
        Dotted key of the setting.
    options : tuple of str
        The options as cells of a table have them, from left to right; empty: an axis of numbers.
    is_log, is_whole : bool
        Whether it is logarithmic; whether there are whole numbers only.
    low, high : float
        Ends of an axis of numbers.
    """

    key: str
    options: tuple[str, ...] = ()
    is_log: bool = False
    is_whole: bool = False
    low: float = 0.0
    high: float = 1.0

    def place(self, value: object) -> float:
        """Where a value stands: the number of its option, or the number itself (its log10 where `is_log`)."""
        if self.options:
            return float(self.options.index(setting_text(value)))
        return float(np.log10(value)) if self.is_log else float(value)  # type: ignore[arg-type, call-overload]

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of the axis as places, with room for the marks."""
        ends = (-0.5, len(self.options) - 0.5) if self.options else (self.place(self.low), self.place(self.high))
        margin = 0.0 if self.options else 0.05 * (ends[1] - ends[0]) or 0.5
        return ends[0] - margin, ends[1] + margin

    def ticks(self, n_ticks: int = 5) -> tuple[list[float], list[str]]:
        """Places and labels of the ticks."""
        if self.options:
            every = max(1, -(-len(self.options) // _MOST_TICKS))
            shown = range(0, len(self.options), every)
            return [float(i) for i in shown], [value_in_words(setting_value(self.options[i])) for i in shown]
        if self.is_log:
            values = [v for v in LogLocator(numticks=n_ticks + 2).tick_values(self.low, self.high) if self._holds(v)]
            if len(values) < 2:
                values = [self.low, self.high] if self.high > self.low else [self.low]
        else:
            values = [
                v
                for v in MaxNLocator(n_ticks, integer=self.is_whole).tick_values(self.low, self.high)
                if self._holds(v)
            ]
        return [self.place(v) for v in values], [f"{v:g}" for v in values]

    def _holds(self, value: float) -> bool:
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return self.low - slack <= value <= self.high + slack


def scale_of(results: SearchResults, key: str) -> Scale | None:
    """The axis of a setting; None where no trial has it.

    The YAML's space says what it is; where it does not, its values do: few different ones are options.
    """
    values = [trial.settings[key] for trial in results.trials if key in trial.settings]
    space = results.asked.get("space")
    asked = space.get(key) if isinstance(space, Mapping) else None
    if not values:
        return None
    if isinstance(asked, Sequence) and not isinstance(asked, str):
        return Scale(key, _options([*asked, *values]))
    numbers = [float(value) for value in values if is_number(value)]  # type: ignore[arg-type]
    if len(numbers) < len(values):
        return Scale(key, _options(_sorted(values)))
    is_whole = all(isinstance(value, int) for value in values)
    if isinstance(asked, Mapping):
        ends = [float(asked[end]) for end in ("low", "high") if is_number(asked.get(end))]
        is_log = bool(asked.get("log")) and min(numbers + ends) > 0
        return Scale(key, is_log=is_log, is_whole=is_whole, low=min(numbers + ends), high=max(numbers + ends))
    if len(set(numbers)) <= _MOST_OPTIONS:
        return Scale(key, _options(_sorted(values)))
    is_log = min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_FROM_RATIO
    return Scale(key, is_log=is_log, is_whole=is_whole, low=min(numbers), high=max(numbers))


def value_in_words(value: object) -> str:
    """A setting as on the page: the digits that count, and truth values as the YAML has them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(value_in_words, value))
    return f"{value:.4g}" if isinstance(value, float) else setting(value)


def _options(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(setting_text, values)))


def _sorted(values: Iterable[object]) -> list[object]:
    """Numbers by size, then the rest by name."""
    return sorted(values, key=lambda v: (0, float(v), "") if is_number(v) else (1, 0.0, setting_text(v)))  # type: ignore[arg-type]
