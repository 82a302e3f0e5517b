"""Offers the pages on this computer alone, and keeps what is corrected in them.

It listens on 127.0.0.1, answers under a secret path only (other people's programs on the same computer don't
know it), and has a fixed list of what it gives out: nothing is ever looked up by a path from outside. A page of
another site can't use it: requests must name this host, and writing needs the secret in a header, which a
foreign page can neither know nor send.
"""

import hmac
import json
import logging
import os
import re
import signal
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from common.errors import InputError
from pipeline.review.corrections import (
    FROM_MODEL,
    annotations_cell,
    corrections_folder,
    parse_corrections,
    parse_from_model,
    with_earlier,
    write_corrections,
    write_draft,
)
from pipeline.review.next_run import next_command
from pipeline.review.offer import ANSWERS, Offer, make_offer, take_video
from pipeline.review.pages import original_video
from pipeline.review.preparation import Preparation
from pipeline.review.run_reading import Review
from pipeline.run_folder.reading import Run

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
TOKEN_HEADER = "X-Rearview-Token"
MOST_BYTES = 20_000_000
_CHUNK_BYTES = 1 << 18
_TYPES = {".html": "text/html; charset=utf-8", ".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}
# No more digits than Python reads; nothing is as long as that.
_RANGE = re.compile(r"bytes=([0-9]{0,4000})-([0-9]{0,4000})", re.IGNORECASE)
_GONE = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)


def make_server(offer: Offer, port: int = 0) -> ThreadingHTTPServer:
    """A server that is ready to run, at a free port unless one is named.

    Raises
    ------
    InputError
        When the port is taken or none.
    """
    try:
        return _Server((HOST, port), partial(_Handler, offer))
    except (OSError, OverflowError) as error:
        raise InputError(
            f"Port {port} of this computer can't be used ({getattr(error, 'strerror', None) or error}). Leave --port "
            "out, and a free one is taken."
        ) from None


def address(server: ThreadingHTTPServer, offer: Offer) -> str:
    """Where the list of recordings is, for a browser."""
    return f"http://{HOST}:{server.server_port}/{offer.token}/"


def serve(
    run: Run, reviews: Sequence[Review], folder: Path, port: int, open_browser: bool, preparation: Preparation
) -> None:
    """Offer the pages until Ctrl-C, and meanwhile make those videos ready that are not."""
    offer = make_offer(run, reviews, folder, corrections_folder(run, folder), preparation)
    with make_server(offer, port) as server, preparation.running(partial(take_video, offer, folder)):
        url = address(server, offer)
        print(f"Open {url}\nCorrections are saved in {offer.corrections}. Ctrl-C ends it.", flush=True)
        if open_browser:
            webbrowser.open(url)
        _end_as_with_ctrl_c()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nEnded. What was saved is in the folder of corrections.")
            again = next_command(run, offer.corrections) if any(offer.corrections.glob("*.boris")) else ""
            if again:
                print(f"To learn from it: {again}")


def _end_as_with_ctrl_c() -> None:
    """Also where the window is closed or the process told to end: what is half converted is deleted then."""
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        # Systems differ in what they know of these; `nohup` has one ignored.
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def requested_range(header: str, size: int) -> tuple[int, int] | None:
    """Bytes of a file that are asked for.

    Parameters
    ----------
    header : str
        Such as ``bytes=100-``, ``bytes=0-99`` or ``bytes=-500`` (the last 500); "" = all.
    size : int
        Of the file, in bytes.

    Returns
    -------
    (int, int) or None
        Half-open. None where nothing of the range is in the file. What isn't understood (several ranges, other
        units, spaces within it) is answered with the whole file, as HTTP allows (RFC 9110, 14.2).
    """
    match = _RANGE.fullmatch(header.strip(" \t"))
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else None
    start = int(first)
    if start >= size or (last and int(last) < start):
        return None
    return start, min(size, int(last) + 1) if last else size


def _refuse_constant(name: str) -> Any:
    """No number of a page is infinite or none; JSON that says so would stop the page that is given it back."""
    raise ValueError(f"Expected numbers. Received: {name}")


class _Server(ThreadingHTTPServer):
    """Ends with the command, whatever a browser still waits for."""

    daemon_threads = True
    # Of more callers at once than wait here, some systems turn the rest away.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a browser went away; the rest is ours to mend."""
        if not isinstance(sys.exc_info()[1], (*_GONE, TimeoutError)):
            log.error("A request failed:", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request after the other on a connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def __init__(self, offer: Offer, *arguments: Any) -> None:
        self.offer = offer
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Give out a page, a video or part of one, or what `ANSWERS` say of a recording."""
        name = self._name()
        if name is None:
            return
        what, _, recording = name.partition("/")
        if what in ANSWERS and recording in self.offer.reviews:
            self._send_json(ANSWERS[what](self.offer, self.offer.reviews[recording]))
        elif name in self.offer.files:
            self._send_file(self.offer.files[name])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such page.")

    def do_HEAD(self) -> None:
        """The same without its content."""
        self.do_GET()

    def do_POST(self) -> None:
        """Take corrections (`save/`) or unfinished work (`draft/`)."""
        name = self._name()
        if name is None:
            return
        what, _, recording = name.partition("/")
        if not hmac.compare_digest(self.headers.get(TOKEN_HEADER, "").encode(), self.offer.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "Only the review page may save.")
        elif what not in ("save", "draft") or recording not in self.offer.reviews:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such recording.")
        else:
            self._take(what, self.offer.reviews[recording])

    def _name(self) -> str | None:
        """What is asked for, below the secret path; None where the request was refused."""
        port = cast(ThreadingHTTPServer, self.server).server_port
        if self.headers.get("Host", "") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self._refuse(HTTPStatus.FORBIDDEN, "This server answers to its own name only.")
            return None
        token, slash, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self.offer.token.encode()):
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such page. Open the address that the command printed.")
            return None
        return unquote(name)

    def _take(self, what: str, review: Review) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Expected at most {MOST_BYTES} bytes.")
            return
        row, folder = review.row, self.offer.corrections
        try:
            content = json.loads(self.rfile.read(int(size)), parse_constant=_refuse_constant)
            behaviors = self.offer.run.behaviors
            corrected = parse_corrections(content["bouts"], behaviors, row.n_frames, self.offer.run.is_exclusive)
            from_model = parse_from_model(content.get(FROM_MODEL), corrected, behaviors, row.n_frames)
            from_model = with_earlier(self.offer.run, review, corrected, from_model)
            # Of two saves at once, one comes after the other with all its files.
            with self.offer.saving:
                if what == "draft":
                    write_draft(folder, review, content)
                    self._send_json({"saved": []})
                    return
                paths = write_corrections(folder, self.offer.run, row, original_video(review), corrected, from_model)
                again = next_command(self.offer.run, folder)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"These are no corrections: {error}", keep=True)
        except InputError as error:
            log.error("%s", error)
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error), keep=True)
        else:
            cell = annotations_cell(folder, row)
            log.info("%s: %d bouts saved in %s, as annotations: %s", row.recording, len(corrected), folder, cell)
            answer = {"saved": [path.name for path in paths], "folder": str(folder), "cell": cell, "next": again}
            self._send_json(answer)

    def _send_json(self, content: Any) -> None:
        body = json.dumps(content, ensure_ascii=False).encode("utf-8")
        self._begin(HTTPStatus.OK, "application/json", len(body))
        self._write(body)

    def _refuse(self, status: HTTPStatus, words: str, keep: bool = False) -> None:
        """Answer with an error; the connection ends unless the request was read to its end."""
        body = words.encode("utf-8")
        self.close_connection = self.close_connection or not keep
        self._begin(status, "text/plain; charset=utf-8", len(body))
        self._write(body)

    def _send_file(self, path: Path) -> None:
        try:
            file = path.open("rb")
        except OSError as error:
            log.warning("%s can't be read: %s", path, error.strerror or error)
            self._refuse(HTTPStatus.NOT_FOUND, f"{path.name} can't be read.")
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            header = self._range()
            found = requested_range(header, size)
            if found is None:
                extra = {"Content-Range": f"bytes */{size}"}
                self._begin(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "text/plain", 0, extra)
                return
            start, stop = found
            extra = {"Accept-Ranges": "bytes"}
            status = HTTPStatus.OK
            if header and (start, stop) != (0, size):
                status = HTTPStatus.PARTIAL_CONTENT
                extra["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            self._begin(status, _TYPES.get(path.suffix.lower(), "application/octet-stream"), stop - start, extra)
            if self.command != "HEAD":
                self._copy(file, start, stop, path)

    def _range(self) -> str:
        """The range that is asked for; "" where HTTP says that none counts: of a HEAD, and of a version that is past.

        Files have no versions here, so that If-Range, which names one, never holds.
        """
        if self.command != "GET" or "If-Range" in self.headers:
            return ""
        return ", ".join(self.headers.get_all("Range", []))

    def _copy(self, file: BinaryIO, start: int, stop: int, path: Path) -> None:
        """Send a part of a file whose size was promised: whatever goes wrong now, there is no second answer."""
        try:
            file.seek(start)
            while start < stop:
                chunk = file.read(min(stop - start, _CHUNK_BYTES))
                if not chunk or not self._write(chunk):
                    break
                start += len(chunk)
        except OSError as error:
            log.warning("%s can't be read to its end: %s", path, error.strerror or error)
        # Fewer bytes than promised: the browser must not wait for the rest.
        self.close_connection = self.close_connection or start < stop

    def _begin(self, status: HTTPStatus, kind: str, size: int, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(size),
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for name, value in (headers | dict(extra or {})).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _write(self, content: bytes) -> bool:
        """Send; False where the browser went away, as it does when it seeks."""
        try:
            if self.command != "HEAD":
                self.wfile.write(content)
        except _GONE:
            return False
        return True

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing of single requests on the terminal."""
        log.debug(format, *arguments)
