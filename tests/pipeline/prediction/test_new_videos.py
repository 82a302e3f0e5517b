"""New videos of several animals: a recording for each, unless the run is of pairs or of the one that it names."""

from pathlib import Path

import pytest

from pipeline.config.schema import load_config
from pipeline.dataset.load import load_recordings
from pipeline.prediction.new_videos import POSES_BESIDE, is_by_animal, recordings_of_videos
from pipeline.run_folder.recordings import RecordingRow
from tests.lab import write_poses
from tests.pipeline.dataset.test_animals import ANIMALS, make_pair_lab, write_both_tracks


def test_each_animal_of_a_new_video_is_a_recording(tmp_path: Path):
    config = load_config(make_pair_lab(tmp_path, n_videos=2))
    (tmp_path / "w0_light.avi").write_bytes((tmp_path / "w1.avi").read_bytes())
    write_poses(tmp_path / "w0_lightDLC.csv", 120)
    recordings, notes = recordings_of_videos([tmp_path], [POSES_BESIDE])
    # An id that a video has already is nobody else's.
    assert [(r.id, r.animal, r.partner) for r in recordings] == [
        ("w0_dark", "dark", "light"),
        ("w0_light_2", "light", "dark"),
        ("w0_light", "", ""),
        ("w1_dark", "dark", "light"),
        ("w1_light", "light", "dark"),
    ]
    assert "w0_dlc.csv holds dark, light: a row for each, with the other as its partner." in notes
    assert len({recording.individual for recording in recordings}) == 5
    for item in load_recordings(config, recordings[3:]):
        assert item.centers is not None and item.centers.xy_px[0, 0] == ANIMALS[item.recording.animal]
    whole, _ = recordings_of_videos([tmp_path / "w0.avi"], [POSES_BESIDE], by_animal=False)
    assert [(recording.id, recording.animal) for recording in whole] == [("w0", "")]


def test_rows_of_more_than_two_animals_name_no_partner(tmp_path: Path):
    make_pair_lab(tmp_path, n_videos=1)
    write_both_tracks(tmp_path / "w0_dlc.csv")
    lines = (tmp_path / "w0_dlc.csv").read_text(encoding="utf-8").splitlines()
    third = ("sim,sim,sim", "gray,gray,gray", "midbody,midbody,midbody", "x,y,likelihood", *["3,3,1"] * 120)
    text = "".join(f"{line},{more}\n" for line, more in zip(lines, third, strict=True))
    (tmp_path / "w0_dlc.csv").write_text(text, encoding="utf-8")
    recordings, _ = recordings_of_videos([tmp_path / "w0.avi"], [POSES_BESIDE])
    assert [(recording.id, recording.partner) for recording in recordings] == [
        ("w0_dark", ""), ("w0_light", ""), ("w0_gray", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("override", "animal", "expected"),
    [
        ("seed=0", "", True),
        ("center.individual=dark", "", False),
        ("features=[frames, {source: poses, pair: [dark, light]}]", "", False),
        ("crop.around=pair", "", False),
        ("crop.around=pair", "dark", True),
    ],
)
def test_what_a_run_is_of_tells_whether_new_videos_are_by_animal(
    tmp_path: Path, override: str, animal: str, expected: bool
):
    config = load_config(make_pair_lab(tmp_path, n_videos=1), [override])
    row = RecordingRow("w0", "cross_validation", "m", "", "w0.avi", 10.0, 120, 0, animal=animal)
    assert is_by_animal(config, [row]) is expected
