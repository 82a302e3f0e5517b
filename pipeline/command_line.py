"""The command line: arguments, logging, exit codes.

Heavy modules are imported only once it is known what to do, so that `--help` answers at once.
Exit codes: 0 done; 2 something the user gave is wrong (one paragraph, no traceback); 130 Ctrl-C.
"""

import errno
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence

from common.errors import InputError
from pipeline.commands import COMMANDS, EXPERIMENTS
from pipeline.runtime.version import REARVIEW_VERSION

_OWN = ("common", "features", "models", "pipeline")


def entry() -> None:
    """The command `rearview`, where Rearview was installed by pip."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run Rearview; returns the exit code."""
    _speak_utf8()
    if list(arguments) == ["--version"]:
        print(f"Rearview {REARVIEW_VERSION}")
        return 0
    try:
        if arguments and arguments[0] in COMMANDS:
            return _run_command(*COMMANDS[arguments[0]], arguments[1:])
        return _run_command(*EXPERIMENTS, arguments)
    except KeyboardInterrupt:
        print("\nStopped. Finished work is kept: the same command goes on where it stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        message = _plain_words(error)
        if message is None:
            raise
        logging.getLogger(__name__).debug("Where it happened:", exc_info=True)
        print(f"\nError: {message}", file=sys.stderr)
        return 2


def _speak_utf8() -> None:
    """Accents in file names must not end a run on a console with an older encoding."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _plain_words(error: Exception) -> str | None:
    """One paragraph for errors that the user can mend; None for those that are our own."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] not in _OWN:
        return (
            f"The package {error.name!r} is not installed in this Python ({sys.executable}). Install what Rearview "
            "needs, in its folder: python -m pip install -r requirements.txt. If you did so in a virtual environment, "
            "start Rearview by that environment's Python."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full (writing {error.filename or 'a file'}). Free some space, or choose another disk with "
            "--output and `cache_dir:`, and start again: finished work is kept."
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{error.filename or 'A file'} may not be read or written ({error.strerror}). Choose a folder that you may "
            "write with --output and `cache_dir:`, or change its permissions."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP):
        return (
            f"The system can't take {str(error.filename or 'a file')[:200]!r} as the name of a file or folder "
            f"({error.strerror}). Choose a shorter name of letters, digits, `-` and `_`."
        )
    return None


def _run_command(module: str, function: str, arguments: Sequence[str]) -> int:
    _set_up_logging()
    command: Callable[[Sequence[str]], int] = getattr(importlib.import_module(module), function)
    return command(arguments)


def _set_up_logging() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Read when HDF5 is loaded. Keras opens weights by its own code, with locks that network drives refuse.
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    from rich.logging import RichHandler

    from pipeline.runtime.logs import SaidOnce, set_level
    from pipeline.runtime.progress import console

    handler = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S")
    # On the terminal only: the log of each run has all.
    handler.addFilter(SaidOnce())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # Every head is a function of its own; that they are compiled one by one is no news to anybody.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    set_level(logging.INFO)
