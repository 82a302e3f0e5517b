"""A warning that comes again is said once on the terminal, and each time in a run's log."""

import io
import logging

from pipeline.runtime.logs import SaidOnce, log_file


def test_a_warning_is_said_once_and_all_else_each_time(tmp_path):
    log = logging.getLogger("pipeline.said_once")
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.addFilter(SaidOnce())
    logging.getLogger().addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        with log_file(tmp_path / "log.txt"):
            for name in ("m1", "m1", "m2"):
                log.warning("%s is dark.", name)
                log.info("done")
    finally:
        logging.getLogger().removeHandler(handler)
    assert stream.getvalue().split("\n")[:-1] == ["m1 is dark.", "done", "done", "m2 is dark.", "done"]
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").count("m1 is dark.") == 2
