"""Corrections of a review in the place of annotations, and a table of recordings that names them."""

import json
import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from common.errors import InputError
from common.places import all_told, path_from
from pipeline.annotations import AnnotationChoice
from pipeline.command_line import main
from pipeline.config.schema import ExperimentConfig, dump_config, load_config
from pipeline.dataset.corrections.table import write_recordings_table
from pipeline.dataset.corrections.taken import with_corrections
from pipeline.dataset.load import load_dataset, notes_on
from pipeline.dataset.table import read_recordings
from pipeline.review.corrections import parse_corrections, with_earlier, write_corrections
from pipeline.review.next_run import TABLE, next_command
from pipeline.review.run_reading import read_review_run
from pipeline.run_folder.reading import Run
from tests.lab import BEHAVIORS, N_FRAMES, known_labels, make_embedded_lab, write_labels
from tests.pipeline.review.review_runs import Scene, make_review_run


def make_lab(folder: Path, predicted_only: str = "r1") -> ExperimentConfig:
    path = make_embedded_lab(folder)
    table = folder / "recordings.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    lines = [line.removesuffix("train") if line.startswith(predicted_only) else line for line in lines]
    table.write_text("\n".join(lines), encoding="utf-8")
    return load_config(path)


def correct(folder: Path, recording: str, bouts: list[tuple[str, int, int]], n_frames: int = N_FRAMES) -> Path:
    """A run's folder in which a recording was corrected."""
    if not folder.exists():
        make_review_run(folder, {recording: (Scene(fps=10.0), None)}, BEHAVIORS)
    run, reviews = read_review_run(folder)
    names = {name: [name] for name in BEHAVIORS}
    run = replace(run, config={**run.config, "head": {}, "behaviors": names})
    row = replace(reviews[0].row, recording=recording, n_frames=n_frames)
    corrected = parse_corrections([[*bout, "edited"] for bout in bouts], BEHAVIORS, n_frames)
    write_corrections(folder / "corrections", run, row, None, corrected)
    return folder


def test_corrected_recordings_have_these_labels_and_the_later_run_counts(tmp_path: Path, caplog):
    config = make_lab(tmp_path)
    first = correct(tmp_path / "runs" / "first", "r0", [("grooming", 3, 9)])
    correct(first, "r1", [("rearing", 0, 120)])
    second = correct(tmp_path / "runs" / "zweiter ä", "r0", [("grooming", 50, 60)])
    before = {item.id: item for item in load_dataset(config)}
    corrected = config.model_copy(update={"corrections": (str(first), str(second))})
    after = {item.id: item for item in load_dataset(corrected)}
    grooming, rearing = after["r0"].labels.active.T
    assert [grooming.sum(), grooming[50:60].all(), rearing.any()] == [10, True, False]
    assert after["r0"].labels.scored.all()
    assert (before["r1"].subset, after["r1"].subset) == ("predict", "cross_validation")
    assert after["r1"].labels.active.sum(axis=0).tolist() == [0, 120]
    assert (after["r2"].labels.active == before["r2"].labels.active).all()
    assert [after[name].subset for name in ("r0", "r2", "r4")] == ["cross_validation", "cross_validation", "test"]
    assert config.identity() != corrected.identity()
    assert notes_on(list(after.values()))[0].endswith("table's for r0, r1.")


def test_what_cannot_be_taken_is_told_in_a_paragraph(tmp_path: Path, capsys):
    config = make_lab(tmp_path)
    recordings = read_recordings(Path(config.recordings))
    run = correct(tmp_path / "run", "r0", [("grooming", 3, 9)])
    (tmp_path / "empty").mkdir()
    for place, said in (("nowhere", "no folder"), ("empty", "review .*empty --serve")):
        with pytest.raises(InputError, match=said):
            with_corrections(recordings, [str(tmp_path / place)])
    with pytest.raises(InputError, match="of r0, but the table of recordings has no such row"):
        with_corrections(recordings[1:], [str(run)])
    (run / "corrections" / "r0.boris").unlink()
    with pytest.raises(InputError, match=r"r0\.boris is missing.*Open the review"):
        with_corrections(recordings, [str(run)])
    # `audit` lists what would stop the run.
    yaml = str(tmp_path / "experiment.yaml")
    assert main(["audit", yaml, "--set", f"corrections={run.as_posix()}", "--output", str(tmp_path / "audit")]) == 2
    assert "r0.boris is missing" in capsys.readouterr().out.replace("\n", "")


def test_a_table_that_lies_elsewhere_reads_back_as_the_same_recordings(tmp_path: Path):
    lab = tmp_path / "lab é"
    lab.mkdir()
    for n in range(1, 4):
        write_labels(lab / f"day {n}.csv", known_labels(0))
    for name in ("a.mp4", "b.mp4", "c#1.mp4", "p.csv", "q.json", "r.json"):
        (lab / name).write_bytes(b"nothing of these is read")
    rows = [
        "recording,video,poses,annotations,individual,group,split,animal,partner,fps",
        "a,a.mp4,blob,anna=frame_csv:day 1.csv;ben=day 2.csv#scored=0-5s,m1,HD,train,,,29.97",
        "b1,b.mp4,p.csv,q.json#observation=o 1#subject=dark,m2,,test,ind1,ind2,",
        "b2,b.mp4,p.csv,,m3,,,ind2,ind1,",
        "c,c#1.mp4,r.json#sequence=s1,,,,,,,",
        "d,,day 3.csv,,,,,,,",
    ]
    (lab / "recordings.csv").write_text("\n".join(rows), encoding="utf-8")
    recordings = read_recordings(lab / "recordings.csv")
    assert recordings[0].annotation_choices["ben"] == AnnotationChoice(scored="0-5s")
    (tmp_path / "runs" / "x").mkdir(parents=True)
    write_recordings_table(tmp_path / "runs" / "x" / "again.csv", recordings)
    again = read_recordings(tmp_path / "runs" / "x" / "again.csv")

    def resolved(recording):
        paths = {name: path.resolve() for name, path in recording.annotation_paths.items()}
        poses = recording.pose_path and recording.pose_path.resolve()
        return replace(recording, video_path=recording.video_path.resolve(), pose_path=poses, annotation_paths=paths)

    assert [resolved(recording) for recording in again] == [resolved(recording) for recording in recordings]


def run_of(folder: Path, config: ExperimentConfig, *arguments: str) -> Run:
    """A reviewed run as if it had been carried out with these settings, by a command with these arguments."""
    run, _ = read_review_run(folder)
    text = dump_config(config, [folder.parent, Path(config.recordings).parent])
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    places = {"table": Path(config.recordings), "cache_dir": config.execution.cache_dir}
    facts = {name: path_from(folder, path) for name, path in places.items()}
    taken = {"corrections": [path_from(folder, Path(place)) for place in config.corrections]}
    told = all_told({"arguments": list(arguments)}, [folder.parent, Path(config.recordings).parent])
    return replace(run, provenance=facts | taken | told)


def words_of(command: str) -> list[str]:
    program, script, *words = shlex.split(command)
    assert (program, script) == ("python", "run_experiment.py")
    return words


@pytest.mark.parametrize("is_here", [True, False])
def test_the_next_command_means_the_run_with_all_corrections(tmp_path: Path, monkeypatch, is_here: bool):
    lab = tmp_path / "my lab"
    make_lab(lab)
    yaml = lab / "experiment.yaml"
    earlier = correct(tmp_path / "runs" / "first, or so", "r1", [("rearing", 0, 120)])
    folder = correct(tmp_path / "runs" / "second", "r0", [("grooming", 3, 9)])
    (tmp_path / "runs" / "second_corrected").mkdir()
    elsewhere = tmp_path / "else"
    elsewhere.mkdir()
    # Another YAML of this name is not meant.
    (elsewhere / "experiment.yaml").write_text(
        yaml.read_text(encoding="utf-8").replace("units: 4", "units: 5"), "utf-8"
    )
    (elsewhere / "recordings.csv").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path if is_here else elsewhere)
    typed = "my lab/experiment.yaml" if is_here else str(yaml)
    config = load_config(yaml, ["seed=1", f"corrections={json.dumps(str(earlier))}"])
    run = run_of(folder, config, typed, "--set", "seed=1", f"--set=corrections={earlier}", "--output", str(folder))
    words = words_of(next_command(run, folder / "corrections"))
    assert words[0] == (typed if is_here else str(folder / "config.yaml"))
    assert Path(words[words.index("--output") + 1]).resolve() == tmp_path / "runs" / "second_corrected_2"
    again = load_config(Path(words[0]), [after for word, after in pairwise(words) if word == "--set"])
    wanted = config.model_copy(update={"corrections": (str(earlier), str(folder))})
    assert again.identity() == wanted.identity()
    assert again.execution.cache_dir.resolve() == config.execution.cache_dir.resolve()
    table = folder / "corrections" / TABLE
    write_recordings_table(table, with_corrections(read_recordings(Path(config.recordings)), wanted.corrections))
    told = load_config(yaml, ["seed=1", f"recordings={json.dumps(str(table))}"])
    for one, two, three in zip(*map(load_dataset, (told, wanted, again)), strict=True):
        assert (one.id, one.subset) == (two.id, two.subset) == (three.id, three.subset)
        assert (one.labels.active == two.labels.active).all() and (two.labels.active == three.labels.active).all()
    assert next_command(replace(run, provenance={}), folder / "corrections") == ""


def test_a_corrected_recording_of_a_test_animal_is_not_trained_on(tmp_path: Path):
    config = make_lab(tmp_path)
    table = Path(config.recordings)
    table.write_text(table.read_text(encoding="utf-8").replace("mouse1", "mouse4"), encoding="utf-8")
    run = correct(tmp_path / "run", "r1", [("rearing", 0, 120)])
    checked = load_dataset(config.model_copy(update={"corrections": (str(run),)}))
    assert {item.id: item.subset for item in checked}["r1"] == "predict"
    assert "Not trained on, as their individual or video is in a test recording: r1." in notes_on(checked)[0]


def test_what_was_a_models_stays_so_in_corrections_of_corrections(tmp_path: Path):
    earlier = make_review_run(tmp_path / "one", {"m": (Scene(), None)})
    run, (review,) = read_review_run(earlier)
    grooming, other = run.behaviors
    bouts = [[grooming, 20, 60, "model"], [grooming, 80, 120, "human"]]
    corrected = parse_corrections(bouts, run.behaviors, 300)
    write_corrections(earlier / "corrections", run, review.row, None, corrected, {grooming: [(20, 70)], other: []})
    learned = make_review_run(tmp_path / "two", {"m": (Scene(human=([(20, 60), (80, 120)], [])), None)})
    run, (review,) = read_review_run(learned)
    run = replace(run, provenance={"corrections": ["../one"]})
    # The end of the model's bout was set by hand now, and the model's "no" after it is as it was.
    again = parse_corrections([[grooming, 20, 50, "edited"], [grooming, 80, 120, "human"]], run.behaviors, 300)
    assert with_earlier(run, review, again, {grooming: [(100, 110)], other: []}) == {
        grooming: [(20, 50), (60, 70), (100, 110)],
        other: [],
    }
    unreviewed = replace(run, provenance={})
    assert with_earlier(unreviewed, review, again, {grooming: [], other: []}) == {grooming: [], other: []}
