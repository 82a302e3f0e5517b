"""Numbers as text: one way of writing each kind, everywhere on the page."""

import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

NOT_AVAILABLE = "n/a"
# A number and its unit stay on one line.
_SPACE = "\u00a0"


def ratio(value: float | None) -> str:
    """A score in [0, 1] with three decimals, or n/a."""
    return NOT_AVAILABLE if value is None else f"{value:.3f}"


def percent(value: float | None, n_decimals: int = 0) -> str:
    """A share in [0, 1] as a percentage, or n/a; never rounded to a false 0 % or 100 %."""
    if value is None:
        return NOT_AVAILABLE
    text = f"{100 * value:.{n_decimals}f}"
    smallest = 10.0**-n_decimals
    if float(text) == 0 and value > 0:
        return f"under{_SPACE}{smallest:g}{_SPACE}%"
    if float(text) == 100 and value < 1:
        return f"over{_SPACE}{100 - smallest:g}{_SPACE}%"
    return f"{text}{_SPACE}%"


def count(value: float | None) -> str:
    """A whole number with thousands separated, or n/a."""
    return NOT_AVAILABLE if value is None else f"{int(value):,}"


def decimal(value: float | None, n_decimals: int = 1) -> str:
    """A measured number, or n/a."""
    return NOT_AVAILABLE if value is None else f"{value:,.{n_decimals}f}"


def n_decimals_of(*values: float | None) -> int:
    """Decimals that show the smallest of these numbers (but 0) with two significant digits: 0 to 5."""
    sizes = [abs(value) for value in values if value]
    return min(5, max(0, 1 - math.floor(math.log10(min(sizes))))) if sizes else 1


def mean_sd(mean: float | None, sd: float | None, n_decimals: int | None = None) -> str:
    """A mean and its standard deviation (None = of one value); the smaller of them has two significant digits."""
    n_decimals = n_decimals_of(mean, sd) if n_decimals is None else n_decimals
    return decimal(mean, n_decimals) + ("" if sd is None else f" ± {decimal(sd, n_decimals)}")


def percent_sd(mean: float | None, sd: float | None) -> str:
    """The same of shares in [0, 1], as percentages."""
    if mean is None:
        return NOT_AVAILABLE
    return f"{mean_sd(100 * mean, None if sd is None else 100 * sd)}{_SPACE}%"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds is None:
        return NOT_AVAILABLE
    if seconds < 60:
        return f"{seconds:.1f}{_SPACE}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s".replace(" ", _SPACE)
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min".replace(" ", _SPACE)


def counted(number: int, what: str) -> str:
    """`1 video`, `2 videos`; `1 file of features`, `2 files of features`."""
    first, *rest = what.split(" of ")
    return " of ".join([f"{number} {first}" if number == 1 else f"{number} {first}s", *rest])


def program() -> str:
    """What is typed before arguments: the installed command where that was used."""
    return "rearview" if Path(sys.argv[0]).stem.casefold() == "rearview" else "python run_experiment.py"


def quoted(argument: str) -> str:
    """An argument as it is typed on a command line: in quotes where this system's shell would take it apart."""
    if re.fullmatch(r"[\w./:=,+-]+", argument):
        return argument
    if os.name == "nt":
        return subprocess.list2cmdline([argument]) if " " in argument else f'"{argument}"'
    return shlex.quote(argument) if re.search(r'["$`\\!]', argument) else f'"{argument}"'


def roughly(seconds: float) -> str:
    """Seconds that are not known better, as a person says them: under 1 min, 25 min, 1 h 20 min, 40 h, 5 days."""
    minutes = seconds / 60
    if minutes < 1:
        return f"under{_SPACE}1{_SPACE}min"
    if minutes < 9.5:
        return f"{round(minutes)}{_SPACE}min"
    fives = 5 * round(minutes / 5)
    if fives < 60:
        return f"{fives}{_SPACE}min"
    hours, rest = divmod(10 * round(minutes / 10), 60)
    if hours < 10:
        return f"{hours} h {rest} min".replace(" ", _SPACE) if rest else f"{hours}{_SPACE}h"
    hours = round(minutes / 60)
    return f"{hours}{_SPACE}h" if hours < 72 else f"{round(hours / 24)}{_SPACE}days"


def setting(value: object) -> str:
    """A value of the configuration as a line of text."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {setting(part)}" for key, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(setting(part) for part in value)
    return str(value)


FILTERS: dict[str, Callable[..., str]] = {
    write.__name__: write for write in (ratio, percent, count, decimal, mean_sd, percent_sd, duration, setting)
}
