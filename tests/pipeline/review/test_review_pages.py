"""The pages' content: what is embedded, what is escaped, which video they play."""

import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from common.notes import Doubt
from common.yaml_text import dump_yaml
from features.tracks import CenterTrack
from pipeline.annotations import read_annotation
from pipeline.annotations.base import AnnotationChoice
from pipeline.command_line import main
from pipeline.dataset.labels import label_tracks
from pipeline.films.originals import files_by_name
from pipeline.review import scripts
from pipeline.review.animals import by_video, shown_box
from pipeline.review.corrections import CorrectedBout, draft_path, parse_corrections, saved_state, write_corrections
from pipeline.review.pages import content_policy, page_content, page_name, safe_json
from pipeline.review.run_reading import read_review_run
from pipeline.review.videos import PageVideo, page_video, relative_url
from pipeline.run_folder.contents import CHOICES
from pipeline.run_folder.frame_tables import write_centers
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.bouts import Bout
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import FULL
from pipeline.training.chosen_settings import Choice, Choices, choice_rows, fixed_variants
from tests.pipeline.review.review_runs import (
    BEHAVIORS,
    FPS,
    N_FRAMES,
    Scene,
    make_review_run,
    write_browser_video,
    write_old_video,
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """A run with a video that browsers play, an older one, one that is gone, and none at all."""
    folder = tmp_path_factory.mktemp("lab ö")
    videos = folder / "videos & more"
    recordings = {
        "playable #1": (Scene(unscored=(0, 10)), write_browser_video(videos / "playable 100%.mp4")),
        "old": (Scene(human=None), write_old_video(videos / "old.avi")),
        "gone": (Scene(), videos / "gone.mp4"),
        "Index": (Scene(), None),
    }
    make_review_run(folder / "run é", recordings)
    assert main(["review", str(folder / "run é")]) == 0
    return folder


def content_of(page: Path) -> dict:
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert found is not None
    return json.loads(found.group(1))


def test_every_recording_has_a_page_and_the_list_leads_to_it(lab):
    review = lab / "run é" / "review"
    text = (review / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)">', text)
    assert sorted(links) == ["Index%20%28recording%29.html", "gone.html", "old.html", "playable%20%231.html"]
    assert sorted(path.name for path in review.glob("*.html")) == [
        "Index (recording).html", "gone.html", "index.html", "old.html", "playable #1.html",
    ]  # fmt: skip
    assert page_name("INDEX") != "INDEX.html"


def test_names_are_escaped_everywhere(lab):
    for page in (lab / "run é" / "review").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "mäuse & </script>" not in text
        assert text.count("</script>") == text.count("<script")
    content = content_of(lab / "run é" / "review" / "old.html")
    assert tuple(b["name"] for b in content["behaviors"]) == BEHAVIORS


def test_json_can_end_neither_its_element_nor_a_line():
    hostile = {"</script><!--": "<script>\u2028&amp;", "日本": 1}
    text = str(safe_json(hostile))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == hostile


def test_the_policy_allows_these_scripts_and_no_others(lab):
    text = (lab / "run é" / "review" / "old.html").read_text(encoding="utf-8")
    (policy,) = map(unescape, re.findall(r'Content-Security-Policy" content="([^"]+)"', text))
    allowed = policy.split("script-src ")[1].split(";")[0].split()
    inline = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", text, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    assert allowed == [f"'sha256-{digest}'" for digest in hashes]
    assert len(inline) == 2
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in content_policy(["x"]).split("style-src")[0]


def test_what_a_page_knows(lab):
    content = content_of(lab / "run é" / "review" / "playable #1.html")
    assert (content["rate"], content["fps"], content["n_frames"]) == ([25, 1], 25.0, N_FRAMES)
    assert content["model"] == [[[20, 60], [120, 150]], [[200, 240]]]
    assert content["human"] == [[[20, 60], [80, 100]], [[200, 255]]]
    assert content["unscored"] == [[[0, 10]], [[0, 10]]]
    levels = np.frombuffer(base64.b64decode(content["probability"][0]), dtype="<u2")
    assert levels[[0, 30, 275]] / 65534 == pytest.approx([0.05, 0.9, 0.45], abs=1e-5)
    kinds = [(place["kind"], place["start"], place["stop"]) for place in content["places"]]
    assert kinds[:3] == [("invented", 120, 150), ("missed", 80, 100), ("stop", 240, 255)]
    assert content["boris"]["observations"]["playable #1"]["events"] == []
    assert content_of(lab / "run é" / "review" / "old.html")["human"] is None


def test_a_page_knows_where_animals_are_and_what_the_others_do(tmp_path):
    recordings = {"alone": (Scene(), None), "d": (Scene(), tmp_path / "v.mp4"), "l": (Scene(), tmp_path / "v.mp4")}
    run_path = make_review_run(tmp_path / "run", recordings, animals=("", "dark", "light"))
    boxes = np.tile([1.0, 2.4, 30, 40], (N_FRAMES, 1))
    boxes[7] = np.nan
    centers = CenterTrack(np.full((N_FRAMES, 2), 9.0), np.arange(N_FRAMES) > 3)
    write_centers(RunDir(run_path).centers_path("l"), centers, boxes)
    run, reviews = read_review_run(run_path)
    reviews = [replace(review, video=PageVideo(tmp_path / "v.mp4")) for review in reviews]
    light = reviews[2]
    write_corrections(run_path / "corrections", run, light.row, None, [CorrectedBout(Bout("grooming", 3, 9), "edited")])
    assert [[one.row.recording for one in group] for group in by_video(reviews)] == [["alone"], ["d", "l"]]
    content = page_content(run, reviews[1], run_path / "review", reviews[1:])
    values = np.frombuffer(base64.b64decode(content["box"]["values"]), dtype="<i2").reshape(-1, 2)
    assert (content["animal"], content["box"]["side"]) == ("dark", 20)
    assert values[[0, 10, 11]].tolist() == [[25, 20], [26, 20], [27, 20]]
    (other,) = content["others"]
    assert (other["name"], other["page"], other["box"]["side"]) == ("light", "l.html", None)
    assert other["box"]["unobserved"] == [(0, 4)]
    values = np.frombuffer(base64.b64decode(other["box"]["values"]), dtype="<i2").reshape(-1, 4)
    assert values[[0, 7]].tolist() == [[1, 2, 30, 40], [-32768] * 4]
    around = {**run.config, "crop": {"size_px": 20, "around": "box", "margin_percent": 10}}
    box = shown_box(replace(run, config=around), replace(light, video=PageVideo(tmp_path / "v.mp4")))
    assert box is not None
    square = np.frombuffer(base64.b64decode(box["values"]), dtype="<i2").reshape(-1, 4)[0]
    # Of 37.6 px in height, with a tenth at each end, around 15.5, 21.2.
    assert square.tolist() == [-7, -1, 39, 45]
    lanes = {lane["source"]: lane["runs"] for lane in other["lanes"]}
    assert lanes == {"corrected": [[(3, 9)], []], "human": [[(20, 60), (80, 100)], [(200, 255)]]}
    assert page_content(run, reviews[0], run_path / "review", reviews[:1])["others"] == []


def test_not_predicted_frames_are_marked(lab, tmp_path):
    run, (review,) = read_review_run(lab / "run é", ["old"])
    probability = review.timeline.probability.copy()
    probability[5:7, 0] = np.nan
    content = page_content(run, replace(review, timeline=replace(review.timeline, probability=probability)), tmp_path)
    assert content["unpredicted"] == [[(5, 7)], []]
    assert list(np.frombuffer(base64.b64decode(content["probability"][0]), dtype="<u2")[5:7]) == [65535] * 2


def test_a_playable_video_stays_where_it_is_and_another_is_copied_once(lab):
    review = lab / "run é" / "review"
    assert content_of(review / "playable #1.html")["video"]["file"] == "../../videos%20%26%20more/playable%20100%25.mp4"
    assert content_of(review / "old.html")["video"]["file"] == "old.mp4"
    made = (review / "old.mp4").stat().st_mtime_ns
    assert main(["review", str(lab / "run é"), "old"]) == 0
    assert (review / "old.mp4").stat().st_mtime_ns == made


def test_another_video_is_copied_anew(tmp_path):
    source = write_old_video(tmp_path / "old.avi")
    _, (review,) = read_review_run(make_review_run(tmp_path / "run", {"old": (Scene(), source)}))
    recording = review.row
    calls: list[int] = []

    def copy(recording):
        calls.clear()
        video = page_video(recording, tmp_path, {}, lambda done, total: calls.append(done))
        assert video.path == tmp_path / "old.mp4"
        return bool(calls)

    assert copy(recording)
    assert not copy(recording)
    assert copy(replace(recording, video_sha256="another"))
    # Without the original, a copy of the same video will do.
    source.unlink()
    assert not copy(replace(recording, video_sha256="another"))
    assert page_video(recording, tmp_path, {}, lambda *_: None).path is None


def test_a_video_in_the_place_of_the_copy_is_not_written_over(tmp_path, capsys):
    for name in ("a", "b"):
        write_old_video(tmp_path / "videos" / f"{name}.avi")
    # Its codec is none that browsers play: it would be copied over itself.
    a = (tmp_path / "videos" / "a.avi").rename(tmp_path / "videos" / "a.mp4")
    (tmp_path / "videos" / "b.mp4").write_bytes(b"what nobody knows")
    recordings = {"a": (Scene(), a), "b": (Scene(), tmp_path / "videos" / "b.avi")}
    folder = make_review_run(tmp_path / "run", recordings)
    before = {path: path.read_bytes() for path in (tmp_path / "videos").iterdir()}
    for name, words in (("a", "a.mp4 is an original video"), ("b", "b.mp4 exists and was not written by Rearview")):
        assert main(["review", str(folder), name, "--output", str(tmp_path / "videos")]) == 2
        assert words in " ".join(capsys.readouterr().err.split())
    # Not even where a state lies beside it, or the run knows it as the video of another recording.
    assert {path: path.read_bytes() for path in before} == before
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.html").write_text("the lab's own", encoding="utf-8")
    assert main(["review", str(folder), "b", "--output", str(tmp_path / "pages")]) == 2
    assert (tmp_path / "pages" / "index.html").read_text(encoding="utf-8") == "the lab's own"


def test_a_video_that_cannot_be_read_leaves_its_page_without_one(tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    recordings = {"bad": (Scene(), bad), "good": (Scene(), write_browser_video(tmp_path / "good.mp4"))}
    folder = make_review_run(tmp_path / "run", recordings)
    assert main(["review", str(folder), "--output", str(tmp_path / "pages"), "bad", "good"]) == 0
    found = content_of(tmp_path / "pages" / "bad.html")["video"]
    assert found["file"] is None
    assert "bad.mp4 can't be opened as a video" in found["note"] and "only the timelines" in found["note"]
    assert content_of(tmp_path / "pages" / "good.html")["video"]["file"] == "../good.mp4"


def test_corrections_of_merged_behaviors_read_back_though_they_never_occur(tmp_path):
    folder = make_review_run(tmp_path / "run", {"m1": (Scene(), None)}, behaviors=("rearing", "grooming"))
    config = folder / "config.yaml"
    theirs = {"rearing": ["mid", "wall"], "grooming": ["groom"]}
    config.write_text(dump_yaml({"name": "r", "behaviors": theirs, "head": {"name": "lstm"}}), encoding="utf-8")
    run, (review,) = read_review_run(folder)
    corrected = parse_corrections([["rearing", 5, 9, "edited"]], run.behaviors, N_FRAMES)
    path, _ = write_corrections(tmp_path / "corrections", run, review.row, None, corrected)
    found = read_annotation(path, N_FRAMES, FPS, choice=AnnotationChoice(observation="m1"))
    track = label_tracks({"m1": found}, theirs, {"m1": N_FRAMES})["m1"]
    assert track.scored.all()
    assert np.flatnonzero(track.active[:, 0]).tolist() == [5, 6, 7, 8] and not track.active[:, 1].any()


def test_what_was_saved_is_taken_up_where_it_fits(tmp_path, caplog):
    run, (review,) = read_review_run(make_review_run(tmp_path / "run", {"m1": (Scene(), None)}))
    row, folder = review.row, tmp_path / "corrections"
    assert saved_state(folder, run, review) is None
    bouts = [["grooming", 0, 5, "model"], [BEHAVIORS[1], 7, 9, "human"]]
    path, csv_path = write_corrections(folder, run, row, None, parse_corrections(bouts, BEHAVIORS, N_FRAMES))
    description = json.loads(path.read_bytes())["observations"]["m1"]["description"]
    counts = json.dumps({"grooming": 5, BEHAVIORS[1]: 0}, separators=(",", ":"), ensure_ascii=False)
    words = "Of 2 bouts: 1 the model's; 1 a human's, unchanged; 0 edited. Frames of 300 with the model's label: "
    assert description.endswith(words + counts)
    as_labels = read_annotation(path, row.n_frames, row.fps, choice=AnnotationChoice(observation="m1"))
    (doubt,) = [note for note in as_labels.notes if isinstance(note, Doubt)]
    assert "1 of 2 bouts in m1.boris are a model's" in doubt
    found = saved_state(folder, run, review)
    assert (found["bouts"], found["started_from"], found["unsaved"]) == (bouts, "human", False)
    # A draft is newer, and knows what is done.
    draft = {"version": 1, "changed_at": "2026", "started_from": "model", "unsaved": True, "done": ["x"], "bouts": []}
    draft_path(folder, review).write_text(json.dumps(draft), encoding="utf-8")
    os.utime(csv_path, (1, 1))
    assert saved_state(folder, run, review) == draft | {"from_model": {name: [] for name in BEHAVIORS}}
    draft_path(folder, review).unlink()
    for other in (replace(row, n_frames=6), replace(row, fps=50.0)):
        assert saved_state(folder, run, replace(review, row=other)) is None
        assert "does not fit m1" in caplog.messages[-1]


def test_a_video_that_moved_is_found_by_its_name(lab, tmp_path):
    moved = tmp_path / "disk" / "2026" / "GONE.mp4"
    write_browser_video(moved)
    content = content_of(lab / "run é" / "review" / "gone.html")
    assert content["video"]["file"] is None
    assert "--videos FOLDER" in content["video"]["note"]
    out = tmp_path / "out"
    assert main(["review", str(lab / "run é"), "gone", "--videos", str(tmp_path / "disk"), "--output", str(out)]) == 0
    found = content_of(out / "gone.html")["video"]
    assert found["file"] == "../disk/2026/GONE.mp4"
    assert "not the same file" in found["note"]


def test_of_several_moved_videos_the_one_of_the_run_is_taken(lab, tmp_path):
    _, (review,) = read_review_run(lab / "run é", ["gone"])
    write_browser_video(tmp_path / "a" / "gone.mp4", n_frames=3)
    right = write_browser_video(tmp_path / "b" / "gone.mp4", n_frames=5)
    recording = replace(review.row, video_sha256=hashlib.sha256(right.read_bytes()).hexdigest())
    video = page_video(recording, tmp_path, files_by_name(tmp_path), lambda *_: None)
    assert (video.path, video.note) == (right, "")


def test_a_page_links_its_video_from_anywhere(tmp_path):
    assert relative_url(tmp_path / "a b" / "x#1.mp4", tmp_path / "run" / "review") == "../../a%20b/x%231.mp4"


def _settings(folder: Path) -> list[PostprocessConfig]:
    _, (review,) = read_review_run(folder)
    return [of[FULL] for of in review.timeline.settings]


def _choice(threshold: float, min_bout_s: float) -> Choice:
    return Choice(fixed_variants(PostprocessConfig(threshold=threshold, min_bout_s=min_bout_s)))


def test_settings_come_from_the_table_of_choices_where_there_is_one(tmp_path):
    folder = make_review_run(tmp_path / "run", {"a": (Scene(), None)}, behaviors=("grooming", "rearing"))
    assert {settings.threshold for settings in _settings(folder)} == {0.5}
    choices = Choices(
        {("grooming", "a"): _choice(0.4, 2.0)}, {"grooming": _choice(0.3, 1.0), "rearing": _choice(0.7, 0.5)}
    )
    rows = choice_rows(choices, ("grooming", "rearing"), ["a"])
    CHOICES.write(RunDir(folder), rows)
    assert [(settings.threshold, settings.min_bout_s) for settings in _settings(folder)] == [(0.4, 2.0), (0.7, 0.5)]


def test_what_is_wrong_is_said(tmp_path, capsys):
    folder = make_review_run(tmp_path / "run", {"mouse_1": (Scene(), None)})
    for arguments, words in [
        ([str(tmp_path)], "config.yaml"),
        ([str(folder), "mouse_2"], "Did you mean 'mouse_1'"),
        ([str(folder), "--videos", str(tmp_path / "none")], "There is no folder"),
    ]:
        assert main(["review", *arguments]) == 2
        assert words in capsys.readouterr().err
    (folder / "predictions" / "mouse_1.csv").unlink()
    with pytest.raises(InputError, match="predictions to review"):
        read_review_run(folder)


def test_modules_import_only_what_comes_before_them():
    for names in (scripts.REVIEW_SCRIPTS, scripts.INDEX_SCRIPTS):
        exported: dict[str, set[str]] = {}
        for name in names:
            text = (scripts.FOLDER / name).read_text(encoding="utf-8")
            imports = re.findall(r'^import \{ ([^}]*) \} from "\./([a-z_]+\.js)";$', text, re.MULTILINE)
            assert len(imports) == len(re.findall(r"^import ", text, re.MULTILINE)), name
            for words, source in imports:
                assert set(words.split(", ")) <= exported[source], (name, source)
            exported[name] = set(re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", text, re.MULTILINE))
            assert len(exported[name]) == len(re.findall(r"^export ", text, re.MULTILINE)), name
            assert len(text.splitlines()) < 400
    shipped = {path.name for path in scripts.FOLDER.glob("*.js")}
    assert shipped == set(scripts.REVIEW_SCRIPTS) | set(scripts.INDEX_SCRIPTS)
    assert not re.search(r"^(import|export) ", scripts.bundle(scripts.REVIEW_SCRIPTS), re.MULTILINE)
