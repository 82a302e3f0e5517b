"""A class of a whole recording, which stands in the table of recordings and in no file."""

from pathlib import Path

import pytest

from common.errors import InputError
from pipeline.annotations import FrameTable, read_annotation
from pipeline.dataset.labels import label_tracks
from pipeline.dataset.table import read_recordings


def table(folder: Path, *cells: str) -> Path:
    for number in range(len(cells)):
        (folder / f"c{number}.avi").write_bytes(b"0")
    rows = [f"c{number},c{number}.avi,{cell},train" for number, cell in enumerate(cells)]
    path = folder / "recordings.csv"
    path.write_text("\n".join(["recording,video,annotations,split", *rows]) + "\n", encoding="utf-8")
    return path


def test_each_frame_has_the_class_and_no_other(tmp_path):
    cells = ("every_frame:rearing", "every_frame:rearing", "Ann=every_frame:wall rearing#scored=1-3")
    labels = {}
    for recording in read_recordings(table(tmp_path, *cells)):
        ((annotator, path),) = recording.annotation_paths.items()
        labels[recording.id] = read_annotation(path, 5, 30.0, choice=recording.annotation_choices[annotator])
    assert all(isinstance(found, FrameTable) and found.format == "every_frame" for found in labels.values())
    tracks = label_tracks(labels, {"a": ["rearing"], "b": ["wall rearing"]}, dict.fromkeys(labels, 5))
    assert tracks["c0"].active.all(axis=0).tolist() == [True, False] and not tracks["c0"].active[:, 1].any()
    assert tracks["c0"].scored.all() and tracks["c1"].scored.all()
    assert tracks["c2"].scored[:, 1].tolist() == tracks["c2"].active[:, 1].tolist() == [False, True, True, False, False]
    with pytest.raises(InputError, match=r"'rear' is in none of .*rearing in rearing"):
        label_tracks(labels, {"rear": ["rear"]}, dict.fromkeys(labels, 5))


@pytest.mark.parametrize("cell", ["every_frame:", "every_frme:grooming"])
def test_a_cell_without_class_or_of_another_form_is_refused(tmp_path, cell):
    with pytest.raises(InputError, match=r"row 2, column 'annotations'"):
        read_recordings(table(tmp_path, cell))
