"""The server: parts of videos, nothing but what is offered, and only for the page itself."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import pipeline.review.server as server_module
from common.errors import InputError
from pipeline.annotations import EventList, read_annotation
from pipeline.review.corrections import parse_corrections, write_corrections
from pipeline.review.offer import ANSWERS, make_offer
from pipeline.review.pages import write_pages
from pipeline.review.preparation import Preparation
from pipeline.review.run_reading import read_review_run
from pipeline.review.server import TOKEN_HEADER, make_server, requested_range
from pipeline.review.videos import PageVideo, clear_half_copies, page_video
from tests.pipeline.review.review_runs import (
    BEHAVIORS,
    FPS,
    N_FRAMES,
    Scene,
    make_review_run,
    write_browser_video,
    write_old_video,
)

ROOT = Path(__file__).resolve().parents[3]


class Client:
    """Speaks to the server without a browser's manners."""

    def __init__(self, server, offer) -> None:
        self.port = server.server_address[1]
        self.token = offer.token
        self.host = server.server_address[0]

    def ask(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=names)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), content

    def get(self, name, **headers):
        return self.ask(f"/{self.token}/{name}", **headers)

    def post(self, name, content, token=None, **headers):
        headers = {TOKEN_HEADER: self.token if token is None else token} | headers
        return self.ask(f"/{self.token}/{name}", "POST", json.dumps(content), **headers)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    video = write_browser_video(folder / "videos" / "m.mp4")
    (folder / "secret.txt").write_text("secret", encoding="utf-8")
    scenes = {"mouse 1": (Scene(), video), "other": (Scene(), None)}
    run, found = read_review_run(make_review_run(folder / "run", scenes))
    reviews = [replace(r, video=page_video(r.row, folder, {}, lambda *_: None)) for r in found]
    write_pages(run, reviews, folder / "run" / "review")
    offer = make_offer(run, reviews, folder / "run" / "review", folder / "run" / "corrections")
    server = make_server(offer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, Client(server, offer)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", (0, 1000)), ("bytes=0-", (0, 1000)), ("bytes=0-0", (0, 1)), ("bytes=990-2000", (990, 1000)),
        ("bytes=-10", (990, 1000)), ("bytes=-5000", (0, 1000)), ("bytes=1000-", None), ("bytes=5-2", None),
        ("bytes=-0", None), ("bytes=-", (0, 1000)), ("bytes=0-1,5-6", (0, 1000)), ("lines=1-2", (0, 1000)),
        ("bytes=a-b", (0, 1000)), ("BYTES=0-9", (0, 10)), (" bytes=0-9\t", (0, 10)), ("bytes", (0, 1000)),
        ("bytes=", (0, 1000)), ("=0-9", (0, 1000)), ("bytes=1 0-20", (0, 1000)), ("bytes =0-9", (0, 1000)),
        ("bytes= 0-9", (0, 1000)), ("bytes=0 -9", (0, 1000)), ("bytes=0-9,", (0, 1000)), ("bytes=,0-9", (0, 1000)),
        ("bytes=0-1, 2-3", (0, 1000)), ("bytes=--5", (0, 1000)), ("bytes=+0-9", (0, 1000)), ("bytes=0x0-9", (0, 1000)),
        ("bytes=1.0-9", (0, 1000)), ("bytes=0-9-", (0, 1000)), ("bits=0-9", (0, 1000)), ("none", (0, 1000)),
        ("bytes=\u0660-\u0669", (0, 1000)), ("bytes=\xb2-9", (0, 1000)), ("bytes=0\u20139", (0, 1000)),
        ("bytes=0-9\x00", (0, 1000)), ("bytes=0-" + "9" * 30, (0, 1000)), ("bytes=" + "9" * 30 + "-", None),
        ("bytes=-" + "9" * 3000, (0, 1000)), ("bytes=" + "9" * 4000 + "-", None), ("bytes=0-" + "9" * 9000, (0, 1000)),
        ("bytes=" + "9" * 30 + "-0", None), ("bytes=-00", None), ("bytes=000-009", (0, 10)),
        ("bytes=999-", (999, 1000)),
    ],
)  # fmt: skip
def test_ranges(header, expected):
    assert requested_range(header, 1000) == expected


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=-0", "bytes=0-0", "bytes=1-"])
def test_an_empty_file_has_no_range(header):
    assert requested_range(header, 0) is None


def raw_answer(client, *lines: bytes, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    """What is answered to a request with these header lines, as they are, and to a second one on the connection."""
    start = f"{method} /{client.token}/media/mouse%201 HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n".encode()
    with socket.create_connection((client.host, client.port), timeout=10) as connection:
        connection.sendall(start + b"".join(line + b"\r\n" for line in lines) + b"Connection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    return int(first.split()[1]), dict(line.split(b": ", 1) for line in rest), content


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"Range: bytes=0-1,5-6"], 200), ([b"Range: bytes=-0"], 416), ([b"Range: bytes=9-3"], 416),
        ([b"Range: bytes=" + b"9" * 30 + b"-"], 416), ([b"Range: bytes=" + b"9" * 5000 + b"-"], 200),
        ([b"Range: bytes=0-" + b"9" * 30], 200), ([b"Range: lines=0-1"], 200), ([b"Range: bytes=\xd9\xa0-9"], 200),
        ([b"Range: bytes=\xff"], 200), ([b"Range:"], 200), ([b"Range:   bytes=0-9  "], 206), ([b"Range: b=0-9"], 200),
        ([b"Range: bytes=0 - 9"], 200), ([b"range: BYTES=0-9"], 206), ([b"Range: bytes=-10"], 206),
        ([b"Range: bytes=0-1", b"Range: bytes=4-5"], 200), ([b"Range: bytes=0-9", b'If-Range: "abc"'], 200),
        ([b"Range: bytes=0-\x009"], 200),
    ],
)  # fmt: skip
def test_odd_ranges_are_refused_or_ignored(place, lines, status):
    folder, client = place
    whole = (folder / "videos" / "m.mp4").read_bytes()
    found, headers, content = raw_answer(client, *lines)
    assert found == status
    assert int(headers[b"Content-Length"]) == len(content)
    expected = {200: whole, 416: b"", 206: whole[-10:] if b"=-" in lines[0] else whole[:10]}[status]
    assert content == expected
    assert (b"Content-Range" in headers) == (status != 200)
    # Only GET knows ranges.
    found, headers, content = raw_answer(client, *lines, method="HEAD")
    assert (found, headers[b"Content-Length"], content) == (200, str(len(whole)).encode(), b"")


@pytest.mark.parametrize(
    "body",
    [
        '{"bouts": [["grooming", 1, Infinity, "edited"]]}', '{"bouts": [["grooming", NaN, 5, "edited"]]}',
        '{"bouts": [["grooming", 1, 1e400, "edited"]]}', '{"bouts": [["grooming", 1, ' + "9" * 400 + ', "edited"]]}',
        '{"bouts": [["grooming", -' + "9" * 400 + ', 5, "edited"]]}', '{"bouts": [], "changed_at": -Infinity}',
        '{"bouts": [["grooming", 1, ' + "9" * 5000 + ', "edited"]]}', '{"bouts": [], "from_model": {"grooming": 1}}',
        '{"bouts": [], "from_model": {"grooming": [[0, 1e400]]}}', '{"bouts": [], "from_model": []}', '\x00', '"',
        '{"bouts": [], "from_model": {"grooming": [[0, ' + "9" * 400 + "]]}}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["save", "draft"])
def test_times_that_are_infinite_or_huge_are_refused_in_words(place, what, body):
    folder, client = place
    before = sorted((folder / "run").rglob("*"))
    status, _, words = client.ask(f"/{client.token}/{what}/other", "POST", body, **{TOKEN_HEADER: client.token})
    assert (status, words[:25]) == (400, b"These are no corrections:")
    assert len(words) < 400
    assert sorted((folder / "run").rglob("*")) == before


def test_parts_of_the_video_are_given(place):
    folder, client = place
    whole = (folder / "videos" / "m.mp4").read_bytes()
    status, headers, content = client.get("media/mouse%201")
    assert (status, headers["Content-Type"], headers["Accept-Ranges"]) == (200, "video/mp4", "bytes")
    assert content == whole
    status, headers, content = client.get("media/mouse%201", Range="bytes=100-199")
    assert (status, headers["Content-Range"]) == (206, f"bytes 100-199/{len(whole)}")
    assert content == whole[100:200]
    status, headers, content = client.get("media/mouse%201", Range=f"bytes={len(whole)}-")
    assert (status, headers["Content-Range"], content) == (416, f"bytes */{len(whole)}", b"")
    status, headers, content = client.ask(f"/{client.token}/media/mouse%201", "HEAD")
    assert (status, headers["Content-Length"], content) == (200, str(len(whole)), b"")


def test_pages_are_given_with_strict_headers(place):
    _, client = place
    for name in ("", "index.html", "mouse%201.html"):
        status, headers, content = client.get(name)
        assert status == 200
        assert content.startswith(b"<!DOCTYPE html>")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "..\\secret.txt", "media/../../secret.txt",
        "media/mouse%201/../../../secret.txt", "//etc/passwd", "/etc/passwd", "media//etc/passwd", "%00",
        "mouse%201.mp4", "config.yaml", "../config.yaml", "media/other", "draft/nobody", "draft/../config",
        "save/other",
    ],
)  # fmt: skip
def test_nothing_else_is_given(place, name):
    _, client = place
    status, _, content = client.get(name)
    assert status == 404
    assert b"secret" not in content.replace(b"that the command printed", b"")


def test_without_the_secret_there_is_nothing(place):
    _, client = place
    for path in (
        "/",
        "/index.html",
        "/x/",
        f"/{client.token}x/",
        f"/{client.token}",
        "/../secret.txt",
        "//[",
        "/%ff%fe/",
        "*",
    ):
        assert client.ask(path)[0] == 404, path


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost", ""])
def test_other_names_of_this_computer_are_refused(place, host):
    _, client = place
    assert client.get("", Host=host)[0] == 403
    assert client.get("", Host=f"localhost:{client.port}")[0] == 200


def test_it_listens_on_this_computer_alone(place):
    _, client = place
    assert client.host == "127.0.0.1"


def test_saving_needs_the_secret_in_a_header(place):
    folder, client = place
    content = {"bouts": [["grooming", 1, 2, "edited"]]}
    for token in ("", "wrong", client.token[:-1], "ä"):
        connection_status = client.post("save/mouse%201", content, token=token.encode("utf-8").decode("latin-1"))[0]
        assert connection_status == 403
    assert client.ask(f"/{client.token}/save/mouse%201", "POST", json.dumps(content))[0] == 403
    assert not (folder / "run" / "corrections").exists()


def test_saved_corrections_read_back(place):
    folder, client = place
    bouts = [["grooming", 20, 61, "edited"], [BEHAVIORS[1], 200, 300, "human"], ["grooming", 0, 5, "model"]]
    status, _, content = client.post("save/mouse%201", {"bouts": bouts})
    assert status == 200
    assert json.loads(content)["saved"] == ["mouse 1.boris", "mouse 1.csv"]
    cell = f"{(folder / 'run' / 'corrections').resolve().as_posix()}/mouse 1.boris#observation=mouse 1"
    assert json.loads(content)["cell"] == cell
    expected = sorted((name, start, stop) for name, start, stop, _ in bouts)
    for name in ("mouse 1.csv", "mouse 1.boris"):
        found = read_annotation(folder / "run" / "corrections" / name, N_FRAMES, FPS, video_name="m.mp4")
        assert isinstance(found, EventList)
        assert sorted((b.behavior, b.start_frame, b.stop_frame) for b in found.bouts) == expected
    text = (folder / "run" / "corrections" / "mouse 1.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1] == "grooming,0,5,0.000000,0.200000,0.200000,model,5"
    assert client.post("save/mouse%201", {"bouts": []})[0] == 200
    found = read_annotation(folder / "run" / "corrections" / "mouse 1.csv", N_FRAMES, FPS)
    assert isinstance(found, EventList)
    assert found.bouts == ()


def test_drafts_are_kept_and_given_back(place):
    folder, client = place
    assert json.loads(client.get("draft/other")[2]) == {"draft": None, "earlier": None}
    draft = {"version": 1, "bouts": [[BEHAVIORS[1], 1, 5, "edited"]], "done": ["é"]}
    assert client.post("draft/other", draft)[0] == 200
    assert json.loads(client.get("draft/other")[2]) == {"draft": draft, "earlier": None}
    assert not (folder / "run" / "corrections" / "other.csv").exists()


def test_what_is_kept_of_other_animals_is_told_as_it_is_now(tmp_path):
    scenes = {"d": (Scene(), tmp_path / "v.mp4"), "l": (Scene(), tmp_path / "v.mp4"), "x": (Scene(), None)}
    run, reviews = read_review_run(make_review_run(tmp_path / "run", scenes, animals=("dark", "light", "")))
    offer = make_offer(run, reviews, tmp_path, tmp_path / "corrections")
    dark, light, alone = reviews
    before = ANSWERS["status"](offer, dark)
    assert ANSWERS["status"](offer, dark) == before
    corrected = parse_corrections([["grooming", 3, 9, "edited"]], BEHAVIORS, N_FRAMES)
    write_corrections(offer.corrections, run, light.row, None, corrected)
    assert ANSWERS["status"](offer, dark)["others"] != before["others"]
    (lanes,) = ANSWERS["others"](offer, dark).values()
    assert {lane["source"]: lane["runs"][0] for lane in lanes}["corrected"] == [(3, 9)]
    assert list(ANSWERS["others"](offer, light)) == ["d"]
    assert ANSWERS["others"](offer, alone) == {}


def test_a_conversion_that_is_ended_leaves_nothing(tmp_path):
    run_path = make_review_run(tmp_path / "run", {"old": (Scene(), write_old_video(tmp_path / "old.avi"))})
    _, (review,) = read_review_run(run_path)
    has_begun, settled = threading.Event(), []

    def prepare(row, progress):
        def slow(done, total):
            progress(done, total)
            has_begun.set()
            time.sleep(0.05)

        return page_video(row, tmp_path / "pages", {}, slow)

    preparation = Preparation([review.row], prepare)
    with preparation.running(lambda names, video: settled.append(names)):
        assert has_begun.wait(10)
        stage = preparation.stage("old")
        assert (stage["stage"], stage["total"]) == ("converting", N_FRAMES)
    assert settled == list((tmp_path / "pages").iterdir()) == []
    # What a killed command left is deleted by the next one; what another one writes just now is not.
    killed, young = (tmp_path / "pages" / f".old.mp4.{name}.tmp" for name in ("0123abcd", "4567abcd"))
    for path in (killed, young):
        path.write_bytes(b"half")
    os.utime(killed, (1, 1))
    clear_half_copies(tmp_path / "pages")
    assert list((tmp_path / "pages").iterdir()) == [young]


def test_videos_whose_pages_are_open_come_first_and_failures_are_said(tmp_path):
    scenes = {name: (Scene(), tmp_path / f"{name}.avi") for name in "abcd"}
    _, reviews = read_review_run(make_review_run(tmp_path / "run", scenes))
    gate, settled, all_done = threading.Event(), {}, threading.Event()

    def prepare(row, progress):
        if row.recording == "a":
            assert gate.wait(10)
        if row.recording == "b":
            raise InputError("The disk is full.")
        if row.recording == "d":
            raise RuntimeError("what nobody thought of")
        return PageVideo(tmp_path / f"{row.recording}.mp4")

    def settle(names, video):
        settled[names[0]] = video
        if "c" in settled:
            gate.set()
        if len(settled) == 4:
            all_done.set()

    preparation = Preparation([review.row for review in reviews], prepare)
    with preparation.running(settle):
        # While the first is under way, the one that is looked at is made.
        preparation.stage("c")
        assert all_done.wait(10)
    assert list(settled) == ["c", "a", "b", "d"]
    assert settled["a"].path == tmp_path / "a.mp4"
    assert (
        settled["b"].path is None and "could not be converted for the browser. The disk is full." in settled["b"].note
    )
    assert "RuntimeError: what nobody thought of" in settled["d"].note


def test_drafts_of_other_predictions_are_kept_apart(place):
    folder, client = place
    corrections = folder / "run" / "corrections"
    corrections.mkdir(exist_ok=True)
    draft = {"version": 1, "bouts": [["grooming", 1, 5, "edited"]], "changed_at": "2026-02-02"}
    for name, changed_at in (("", "2026-01-01"), (".0123456789abcdef", "2026-01-03"), (".broken", "2026-01-04")):
        text = json.dumps(draft | {"changed_at": changed_at})
        (corrections / f"mouse 1{name}.draft.json").write_text(text, encoding="utf-8")
    found = json.loads(client.get("draft/mouse%201")[2])
    assert found == {"draft": None, "earlier": draft | {"changed_at": "2026-01-03"}}
    assert client.post("draft/mouse%201", draft)[0] == 200
    found = json.loads(client.get("draft/mouse%201")[2])
    assert found == {"draft": draft, "earlier": draft | {"changed_at": "2026-01-03"}}
    assert len(list(corrections.glob("mouse 1*.draft.json"))) == 4


@pytest.mark.parametrize("what", ["save", "draft"])
def test_json_that_is_nested_without_end_is_refused(place, what):
    _, client = place
    headers = {TOKEN_HEADER: client.token}
    for body in ("[" * 200_000, '{"bouts": [], "a": ' + "[" * 200_000 + "]" * 200_000 + "}"):
        status, _, words = client.ask(f"/{client.token}/{what}/mouse%201", "POST", body, **headers)
        assert (status, words[:25]) == (400, b"These are no corrections:")


def test_a_file_that_breaks_off_has_one_answer(place, monkeypatch):
    _, client = place
    monkeypatch.setattr(server_module._Handler, "_write", fail_to_write)
    with socket.create_connection((client.host, client.port), timeout=10) as connection:
        request = f"GET /{client.token}/media/mouse%201 HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n\r\n"
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


def fail_to_write(handler, content):
    raise TimeoutError("the disk or the browser")


@pytest.mark.parametrize(
    "content",
    [
        None, [], {}, {"bouts": None}, {"bouts": [1]}, {"bouts": [["grooming", 1, 2]]},
        {"bouts": [["running", 1, 2, "edited"]]}, {"bouts": [["grooming", 2, 2, "edited"]]},
        {"bouts": [["grooming", -1, 2, "edited"]]}, {"bouts": [["grooming", 1, N_FRAMES + 1, "edited"]]},
        {"bouts": [["grooming", 1.5, 2, "edited"]]}, {"bouts": [["grooming", True, 2, "edited"]]},
        {"bouts": [["grooming", 1, 2, "=cmd()"]]}, {"bouts": [[["grooming"], 1, 2, "edited"]]},
        {"bouts": [["grooming", 1, 9, "edited"], ["grooming", 8, 12, "edited"]]},
    ],
)  # fmt: skip
def test_what_is_no_corrections_is_refused(place, content):
    _, client = place
    for what in ("save", "draft"):
        status, _, words = client.post(f"{what}/mouse%201", content)
        assert status == 400
        assert b"no corrections" in words
    with pytest.raises((ValueError, KeyError, TypeError)):
        parse_corrections(content["bouts"], BEHAVIORS, N_FRAMES)


def test_other_requests_are_refused(place):
    _, client = place
    assert client.post("save/nobody", {"bouts": []})[0] == 404
    assert client.post("index.html", {"bouts": []})[0] == 404
    headers = {TOKEN_HEADER: client.token, "Content-Length": "999999999"}
    assert client.ask(f"/{client.token}/save/other", "POST", None, **headers)[0] == 413
    assert client.ask(f"/{client.token}/", "DELETE")[0] == 501


def test_saves_at_once_leave_files_that_agree(place):
    folder, client = place
    statuses = []

    def save(n: int) -> None:
        statuses.append(client.post("save/other", {"bouts": [["grooming", n, n + 5, "edited"]]})[0])

    threads = [threading.Thread(target=save, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 24
    found = []
    for name in ("other.csv", "other.boris"):
        labels = read_annotation(folder / "run" / "corrections" / name, N_FRAMES, FPS)
        assert isinstance(labels, EventList)
        found.append([(bout.start_frame, bout.stop_frame) for bout in labels.bouts])
    assert found[0] == found[1] != []
    for path in (folder / "run" / "corrections").glob("other.*"):
        path.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to consoles, not to processes")
def test_the_command_serves_until_ctrl_c(place):
    folder, _ = place
    command = [sys.executable, "run_experiment.py", "review", str(folder / "run"), "--serve", "--no-browser", "mouse 1"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
        # A shell has what it starts in the background ignore Ctrl-C, these tests as well.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as served:
        try:
            assert served.stdout is not None
            lines = [served.stdout.readline() for _ in range(3)]
            url = lines[1].split()[1]
            assert url.startswith("http://127.0.0.1:")
            host, _, path = url.removeprefix("http://").partition("/")
            connection = http.client.HTTPConnection(host, timeout=10)
            connection.request("GET", f"/{path}")
            assert connection.getresponse().status == 200
            connection.close()
            served.send_signal(signal.SIGINT)
            rest, errors = served.communicate(timeout=20)
        finally:
            served.kill()
    assert served.returncode == 0
    assert "Ended." in rest
    assert "Traceback" not in errors
