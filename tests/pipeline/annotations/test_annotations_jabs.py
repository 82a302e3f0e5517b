"""JABS' labels: what is in no block was not scored, and each mouse has its own."""

import json
from pathlib import Path

import pytest

from common.errors import InputError
from common.notes import Doubt
from pipeline.annotations import AnnotationChoice, read_annotation, tells_animals_apart


def block(start: int, end: int, present: bool) -> dict[str, object]:
    return {"start": start, "end": end, "present": present}


CONTENT = {
    "version": 1,
    "file": "m1.avi",
    "num_frames": 12,
    "labels": {"0": {"Walking": [block(2, 3, True)]}},
    "unfragmented_labels": {
        "0": {"Walking": [block(2, 4, True), block(7, 7, False)], "Rearing": [block(0, 11, False)]},
        "1": {"Walking": [block(11, 11, True)]},
    },
    "external_identities": {"0": 17, "1": "B"},
}


def write(path: Path, **changed: object) -> Path:
    path.write_text(json.dumps(CONTENT | changed), encoding="utf-8")
    return path


def test_blocks_become_scored_frames(tmp_path):
    found = read_annotation(write(tmp_path / "a.json"), 12, 30.0, choice=AnnotationChoice(subject="17"))
    assert found.behaviors == ("Walking", "Rearing")
    active, scored = found.frames_of("Walking", 12)
    assert [i for i in range(12) if active[i]] == [2, 3, 4] and [i for i in range(12) if scored[i]] == [2, 3, 4, 7]
    active, scored = found.frames_of("Rearing", 12)
    assert not active.any() and scored.all()
    assert found.frames_of("Grooming", 12) is None, "nobody scored it"


def test_the_mouse_is_named_or_the_only_one_that_shows_a_behavior(tmp_path):
    path = write(tmp_path / "a.json")
    assert tells_animals_apart(path)
    assert read_annotation(path, 12, 30.0, choice=AnnotationChoice(animal="B")).frames_of("Walking", 12)[0][11]
    assert read_annotation(path, 12, 30.0, choice=AnnotationChoice(animal="1")).frames_of("Walking", 12)[0][11]
    assert read_annotation(path, 12, 30.0, behaviors=["Rearing"]).behaviors == ("Rearing",)
    with pytest.raises(InputError, match="holds 2 animals: 17, B"):
        read_annotation(path, 12, 30.0)
    old = write(tmp_path / "b.json", unfragmented_labels=None, external_identities={})
    assert read_annotation(old, 12, 30.0).active[:, 0].nonzero()[0].tolist() == [2, 3]


def test_faults_and_doubts(tmp_path):
    for wrong in (block(5, 12, True), block(5, 4, True)):
        with pytest.raises(InputError, match=r"blocks of 'Walking' within the frames 0 to 11, found one from 5"):
            read_annotation(write(tmp_path / "a.json", unfragmented_labels={"0": {"Walking": [wrong]}}), 12, 30.0)
    with pytest.raises(InputError, match=r"Expected a JABS label file.*num_frames"):
        read_annotation(write(tmp_path / "a.json", num_frames="many"), 12, 30.0)
    found = read_annotation(write(tmp_path / "a.json"), 12, 30.0, video_name="other.mp4", behaviors=["Rearing"])
    assert [type(note) for note in found.notes] == [Doubt] and "m1.avi" in found.notes[0]
