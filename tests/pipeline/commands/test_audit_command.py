"""`audit`: a table with everything wrong that can be, and one with nothing wrong."""

import csv
import logging
from pathlib import Path

import numpy as np
import pytest

from features.video import inspection as video_module
from pipeline.audit import pictures as pictures_module
from pipeline.command_line import main
from pipeline.commands.audit import run_audit_command
from pipeline.config.schema import load_config
from pipeline.dataset import reading as reading_module
from pipeline.dataset.findings import rounded_rate
from pipeline.dataset.load import load_dataset
from pipeline.training.forecast import Forecast, forecast
from tests.features.made_videos import write_timed_video
from tests.lab import N_FRAMES, known_labels, make_embedded_lab, make_video_lab, write_labels, write_poses, write_table

BOUTS_S = "behavior,start_s,stop_s\ngrooming,1,3\nrearing,8,11\n"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


NO_FOLDS = ["--set", "cross_validation=none"]


class Audited:
    """What a call of the command left behind."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.exit_code = run_audit_command([*arguments, "--output", str(folder / "audit")])
        self.rows = {row["recording"]: row for row in rows_of(folder / "audit" / "audit.csv")}
        self.findings = rows_of(folder / "audit" / "audit_findings.csv")
        self.behaviors = rows_of(folder / "audit" / "audit_behaviors.csv")
        self.page = (folder / "audit" / "audit.html").read_text(encoding="utf-8")

    def said_of(self, recording: str, severity: str) -> str:
        return "\n".join(
            f"{row['found']} | {row['consequence']} | {row['remedy']}"
            for row in self.findings
            if (row["recording"], row["severity"]) == (recording, severity)
        )


@pytest.fixture(autouse=True)
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried of networks and heads, which takes seconds, but in the test of it."""
    monkeypatch.setattr("pipeline.commands.audit.forecast", lambda *_: Forecast("", 0, 0, 0.0, 1, 1.0))


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without a YAML the index of videos lies in the working folder's cache."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_recording(folder: Path, name: str, video: str, poses: str = "", labels: str = "") -> str:
    if not poses:
        poses = f"{name}_dlc.csv"
        write_poses(folder / poses, N_FRAMES)
    if not labels:
        labels = f"{name} labels.csv"
        write_labels(folder / labels, known_labels(1))
    return f"{name},{video},{poses},{labels},{name},,train"


def slower(frame: int) -> float:
    return 0.1 if frame < 60 else 0.2


def test_a_table_with_nothing_wrong(in_folder: Path, capsys: pytest.CaptureFixture[str]):
    make_video_lab(in_folder, n_train=2)
    audited = Audited(in_folder, "recordings.csv")
    assert audited.exit_code == 0 and audited.findings == []
    row = audited.rows["v1"]
    assert (row["n_frames"], row["n_frames_header"], row["n_pose_rows"], row["n_missing_frames"]) == ("120",) * 3 + (
        "0",
    )
    assert (float(row["fps"]), row["width_px"], row["codec"]) == (10.0, "64", "mjpeg")
    assert (row["first_labelled_frame"], row["last_labelled_frame"], float(row["unscored_share"])) == ("0", "119", 0)
    assert [r["n_frames"] for r in audited.behaviors if r["recording"] == "v1"] == list(
        map(str, known_labels(1).sum(axis=0))
    )
    shares = [float(r["share_of_scored"]) for r in audited.behaviors if r["recording"] == "v1"]
    assert shares == pytest.approx(known_labels(1).mean(axis=0), abs=1e-6)
    assert "Nothing would stop a run." in capsys.readouterr().out and "No problems were found" in audited.page


def test_everything_that_is_wrong_is_found_and_nothing_ends_the_look(in_folder: Path):
    whole = write_timed_video(in_folder / "plain.mp4", N_FRAMES).read_bytes()
    (in_folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    write_timed_video(in_folder / "varies.mp4", N_FRAMES, slower)
    write_timed_video(in_folder / "frozen.mp4", N_FRAMES, repeats=range(40, 80))
    write_timed_video(in_folder / "light.mp4", N_FRAMES, level=lambda frame: 60 if frame < 50 else 180)
    write_timed_video(in_folder / "dark.mp4", N_FRAMES, level=lambda frame: 12)
    write_timed_video(in_folder / "short.mp4", N_FRAMES - 2)
    (in_folder / "bouts.csv").write_text(BOUTS_S, encoding="utf-8")
    (in_folder / "other bouts.csv").write_text("behavior,start_s,stop_s\n", encoding="utf-8")
    write_poses(in_folder / "nose.csv", N_FRAMES, "<nose>")
    rows = [
        write_recording(in_folder, name, f"{name}.mp4") for name in ("cut", "gone", "frozen", "light", "dark", "short")
    ]
    rows.append(write_recording(in_folder, "varies", "varies.mp4", labels="bouts.csv"))
    rows.append(write_recording(in_folder, "nose", "plain.mp4", "nose.csv", "other bouts.csv"))
    write_table(in_folder, rows)
    audited = Audited(in_folder, "recordings.csv")
    assert audited.exit_code == 2
    assert set(audited.rows) == {"cut", "frozen", "light", "dark", "short", "varies", "nose"}
    assert "no file 'gone.mp4'" in audited.said_of("gone", "error")
    assert "'moov'" in audited.said_of("cut", "error")
    assert audited.rows["cut"]["n_pose_rows"] == str(N_FRAMES), "its poses are looked at all the same"
    said = audited.said_of("short", "error")
    assert "118 frames (decoded), the pose file has 120 rows, the labels have 120 rows" in said
    assert "at_most_frames: 2" in said and said.count("must be of the same frames") == 1
    assert "'midbody' is not in nose.csv. It has: <nose>" in audited.said_of("nose", "error")
    assert "holds no bout" in audited.said_of("nose", "warning")
    assert "From frame 40 nothing changes in the picture for 40 frames (4.0 s)" in audited.said_of("frozen", "warning")
    assert "abruptly 1 time: at frame 50 (57 to 172)" in audited.said_of("light", "warning")
    assert "The picture is dark" in audited.said_of("dark", "warning")
    said = audited.said_of("varies", "warning")
    assert "The frame rate of varies.mp4 is not constant" in said and "59 of 119 steps" in said
    assert "bouts.csv holds times in seconds" in said and "up to 20 frames" in said and "fps=10" in said
    assert audited.rows["varies"]["has_variable_rate"] == "1"
    assert 18 < float(audited.rows["varies"]["max_offset_frames"]) < 21
    assert "different frame rates" in audited.said_of("", "warning")
    assert "&lt;nose&gt;" in audited.page and "<nose>" not in audited.page
    assert all(row["found"] and row["remedy"] for row in audited.findings)


def test_a_cut_off_avi_is_told_with_its_numbers(in_folder: Path):
    make_video_lab(in_folder, n_train=1)
    whole = (in_folder / "v0.avi").read_bytes()
    (in_folder / "v0.avi").write_bytes(whole[: len(whole) // 2])
    audited = Audited(in_folder, "recordings.csv")
    n_frames = int(audited.rows["v0"]["n_frames"])
    said = audited.said_of("v0", "warning")
    assert f"promises 120 frames, but only {n_frames} can be decoded: {120 - n_frames} are missing" in said
    assert f"the video has {n_frames} frames" in audited.said_of("v0", "error")


def test_videos_are_decoded_once_for_audits_and_runs(in_folder: Path, monkeypatch: pytest.MonkeyPatch):
    config_path = make_video_lab(in_folder, n_train=3)
    first = Audited(in_folder, "--config", str(config_path))
    assert first.exit_code == 0

    def refuse(*arguments: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(video_module, "_inspect", refuse)
    assert Audited(in_folder, "--config", str(config_path)).rows == first.rows
    assert [item.n_frames for item in load_dataset(load_config(config_path))] == [N_FRAMES] * 3


def test_poses_and_labels_are_read_once_also_with_an_experiment(in_folder: Path, monkeypatch: pytest.MonkeyPatch):
    config_path = make_video_lab(in_folder, n_train=3)
    read: list[str] = []

    def counted(reader):
        def read_counted(path: Path, *arguments: object, **more: object) -> object:
            read.append(path.name)
            return reader(path, *arguments, **more)

        return read_counted

    for name in ("read_poses", "read_annotation"):
        monkeypatch.setattr(reading_module, name, counted(getattr(reading_module, name)))
    assert Audited(in_folder, str(config_path)).exit_code == 0
    assert sorted(read) == sorted([f"v{i}_dlc.csv" for i in range(3)] + [f"v{i} labels.csv" for i in range(3)])


def test_what_is_wrong_with_poses_is_said_once_and_every_annotators_labels_beside_them(in_folder: Path):
    make_video_lab(in_folder, n_train=1)
    write_labels(in_folder / "short.csv", known_labels(0)[:-5])
    write_labels(in_folder / "long.csv", np.vstack([known_labels(0), known_labels(0)[:4]]))
    write_table(in_folder, ["v0,v0.avi,v0_dlc.csv,Ada=v0 labels.csv;Bo=short.csv;Cy=long.csv,mouse0,,train"])
    said = Audited(in_folder, "recordings.csv").said_of("v0", "error")
    assert said.count("the pose file has 120 rows") == 2
    assert "the labels have 115 rows (short.csv)" in said and "the labels have 124 rows (long.csv)" in said
    write_poses(in_folder / "v0_dlc.csv", N_FRAMES - 1)
    said = Audited(in_folder, "recordings.csv").said_of("v0", "error")
    assert said.count("the pose file has 119 rows") == 1 and said.count("must be of the same frames") == 3


def test_with_an_experiment_its_behaviors_are_looked_for(in_folder: Path):
    config_path = make_video_lab(in_folder, n_train=2)
    (in_folder / "v1 labels.csv").write_text(
        "frame,groming,jumping\n" + "".join(f"{i},0,1\n" for i in range(N_FRAMES)), encoding="utf-8"
    )
    audited = Audited(in_folder, "recordings.csv", "--config", str(config_path), *NO_FOLDS)
    assert audited.exit_code == 0
    said = audited.said_of("v1", "warning")
    assert "no column 'grooming'" in said and "no column 'rearing'" in said
    assert "does not use: groming, jumping" in audited.said_of("", "note")
    assert audited.said_of("v0", "warning") == ""
    lost = Audited(in_folder, "--config", str(config_path), "--set", "behaviors={groom: gromming}")
    assert lost.exit_code == 2
    assert "'gromming' (for 'groom') is in none of the 2 annotation files. Did you mean" in lost.said_of("", "error")


def test_the_experiments_policy_and_keypoints_hold(in_folder: Path):
    config_path = make_video_lab(in_folder, n_train=1)
    write_labels(in_folder / "v0 labels.csv", known_labels(0)[:-2])
    write_poses(in_folder / "v0_dlc.csv", N_FRAMES, "nose")
    said = Audited(in_folder, "--config", str(config_path)).said_of("v0", "error")
    assert "118 rows" in said and "'midbody' is not in v0_dlc.csv" in said
    settings = ["--set", "center.keypoints=nose", "--set", "frames={policy: trim_to_shortest, at_most_frames: 2}"]
    settings += NO_FOLDS
    mended = Audited(in_folder, "--config", str(config_path), *settings)
    assert mended.exit_code == 0
    assert "the last 2 frames are unscored" in mended.said_of("v0", "note")
    assert float(mended.rows["v0"]["unscored_share"]) == pytest.approx(2 / N_FRAMES, abs=1e-6)
    unknown = ["--set", "frames={policy: shift, by_frames: {v7: 1}}"]
    assert "'v7'" in Audited(in_folder, "--config", str(config_path), *unknown).said_of("", "error")


def test_what_would_end_a_run_although_every_file_is_in_order(in_folder: Path):
    config_path = make_video_lab(in_folder, n_train=3)
    never_rears = known_labels(2) * np.array([True, False])
    write_labels(in_folder / "v2 labels.csv", never_rears)
    assert Audited(in_folder, "recordings.csv").exit_code == 0
    audited = Audited(in_folder, "--config", str(config_path))
    assert audited.exit_code == 2
    said = audited.said_of("", "error")
    assert "'rearing' occurs in recordings of 2 of the 3 training individuals" in said and "'grooming'" not in said
    assert Audited(in_folder, "--config", str(config_path), *NO_FOLDS).exit_code == 0
    one_animal = (in_folder / "recordings.csv").read_text(encoding="utf-8").replace("mouse1", "mouse0")
    (in_folder / "other.csv").write_text(one_animal, encoding="utf-8")
    said = Audited(in_folder, "other.csv", "--config", str(config_path)).said_of("", "error")
    assert said.count("at least 3 individuals; found 3 recordings of 2 individuals") == 1
    # The audit says what a run says, and no more.
    assert main([str(config_path), "--stage", "features"]) == 2


def test_classes_that_overlap_are_told_for_each_recording_and_else_how_balanced_they_are(in_folder: Path):
    config = make_video_lab(in_folder, n_train=4)
    arguments = [str(config), *NO_FOLDS, "--set", "task=exclusive"]
    labels = [known_labels(i) for i in range(4)]
    for i, own in enumerate(labels):
        own[:, 1] &= ~own[:, 0]
        write_labels(in_folder / f"v{i} labels.csv", own)
    audited = Audited(in_folder, *arguments)
    (note,) = [row["found"] for row in audited.findings if row["found"].startswith("Scored frames")]
    n_frames = {name: sum(int(own[:, c].sum()) for own in labels) for c, name in enumerate(("grooming", "rearing"))}
    rest = 4 * N_FRAMES - sum(n_frames.values())
    assert all(f"{name} {n:,} (" in note for name, n in (n_frames | {"other": rest}).items())
    for name in ("v1", "v3"):
        path = in_folder / f"{name} labels.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([lines[0], *lines[1:3], "2,1,1", *lines[4:]]) + "\n", encoding="utf-8")
    audited = Audited(in_folder, *arguments)
    assert audited.exit_code == 2
    for name, wrong in (("v0", False), ("v1", True), ("v2", False), ("v3", True)):
        said = audited.said_of(name, "error")
        assert ("frames 2 to 2" in said and "priority" in said) == wrong
    assert not audited.said_of("", "error")


def test_what_an_experiment_needs_of_the_table_is_an_error_only_with_one(in_folder: Path):
    config_path = make_video_lab(in_folder, n_train=2)
    write_labels(in_folder / "other.csv", known_labels(0))
    write_table(in_folder, ["v0,v0.avi,v0_dlc.csv,Ada=v0 labels.csv;Bo=other.csv,mouse0,,test"])
    assert Audited(in_folder, "recordings.csv").exit_code == 0
    audited = Audited(in_folder, "--config", str(config_path))
    assert "no recording with split `train`" in audited.said_of("", "error")
    assert "does not say which to use" in audited.said_of("v0", "error")
    assert {row["annotator"] for row in audited.behaviors} == {"Ada", "Bo"}


def test_embeddings_computed_elsewhere_are_audited_without_a_video(in_folder: Path):
    config_path = make_embedded_lab(in_folder, n_train=2, n_test=0)
    np.save(in_folder / "r1.npy", np.zeros((N_FRAMES - 5, 5), dtype=np.float32))
    audited = Audited(in_folder, "--config", str(config_path))
    assert audited.rows["r0"]["n_frames"] == str(N_FRAMES) and audited.said_of("r0", "error") == ""
    assert "115 frames" in audited.said_of("r1", "error")
    assert "What the network sees" not in audited.page


def test_the_page_shows_what_the_networks_would_see(in_folder: Path, monkeypatch: pytest.MonkeyPatch):
    config_path = make_video_lab(in_folder, n_train=3)
    write_poses(in_folder / "v1_dlc.csv", N_FRAMES - 1)
    monkeypatch.setattr(pictures_module, "MOST_RECORDINGS", 2)
    moments = "features=[frames, {source: frames, crop: {moments_s: [-0.2, 0, 0.2]}}]"
    page = Audited(in_folder, str(config_path), "--set", moments).page
    assert page.count("data:image/jpeg") == 2 * 4 + 2, "v1 does not fit together, and of v2 one frame is shown"
    assert "mobilenet_v2: −0.2 s, now, 0.2 s" in page and page.count("Red is the picture 0.2 s before") == 1
    page = Audited(in_folder, "recordings.csv").page
    assert page.count("data:image/jpeg") == 4 + 1 and "compact: the frame" in page and "Red is" not in page


def test_poses_of_another_size_and_unsure_poses_are_told(in_folder: Path):
    make_video_lab(in_folder, n_train=1)
    lines = ["scorer,s,s,s", "bodyparts,midbody,midbody,midbody", "coords,x,y,likelihood"]
    lines += [f"{i},{300 if i < 60 else 30},30,{0.9 if i % 30 < 15 else 0.2}" for i in range(N_FRAMES)]
    (in_folder / "v0_dlc.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    audited = Audited(in_folder, "recordings.csv")
    said = audited.said_of("v0", "warning")
    assert "50.0% of the positions in v0_dlc.csv lie outside the picture of 64 x 64 px" in said
    assert "50% of the positions of midbody in v0_dlc.csv are missing or below the likelihood 0.6" in said
    assert "In 50% of the frames the animal is not observed" in said
    assert float(audited.rows["v0"]["low_likelihood_share"]) == 0.5


def test_bouts_that_end_long_before_the_video_are_pointed_out(in_folder: Path):
    make_video_lab(in_folder, n_train=1)
    (in_folder / "v0 labels.csv").write_text("behavior,start_frame,stop_frame\ngrooming,2,50\n", encoding="utf-8")
    audited = Audited(in_folder, "recordings.csv")
    assert "The last 70 of 120 frames hold no bout" in audited.said_of("v0", "note")
    assert (audited.rows["v0"]["last_labelled_frame"], audited.rows["v0"]["frames_after_last_label"]) == ("49", "70")


def test_a_run_notes_what_the_audit_warns_of(in_folder: Path, caplog: pytest.LogCaptureFixture):
    config_path = make_video_lab(in_folder, n_train=1)
    write_timed_video(in_folder / "varies.mp4", N_FRAMES, slower)
    (in_folder / "bouts.csv").write_text(BOUTS_S, encoding="utf-8")
    write_table(in_folder, [write_recording(in_folder, "varies", "varies.mp4", labels="bouts.csv")])
    with caplog.at_level(logging.WARNING):
        (item,) = load_dataset(load_config(config_path))
    rate, seconds = item.notes
    assert rate.startswith("varies: The frame rate of varies.mp4 is not constant")
    assert seconds.startswith("varies: bouts.csv holds times in seconds") and "up to 20 frames" in seconds
    assert rate in caplog.text and seconds in caplog.text
    audited = Audited(in_folder, str(config_path))
    for row in audited.findings:
        if row["severity"] == "warning":
            assert f"{row['recording']}: {row['found']} {row['consequence']}" in item.notes


def test_what_is_true_of_many_recordings_is_printed_once_and_kept_for_each(
    in_folder: Path, capsys: pytest.CaptureFixture[str]
):
    config_path = make_embedded_lab(in_folder, n_train=6, n_test=0)
    for i in range(1, 6):
        (in_folder / f"r{i} labels.csv").write_text(
            "behavior,start_frame,stop_frame\ngrooming,2,110\n", encoding="utf-8"
        )
    audited = Audited(in_folder, str(config_path), *NO_FOLDS)
    never = [row for row in audited.findings if "never names 'rearing'" in row["found"]]
    assert [row["recording"] for row in never] == [f"r{i}" for i in range(1, 6)]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "never names" in line]
    assert line == (
        "note 5 recordings (r1, r2, r3, r4, r5): r1 labels.csv never names 'rearing'. (Likewise of the other 4.)"
    )
    assert audited.page.count("never names") == 1 and audited.rows["r5"]["n_notes"] == "1"


def test_what_only_follows_from_another_error_is_not_said(in_folder: Path):
    config_path = make_embedded_lab(in_folder, n_train=3, n_test=0)
    table = (in_folder / "recordings.csv").read_text(encoding="utf-8")
    settings = ["--set", "frames={policy: shift, by_frames: {r1: 1}}", *NO_FOLDS]
    (in_folder / "recordings.csv").write_text(table.replace(".npy", ".npz"), encoding="utf-8")
    audited = Audited(in_folder, str(config_path), *settings)
    assert [row["recording"] for row in audited.findings] == ["r0", "r1", "r2"]
    assert all("no file" in row["found"] for row in audited.findings)

    (in_folder / "recordings.csv").write_text(table, encoding="utf-8")
    for name in ("r0", "r2"):  # which may be those that have it
        (in_folder / f"{name} labels.csv").write_text(
            "behavior,start_frame,stop_frame\nrearing,x,1\n", encoding="utf-8"
        )
    bouts = "behavior,start_frame,stop_frame\nrearing,2,60\n"
    (in_folder / "r1 labels.csv").write_text(bouts, encoding="utf-8")
    audited = Audited(in_folder, str(config_path), *NO_FOLDS)
    assert {row["recording"] for row in audited.findings if row["severity"] == "error"} == {"r0", "r2"}
    misspelt = Audited(in_folder, str(config_path), *NO_FOLDS, "--set", "behaviors={rearing: raering}")
    said = misspelt.said_of("", "error")
    assert "'raering' (for 'rearing') is in none of the 1 annotation files that could be read (2 could not)." in said


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("behavior,start_frame,stop_frame\nsniffing,2,60\n",
         "r1 labels.csv holds bouts of other behaviors, but none of grooming, rearing."),
        ("behavior,start_frame,stop_frame\n", "r1 labels.csv holds no bout."),
        ("frame,grooming,rearing\n" + "".join(f"{i},{int(i < 9)},{'' if i < 30 else 0}\n" for i in range(N_FRAMES)),
         "12\u00a0% of the labels in r1 labels.csv are unscored (25\u00a0% of those of 'rearing')."),
        ("frame,grooming,rearing\n" + "".join(f"{i},,-1\n" for i in range(N_FRAMES)), "holds no scored frame."),
        ("frame,grooming\n" + "".join(f"{i},{int(i < 9)}\n" for i in range(N_FRAMES)), "has no column 'rearing'."),
    ],
)  # fmt: skip
def test_what_labels_lack_is_a_warning_of_audits_and_runs_alike(
    in_folder: Path, labels: str, said: str, caplog: pytest.LogCaptureFixture
):
    config_path = make_embedded_lab(in_folder, n_train=3, n_test=0)
    (in_folder / "r1 labels.csv").write_text(labels, encoding="utf-8")
    audited = Audited(in_folder, str(config_path), *NO_FOLDS)
    (warning,) = [row for row in audited.findings if row["severity"] == "warning"]
    assert warning["recording"] == "r1" and warning["found"].endswith(said) and audited.exit_code == 0
    item = load_dataset(load_config(config_path))[1]
    assert item.notes == (f"r1: {warning['found']} {warning['consequence']}",)
    assert caplog.text.count(said) == 1


def test_the_part_that_was_scored_is_kept_to_by_audits_and_runs(in_folder: Path):
    config_path = make_embedded_lab(in_folder, n_train=3, n_test=0)
    table = in_folder / "recordings.csv"
    table.write_text(
        table.read_text(encoding="utf-8").replace("r1 labels.csv", "r1 labels.csv#scored=0-6s"), encoding="utf-8"
    )
    audited = Audited(in_folder, str(config_path), *NO_FOLDS)
    assert audited.rows["r1"]["annotations"] == "r1 labels.csv#scored=0-6s"
    assert float(audited.rows["r1"]["unscored_share"]) == 0.5
    assert "50\u00a0% of the labels in r1 labels.csv are unscored" in audited.said_of("r1", "warning")
    assert "2 bouts lie outside of #scored=0-6s" in audited.said_of("r1", "note")
    item = load_dataset(load_config(config_path))[1]
    assert item.labels is not None and item.labels.scored[:60].all() and not item.labels.scored[60:].any()
    assert item.labels.active[:60].tolist() == known_labels(1)[:60].tolist() and not item.labels.active[60:].any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name what to audit"),
        (["nothing.yaml"], "nothing.yaml"),
        (["recordings.csv", "--set", "seed=1"], "Add --config"),
        (["nothing.csv"], "nothing.csv"),
        (["--config", "nothing.yaml"], "nothing.yaml"),
    ],
)
def test_what_cannot_be_audited_is_one_paragraph(
    in_folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    assert main(["audit", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error.replace("\n", " ") and error.startswith("Error: ") and "\n" not in error


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["audit", "--help"])
    assert ended.value.code == 0
    assert "0 = nothing that would stop a run" in capsys.readouterr().out


def test_rates_that_were_rounded_are_recognised():
    assert rounded_rate(30, 30000 / 1001) == pytest.approx(29.97, abs=0.001)
    assert rounded_rate(24, 24000 / 1001) == pytest.approx(23.976, abs=0.001)
    assert rounded_rate(30, 30.0) is None and rounded_rate(29.97, 29.97) is None and rounded_rate(30, 25.0) is None


@pytest.mark.shared
def test_real_recordings_would_run(shared_dir: Path, in_folder: Path):
    audited = Audited(in_folder, str(shared_dir / "data" / "mouse_arena" / "recordings.csv"))
    assert audited.exit_code == 0
    assert {row["n_frames"] for row in audited.rows.values()} == {"2000"}
    assert {float(row["on_animal_share"]) for row in audited.rows.values()} == {1.0}
    assert "brightness changes abruptly" in audited.said_of("arena_1", "warning")


@pytest.mark.shared
@pytest.mark.parametrize("behaviors", ["{social: social, bite: bite}", "{chase: chase, bite: bite}"])
def test_the_rats_with_and_without_a_second_stream(shared_dir: Path, in_folder: Path, behaviors: str):
    config_path = make_embedded_lab(in_folder, n_train=0, n_test=0)
    rows = []
    for name, n_frames in {"rat01": 14734, "rat03": 15283, "rat17": 13984}.items():
        np.save(in_folder / f"{name}.npy", np.zeros((n_frames, 2), dtype=np.float32))
        annot = (shared_dir / "data" / "field" / "caltech-streams" / f"{name}_annot.txt").as_posix()
        rows.append(f"{name},{name}.npy,,{annot},{name},,train")
    write_table(in_folder, rows)
    settings = ["--set", f"behaviors={behaviors}", *NO_FOLDS]
    audited = Audited(in_folder, str(config_path), *settings)
    assert audited.exit_code == 0
    assert "the stream S1 can be read, while 'bite'" in audited.said_of("rat17", "warning")
    assert audited.said_of("rat01", "warning") == ""
    never = "holds bouts of other behaviors, but none of chase, bite." in audited.said_of("rat03", "warning")
    assert never == ("chase" in behaviors)
    # A channel that isn't there stops the run, and nothing is said that only follows from it.
    write_table(in_folder, [row.replace("rat01_annot.txt", "rat01_annot.txt#subject=black") for row in rows])
    errors = [row for row in Audited(in_folder, str(config_path), *settings).findings if row["severity"] == "error"]
    assert [row["recording"] for row in errors] == ["rat01"] and "no stream 'black'" in errors[0]["found"]


def test_it_says_how_long_a_run_takes_on_which_device(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.commands.audit.forecast", forecast)
    config = make_video_lab(in_folder)
    quick = ["--set", "baseline=none", "--set", "head={name: logistic}"]
    assert Audited(in_folder, str(config), *quick).exit_code == 0
    told = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("How long a run takes"))
    assert "3 recordings, 360 crops or rows of features: about" in told
    assert "8 heads: about" in told
    assert "networks by tensorflow, heads by tensorflow on" in told
    # Nothing is kept of what was tried.
    assert not list(in_folder.glob("cache/*.h5"))
