"""Behaviors that are in one stream of some files, and in no stream of others."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from pipeline.annotations import AnnotationChoice, EventList, read_annotation
from pipeline.dataset.label_findings import behavior_findings, label_findings
from pipeline.dataset.labels import LabelTrack, label_tracks

N_FRAMES = 20
HEAD = [
    "Caltech Behavior Annotator - Annotation File",
    "",
    "Configuration file:",
    "base\tz",
    "social\ts",
    "bite\tb",
    "",
]
S1 = ["S1:\tstart\tend\ttype", "----", "\t1\t10\tsocial", "\t11\t20\tbase", ""]
S2 = ["S2:\tstart\tend\ttype", "----", "\t1\t14\tbase", "\t15\t20\tbite", ""]
BOTH = {"social": ["social"], "bite": ["bite"]}
FIELD_FRAMES = {"rat01": 14734, "rat03": 15283, "rat17": 13984}


def write(folder: Path, name: str, *streams: list[str]) -> Path:
    path = folder / f"{name}.txt"
    path.write_text("\n".join([*HEAD, *(line for stream in streams for line in stream)]) + "\n", encoding="utf-8")
    return path


def read(path: Path, n_frames: int = N_FRAMES, **choice) -> EventList:
    found = read_annotation(path, n_frames, 25.0, choice=AnnotationChoice(**choice))
    assert isinstance(found, EventList)
    return found


def tracks(files: dict[str, EventList], behaviors: dict[str, list[str]], **more) -> dict[str, LabelTrack]:
    return label_tracks(files, behaviors, dict.fromkeys(files, N_FRAMES), **more)


def said(files: dict[str, EventList], behaviors: dict[str, list[str]], n_frames=N_FRAMES) -> list[tuple[str, str, str]]:
    lengths = n_frames if isinstance(n_frames, dict) else dict.fromkeys(files, n_frames)
    found = label_findings({(name, ""): file for name, file in files.items()}, behaviors, lengths)
    return [(finding.severity, finding.recording, finding.found) for finding in found]


def test_streams_are_read_together_and_each_is_scored_where_it_is(tmp_path):
    files = {"both": read(write(tmp_path, "both", S1, S2)), "one": read(write(tmp_path, "one", S1))}
    labels = tracks(files, BOTH)
    assert labels["both"].scored.all() and labels["both"].active.sum(axis=0).tolist() == [10, 6]
    assert labels["one"].scored[:, 0].all() and not labels["one"].scored[:, 1].any()
    assert said(files, BOTH) == [
        ("warning", "one", "Of one.txt, the stream S1 can be read, while 'bite' is in S2 of other files.")
    ]


def test_a_stream_that_is_there_was_watched_for_what_it_holds_elsewhere(tmp_path):
    never = [line.replace("bite", "base") for line in S2]
    files = {"a": read(write(tmp_path, "a", S1, S2)), "b": read(write(tmp_path, "b", S1, never))}
    labels = tracks(files, {"bite": ["bite"]})
    assert labels["b"].scored.all() and not labels["b"].active.any()
    # Once: that it never names 'bite' follows from it.
    assert [told for told in said(files, {"bite": ["bite"]}) if told[1] == "b"] == [
        ("warning", "b", "b.txt holds bouts of other behaviors, but none of bite.")
    ]


def test_a_behavior_of_no_stream_is_unscored_where_its_name_is_known_from_elsewhere(tmp_path):
    files = {"one": read(write(tmp_path, "one", S1))}
    assert not tracks(files, {"bite": ["bite"]}, is_known=True)["one"].scored.any()
    with pytest.raises(InputError, match=r"'bite' is in none of the 1"):
        tracks(files, {"bite": ["bite"]})


def test_a_behavior_of_two_streams_is_an_error_only_where_it_is_asked_for(tmp_path):
    path = write(tmp_path, "both", S1, S2)
    assert tracks({"both": read(path)}, BOTH)["both"].scored.all()
    with pytest.raises(InputError, match=r"'base' can't be read.*streams S1, S2.*#subject=S1.*#subject=S1\+S2"):
        tracks({"both": read(path)}, {"base": ["base"]})
    for subject, n_frames in (("S1", 10), ("s2", 14), ("S1+S2", 20)):
        assert tracks({"both": read(path, subject=subject)}, {"base": ["base"]})["both"].active.sum() == n_frames


def test_a_stream_that_is_named_and_missing_leaves_all_unscored(tmp_path):
    files = {"a": read(write(tmp_path, "a", S1, S2), subject="S2"), "b": read(write(tmp_path, "b", S1), subject="S2")}
    labels = tracks(files, {"bite": ["bite"]})
    assert labels["a"].scored.all() and not labels["b"].scored.any()
    assert files["b"].notes == ("b.txt has no stream S2 (it has S1), so that nothing in it is scored.",)
    assert said(files, {"bite": ["bite"]}) == [("warning", "b", "b.txt holds no scored frame.")]
    with pytest.raises(InputError, match=r"no stream 'black' here. It has: S1"):
        read(write(tmp_path, "b", S1), subject="black")


def test_beyond_its_lines_a_stream_was_not_scored(tmp_path):
    short = [*S1[:3], "\t11\t16\tbase", ""]
    labels = tracks({"short": read(write(tmp_path, "short", short, S2))}, BOTH)["short"]
    assert labels.scored[:16].all() and not labels.scored[16:].any()
    holed = [*S1[:2], "\t1\t5\tsocial", "\t9\t20\tbase", ""]
    labels = tracks({"holed": read(write(tmp_path, "holed", holed, S2))}, BOTH)["holed"]
    assert np.flatnonzero(~labels.scored.all(axis=1)).tolist() == [5, 6, 7]


def test_animals_in_streams_of_their_own_were_watched_for_everything(tmp_path):
    path = write(tmp_path, "both", S1, S2)
    files = {animal: read(path, animal=animal) for animal in ("S1", "S2")}
    labels = tracks(files, BOTH)
    assert labels["S1"].scored.all() and labels["S1"].active.sum(axis=0).tolist() == [10, 0]
    assert labels["S2"].scored.all() and labels["S2"].active.sum(axis=0).tolist() == [0, 6]


def test_a_behavior_that_changes_its_stream_is_told(tmp_path):
    moved = [line.replace("base", "bite") for line in S1]
    files = [read(write(tmp_path, f"f{i}", S1, S2)) for i in range(2)] + [read(write(tmp_path, "slip", moved))]
    (finding,) = [f for f in behavior_findings({"m": files}, {"bite": ["bite"]}) if f.severity == "warning"]
    assert finding.found == "'bite' is in several streams: S2 (in 2 files), S1 (in 1 files)."
    alone = tracks({**dict(zip("abc", files, strict=True)), "d": read(write(tmp_path, "d", S1))}, {"bite": ["bite"]})
    assert alone["c"].active.sum() == 10 and not alone["d"].scored.any(), "one slip makes no file negative"


def test_channels_may_be_named_together(tmp_path):
    lines = ["Bento annotation file", "", "Ch1----------", ">social", "Start Stop Duration", "1 4 3", "",
             "Ch2----------", ">bite", "Start Stop Duration", "3 6 3"]  # fmt: skip
    path = tmp_path / "m.annot"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="2 channels"):
        read(path)
    labels = tracks({"m": read(path, subject="Ch1+Ch2")}, BOTH)["m"]
    assert labels.scored.all() and labels.active.sum(axis=0).tolist() == [4, 4]


@pytest.mark.shared
@pytest.mark.parametrize("behaviors", [["chase", "bite"], ["social", "bite"]])
@pytest.mark.parametrize("subject", ["", "S1+S2"])
def test_the_rats(shared_dir: Path, behaviors, subject):
    folder = shared_dir / "data" / "field" / "caltech-streams"
    files = {
        name: read(folder / f"{name}_annot.txt", n_frames, subject=subject) for name, n_frames in FIELD_FRAMES.items()
    }
    asked = {name: [name] for name in behaviors}
    labels = label_tracks(files, asked, FIELD_FRAMES)
    assert labels["rat01"].scored.all() and labels["rat03"].scored.all()
    assert labels["rat01"].active.any(axis=0).all()
    scored = [name == "social" for name in behaviors]
    assert labels["rat17"].scored.all(axis=0).tolist() == scored == labels["rat17"].scored.any(axis=0).tolist()
    warnings = {(name, found) for severity, name, found in said(files, asked, FIELD_FRAMES) if severity == "warning"}
    lacking = "'bite', 'chase' are" if "chase" in behaviors else "'bite' is"
    expected = {("rat17", f"Of rat17_annot.txt, the stream S1 can be read, while {lacking} in S2 of other files.")}
    if "chase" in behaviors:
        expected.add(("rat03", "rat03_annot.txt holds bouts of other behaviors, but none of chase, bite."))
    assert warnings == expected
    frames, _ = files["rat01"].frames_of("bite", FIELD_FRAMES["rat01"]) or pytest.fail("bite is missing")
    assert np.flatnonzero(np.diff(frames.astype(int)) == 1).size == 7
