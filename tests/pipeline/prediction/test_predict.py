"""A trained run on new videos: the very probabilities of the run, and what stops one recording stops only that one."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from features.backbones import resolve
from features.backbones.download import WeightsUnavailableError
from features.sources.contact_sheet import TILE_PX
from pipeline.command_line import main
from pipeline.config.schema import load_config
from pipeline.dataset.table import read_recordings
from pipeline.prediction.trained_run import measured_scores, open_trained_run
from pipeline.report.figures.catalog import draw_figures
from pipeline.report.words.summary import summarize
from pipeline.run_folder.reading import read_run
from pipeline.run_folder.run_dir import RunDir
from tests.conftest import made_once, without_figures
from tests.lab import (
    BEHAVIORS,
    N_FRAMES,
    known_labels,
    make_video_lab,
    of_schema_1,
    write_labels,
    write_poses,
    write_video,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def add_row(folder: Path, row: str) -> None:
    table = folder / "recordings.csv"
    table.write_text(table.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """A folder with a finished run on videos: three for training, one held out, one without labels."""
    return made_once(tmp_path_factory, "Büro 2", run_video_lab)


def run_video_lab(folder: Path) -> None:
    config = make_video_lab(folder)
    for name, seed in (("held out", 7), ("neu ü", 8)):
        write_video(folder / f"{name}.avi", known_labels(seed))
        write_poses(folder / f"{name}DLC_resnet50.csv", N_FRAMES)
    shutil.copy(folder / "v1 labels.csv", folder / "held out labels.csv")
    add_row(folder, "held,held out.avi,held outDLC_resnet50.csv,held out labels.csv,mouse8,WT,test")
    add_row(folder, "neu,neu ü.avi,neu üDLC_resnet50.csv,,mouse9,HD,")
    with without_figures():
        assert main([str(config), "--set", "refit=false"]) == 0


def predict(lab: Path, output: Path, *arguments: str) -> int:
    return main(["predict", str(lab / "runs" / "tiny"), "--output", str(output), *arguments])


@pytest.fixture(scope="module")
def predicted(lab, tmp_path_factory) -> Path:
    """Predictions of the video without labels."""
    return made_once(tmp_path_factory, "predicted", lambda folder: predict_new_video(lab, folder)) / "new"


def predict_new_video(lab: Path, folder: Path) -> None:
    with without_figures():
        assert predict(lab, folder / "new", str(lab / "neu ü.avi")) == 0


def without_cache(lab: Path, tmp_path: Path) -> Path:
    """A copy of the run that finds no cached embeddings."""
    run = tmp_path / "copied" / "tiny"
    shutil.copytree(lab / "runs" / "tiny", run)
    path = run / "config.yaml"
    # It was moved away from its cache, and takes that of its settings.
    cache = f"cache_dir: {tmp_path / 'cache'}"
    path.write_text(path.read_text(encoding="utf-8").replace("cache_dir: cache", cache), encoding="utf-8")
    assert cache in path.read_text(encoding="utf-8")
    accept(run)
    return run


def accept(run: Path) -> None:
    """Files that a test edited count as the run's own."""
    RunDir(run).manifest.update(["config.yaml", "heads"], "2026-11-29")


def test_predict_gives_exactly_the_probabilities_of_the_run(lab, tmp_path):
    run = without_cache(lab, tmp_path)
    videos = [str(lab / "held out.avi"), str(lab / "neu ü.avi")]
    assert main(["predict", str(run), *videos, "--output", str(tmp_path / "new")]) == 0
    for ours, theirs in (("held", "held_out"), ("neu", "neu_ü")):
        for kind in ("predictions", "bouts"):
            expected = (lab / "runs" / "tiny" / kind / f"{ours}.csv").read_bytes()
            assert (tmp_path / "new" / kind / f"{theirs}.csv").read_bytes() == expected


def test_a_run_of_an_older_rearview_predicts(lab, tmp_path):
    """Its config.yaml has no schema, its recipe lacks settings that came later, and knows one source."""
    run = without_cache(lab, tmp_path)
    text = (run / "config.yaml").read_text(encoding="utf-8")
    older = of_schema_1(text).replace("  max_gap_s: 1.0\n", "", 1)
    (run / "config.yaml").write_text(older, encoding="utf-8")
    for path in (run / "heads").glob("*/head.json"):
        header = json.loads(path.read_text(encoding="utf-8"))
        del header["header_sha256"]
        recipe = header["metadata"]["recipe"]
        del recipe["center"]["max_gap_s"]
        (backbone,) = recipe.pop("features")
        assert (backbone.pop("source"), backbone.pop("crop")["size_px"]) == ("frames", 40)
        assert backbone.pop("engine") == "tensorflow"
        recipe |= {"backbone": backbone, "crop": {"size_px": 40}}
        path.write_text(json.dumps(header), encoding="utf-8")
    RunDir(run).manifest.remove()
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    del provenance["checksums"]
    (run / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    assert main(["predict", str(run), str(lab / "held out.avi"), "--output", str(tmp_path / "new")]) == 0
    expected = (lab / "runs" / "tiny" / "predictions" / "held.csv").read_bytes()
    assert (tmp_path / "new" / "predictions" / "held_out.csv").read_bytes() == expected
    told = json.loads((tmp_path / "new" / "provenance.json").read_text(encoding="utf-8"))
    assert [source["engine"] for source in told["features"]] == ["tensorflow"]


def test_a_table_gives_scores_of_what_was_held_out_and_of_nothing_learned_from(lab, tmp_path, capsys):
    assert predict(lab, tmp_path / "new", "--recordings", str(lab / "recordings.csv")) == 0
    said = capsys.readouterr().err
    assert said.count("embeddings taken from the cache") == 5
    assert "frames embedded" not in said
    subsets = {row["recording"]: row["subset"] for row in rows_of(tmp_path / "new" / "recordings.csv")}
    assert subsets == {"v0": "predict", "v1": "predict", "v2": "predict", "held": "test", "neu": "predict"}
    ours = [row for row in rows_of(lab / "runs" / "tiny" / "scores.csv") if row["subset"] == "test"]
    assert rows_of(tmp_path / "new" / "scores.csv") == ours
    notes = json.loads((tmp_path / "new" / "provenance.json").read_text(encoding="utf-8"))["notes"]
    (note,) = [note for note in notes if "trained on this video" in note]
    assert note.startswith("v0: ") and note.endswith("(Likewise v1, v2.)")


def test_an_individual_that_was_learned_from_is_not_scored(lab, tmp_path):
    table = lab / "other table.csv"
    header = "recording,video,poses,annotations,individual,group,split\n"
    row = "x,held out.avi,held outDLC_resnet50.csv,held out labels.csv,MOUSE1,,test\n"
    table.write_text(header + row, encoding="utf-8")
    assert predict(lab, tmp_path / "new", "--recordings", str(table)) == 0
    assert rows_of(tmp_path / "new" / "scores.csv") == []
    assert "other videos of the individual MOUSE1" in (tmp_path / "new" / "report.html").read_text(encoding="utf-8")


def test_what_makes_predictions_doubtful_stands_where_it_is_seen(lab, tmp_path, capsys):
    """The heads' own training video, and poses that lie beside the animal."""
    rows = [f"{i},{x + 80},{y}" for i, (x, y) in enumerate(map(place_px, range(N_FRAMES)))]
    (tmp_path / "beside.csv").write_text("\n".join(["frame,x,y", *rows]) + "\n", encoding="utf-8")
    write_wandering(tmp_path / "wanderer.avi")
    videos = [str(tmp_path / "wanderer.avi"), str(lab / "v1.avi"), str(lab / "neu ü.avi")]
    poses = [str(tmp_path / "beside.csv"), str(lab / "v1_dlc.csv"), str(lab / "neu üDLC_resnet50.csv")]
    assert predict(lab, tmp_path / "new", *videos, "--poses", *poses) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("Look at this first:") == 2
    doubts = {row["recording"]: row["doubts"] for row in rows_of(tmp_path / "new" / "summary.csv")}
    assert "does the center by beside.csv lie on or near" in doubts["wanderer"]
    assert "trained on this video" in doubts["v1"] and doubts["neu_ü"] == ""
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert page.count("Look at this before you use the numbers") == 2


def place_px(frame: int) -> tuple[int, int]:
    """Where the square of `write_wandering` is."""
    return round(30 + 22 * np.sin(frame / 7)), round(60 + 45 * np.cos(frame / 11))


def write_wandering(path: Path) -> None:
    """A dark square in the left half of a picture of 160 x 120 px."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (160, 120))
    for number in range(N_FRAMES):
        frame = np.full((120, 160, 3), 200, dtype=np.uint8)
        x, y = place_px(number)
        cv2.rectangle(frame, (x - 6, y - 6), (x + 6, y + 6), (40, 40, 40), -1)
        writer.write(frame)
    writer.release()


def test_the_report_says_what_the_heads_were_worth_when_they_were_trained(lab, predicted, tmp_path):
    page = (predicted / "report.html").read_text(encoding="utf-8")
    run = read_run(lab / "runs" / "tiny", only=())
    cards = summarize(run)
    assert [card.behavior for card in cards] == list(BEHAVIORS)
    # Nobody scored anything here, so nothing is said of humans and scores.
    assert "Pooled means" not in page
    drawn = draw_figures(read_run(predicted), tmp_path / "figures")
    assert {"overview", "raster_neu_ü"} <= set(drawn)
    assert not any("human" in figure.caption for figure in drawn.values())
    found = page[page.index('id="found"') : page.index("</section>", page.index('id="found"'))]
    for card in cards:
        assert f'<span class="verdict {card.verdict.level}">' in found
        assert f"<b>{card.verdict.headline}</b>" in found
        for subset in ("cross_validation", "test"):
            row = run.score(card.behavior, subset, "raw")
            assert row is not None
            assert f"<td>{row['average_precision']:.3f}</td>" in found


def test_predicted_bouts_are_shown_as_film_strips(lab, predicted):
    strips = rows_of(predicted / "film_strips.csv")
    bouts = rows_of(predicted / "bouts" / "neu_ü.csv")
    assert strips
    for strip in strips:
        assert strip["kind"] == ("sure" if float(strip["mean_probability"]) >= 0.75 else "unsure")
        span = (strip["behavior"], strip["start_frame"], strip["stop_frame"])
        assert span in [(bout["behavior"], bout["start_frame"], bout["stop_frame"]) for bout in bouts]
    page = (predicted / "report.html").read_text(encoding="utf-8")
    assert page.count('<figure class="strip">') == len(strips)
    shown = rows_of(predicted / "network_views.csv")
    assert {row["recording"] for row in shown} == {"neu_ü"}
    assert page.count('alt="What mobilenet_v2 sees.') == len(shown) > 0
    page = (lab / "runs" / "tiny" / "report.html").read_text(encoding="utf-8")
    assert page.count('alt="What mobilenet_v2 sees.') == len(rows_of(lab / "runs" / "tiny" / "network_views.csv")) > 0
    # Six frames of each recording, a tile each.
    sheets = sorted((lab / "runs" / "tiny" / "contact_sheets").glob("*.jpg"))
    assert page.count('alt="What the networks see of') == len(sheets) == 5
    assert Image.open(sheets[0]).size[1] == TILE_PX


def test_the_summary_is_the_predictions_summed_up(predicted):
    summary = rows_of(predicted / "summary.csv")
    assert [(row["recording"], row["behavior"]) for row in summary] == [("neu_ü", b) for b in BEHAVIORS]
    frames = rows_of(predicted / "predictions" / "neu_ü.csv")
    bouts = rows_of(predicted / "bouts" / "neu_ü.csv")
    for row in summary:
        active = np.array([int(frame[row["behavior"]]) for frame in frames])
        probability = np.array([float(frame[f"{row['behavior']}_probability"]) for frame in frames])
        n_bouts = sum(bout["behavior"] == row["behavior"] for bout in bouts)
        assert float(row["duration_s"]) == pytest.approx(12.0)
        assert float(row["total_s"]) == pytest.approx(active.sum() / 10)
        assert float(row["fraction"]) == pytest.approx(active.mean(), abs=1e-6)
        assert int(row["n_bouts"]) == n_bouts
        assert float(row["bouts_per_min"]) == pytest.approx(n_bouts * 5)
        assert float(row["mean_probability"]) == pytest.approx(probability.mean(), abs=1e-6)
        unsure = ((probability > 0.25) & (probability < 0.75)).mean()
        assert float(row["unsure_fraction"]) == pytest.approx(unsure, abs=1e-6)


def test_one_bad_video_is_reported_and_the_rest_is_predicted(lab, tmp_path, capsys):
    folder = tmp_path / "night"
    folder.mkdir()
    for name in ("held out", "neu ü"):
        shutil.copy(lab / f"{name}.avi", folder)
        shutil.copy(lab / f"{name}DLC_resnet50.csv", folder)
    (folder / "broken.avi").write_bytes((lab / "neu ü.avi").read_bytes()[:900])
    write_poses(folder / "brokenDLC.csv", N_FRAMES)
    shutil.copy(lab / "neu ü.avi", folder / "shorter poses.avi")
    write_poses(folder / "shorter posesDLC.csv", N_FRAMES - 7)
    shutil.copy(lab / "neu ü.avi", folder / "no poses.avi")
    assert predict(lab, tmp_path / "new", str(folder)) == 2
    assert {row["recording"] for row in rows_of(tmp_path / "new" / "summary.csv")} == {"held_out", "neu_ü"}
    failures = {row["recording"]: row["reason"] for row in rows_of(tmp_path / "new" / "failures.csv")}
    assert set(failures) == {"broken", "shorter_poses", "no_poses"}
    assert "113" in failures["shorter_poses"] and "120" in failures["shorter_poses"]
    assert "pose" in failures["no_poses"]
    assert RunDir(tmp_path / "new").is_finished()
    assert "3 of 5 recordings were not predicted" in " ".join(capsys.readouterr().out.split())


def test_an_unexpected_fault_in_one_recording_does_not_stop_the_rest(lab, tmp_path, monkeypatch):
    from pipeline.prediction import predict as module

    real = module.load_recordings

    def faulty(config, recordings, **more):
        if recordings[0].id == "held_out":
            raise ZeroDivisionError("a bug")
        return real(config, recordings, **more)

    monkeypatch.setattr(module, "load_recordings", faulty)
    assert predict(lab, tmp_path / "new", str(lab / "held out.avi"), str(lab / "neu ü.avi")) == 2
    (failure,) = rows_of(tmp_path / "new" / "failures.csv")
    assert "ZeroDivisionError" in failure["reason"]
    assert "Traceback" in (tmp_path / "new" / "log.txt").read_text(encoding="utf-8")


def test_labels_that_cannot_be_used_cost_only_the_labels(lab, tmp_path):
    table = lab / "bad labels.csv"
    (lab / "wrong.csv").write_text("frame,grooming,rearing\n0,1,0\n", encoding="utf-8")
    header = "recording,video,poses,annotations,individual,group,split\n"
    table.write_text(header + "x,held out.avi,held outDLC_resnet50.csv,wrong.csv,m,,test\n", encoding="utf-8")
    assert predict(lab, tmp_path / "new", "--recordings", str(table)) == 0
    assert len(rows_of(tmp_path / "new" / "predictions" / "x.csv")) == N_FRAMES
    assert "without its labels" in (tmp_path / "new" / "report.html").read_text(encoding="utf-8")


def test_another_recipe_is_refused_by_name(lab, tmp_path, capsys):
    run = without_cache(lab, tmp_path)
    path = run / "config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("size_px: 40", "size_px: 48"), encoding="utf-8")
    accept(run)
    assert main(["predict", str(run), str(lab / "neu ü.avi"), "--output", str(tmp_path / "new")]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "crop.size_px was 40 when the heads were trained, config.yaml says 48" in error
    assert not (tmp_path / "new").exists()


def test_other_weights_are_refused_by_name(lab, tmp_path, capsys):
    run = without_cache(lab, tmp_path)
    path = run / "config.yaml"
    # Random weights are drawn from the seed.
    path.write_text(path.read_text(encoding="utf-8").replace("seed: 0", "seed: 5"), encoding="utf-8")
    accept(run)
    assert main(["predict", str(run), str(lab / "neu ü.avi"), "--output", str(tmp_path / "new")]) == 2
    assert "features.weights_sha256 was" in " ".join(capsys.readouterr().err.split())


def test_a_damaged_head_is_noticed(lab, tmp_path, capsys):
    run = without_cache(lab, tmp_path)
    model = run / "heads" / "rearing" / "model.keras"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    assert main(["predict", str(run), str(lab / "neu ü.avi"), "--output", str(tmp_path / "new")]) == 2
    assert "damaged" in capsys.readouterr().err


def test_no_damage_of_a_run_is_used(lab, tmp_path):
    """A flipped byte, or a cut end, of any file that predict needs."""
    run = tmp_path / "tiny"
    shutil.copytree(lab / "runs" / "tiny", run)
    chance = np.random.default_rng(3)
    needed = [*run.glob("heads/*/*"), *(path for path in run.iterdir() if path.suffix in {".csv", ".json", ".yaml"})]
    for of_the_page in ("film_strips.csv", "network_views.csv", "bouts.csv"):
        needed.remove(run / of_the_page)
    for path in needed:
        whole = path.read_bytes()
        position = int(chance.integers(len(whole)))
        other = bytes([whole[position] ^ 1 << int(chance.integers(8))])
        for damaged in (whole[:position] + other + whole[position + 1 :], whole[:position]):
            path.write_bytes(damaged)
            with pytest.raises(InputError, match=path.name):
                measured_scores(open_trained_run(run).path)
                pytest.fail(f"{path} was used, though byte {position} is another")
        path.write_bytes(whole)


def test_an_incomplete_copy_is_told_what_it_lacks(lab, tmp_path):
    run = tmp_path / "tiny"
    shutil.copytree(
        lab / "runs" / "tiny", run, ignore=lambda _, names: {"report.html", "log.txt", "fits", "predictions"}
    )
    open_trained_run(run)
    for name in ("scores.csv", "bout_scores.csv", "heads/rearing/scaler.npz"):
        (run / name).unlink()
    with pytest.raises(InputError, match=r"missing \(bout_scores\.csv, heads/rearing/scaler\.npz, scores\.csv\)"):
        open_trained_run(run)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "either videos"),
        (("missing.avi",), "no video missing.avi"),
        (("VIDEO", "--recordings", "TABLE"), "one of them only"),
        (("VIDEO", "--poses", "a.csv", "b.csv"), "a pose file for each of the 1 videos"),
        (("VIDEO", "--poses", "a.csv"), "no file a.csv"),
        (("--recordings", "TABLE", "--poses", "blob"), "--poses goes with videos"),
        (("EMPTY",), "holds no video"),
    ],
)
def test_what_is_asked_for_must_make_sense(lab, tmp_path, capsys, arguments, expected):
    (tmp_path / "empty").mkdir()
    words = {"VIDEO": lab / "neu ü.avi", "TABLE": lab / "recordings.csv", "EMPTY": tmp_path / "empty"}
    assert predict(lab, tmp_path / "new", *(str(words.get(word, word)) for word in arguments)) == 2
    assert expected in " ".join(capsys.readouterr().err.split())


def test_finished_predictions_and_runs_are_not_overwritten_unasked(lab, tmp_path, capsys):
    video = str(lab / "neu ü.avi")
    assert predict(lab, tmp_path / "new", video) == 0
    before = (tmp_path / "new" / "summary.csv").read_bytes()
    assert predict(lab, tmp_path / "new", str(lab / "held out.avi")) == 2
    assert "already holds predictions" in capsys.readouterr().err
    assert (tmp_path / "new" / "summary.csv").read_bytes() == before
    assert predict(lab, tmp_path / "new", str(lab / "held out.avi"), "--overwrite") == 0
    assert [path.stem for path in (tmp_path / "new" / "predictions").iterdir()] == ["held_out"]
    assert predict(lab, lab / "runs" / "tiny", video, "--overwrite") == 2
    assert "holds a run, not predictions" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "new"), video, "--output", str(tmp_path / "newer")]) == 2
    assert "holds predictions, not trained heads" in capsys.readouterr().err


def test_an_unfinished_run_is_refused(lab, tmp_path, capsys):
    run = without_cache(lab, tmp_path)
    shutil.rmtree(run / "heads" / "grooming")
    accept(run)
    assert main(["predict", str(run), str(lab / "neu ü.avi"), "--output", str(tmp_path / "new")]) == 2
    assert "has no head for 'grooming'" in capsys.readouterr().err
    assert main(["predict", str(tmp_path), str(lab / "neu ü.avi"), "--output", str(tmp_path / "new")]) == 2
    assert "no folder of a run" in capsys.readouterr().err


def test_a_shift_of_the_training_is_not_put_on_new_videos(lab, tmp_path):
    run = without_cache(lab, tmp_path)
    path = run / "config.yaml"
    shift = "frames: {policy: shift, by_frames: 3, of: poses}"
    path.write_text(path.read_text(encoding="utf-8").replace("frames: strict", shift), encoding="utf-8")
    accept(run)
    assert load_config(path).frames != "strict"
    assert main(["predict", str(run), str(lab / "neu ü.avi"), "--output", str(tmp_path / "new")]) == 0
    assert load_config(tmp_path / "new" / "config.yaml").frames == "strict"
    expected = (lab / "runs" / "tiny" / "predictions" / "neu.csv").read_bytes()
    assert (tmp_path / "new" / "predictions" / "neu_ü.csv").read_bytes() == expected


def test_other_frame_rates_and_sizes_are_remarked_upon(lab, tmp_path):
    write_video(tmp_path / "fast.avi", known_labels(3), size_px=96, fps=25.0)
    write_poses(tmp_path / "fastDLC.csv", N_FRAMES)
    assert predict(lab, tmp_path / "new", str(tmp_path / "fast.avi")) == 0
    notes = json.loads((tmp_path / "new" / "provenance.json").read_text(encoding="utf-8"))["notes"]
    assert any("25 frames per second, the training videos 10" in note for note in notes)
    assert any("96 px wide" in note for note in notes)


def test_classes_that_overlap_in_a_new_recording_cost_it_its_labels_only(tmp_path):
    from pipeline.prediction.predict import Outcome, _load

    active = np.zeros((N_FRAMES, 2), dtype=bool)
    active[10:20, 0] = active[30:40, 1] = True
    config = load_config(make_video_lab(tmp_path, n_train=2), ["task=exclusive"])
    write_labels(tmp_path / "v0 labels.csv", active)
    write_labels(tmp_path / "v1 labels.csv", active | active[:, ::-1])
    recordings = read_recordings(tmp_path / "recordings.csv")
    outcome = Outcome(RunDir(tmp_path / "new"))
    (good,), (bad,) = (_load(config, recording, recordings, outcome) for recording in recordings)
    assert good.labels is not None and np.array_equal(good.labels.active, active)
    assert bad.labels is None and bad.n_frames == N_FRAMES
    (note,) = outcome.notes
    assert "v1 is predicted without its labels" in note and "frames 10 to 19" in note


def test_a_behavior_that_never_occurs_in_the_labels_is_scored_as_absent(lab, tmp_path):
    table = lab / "never rears.csv"
    (lab / "bouts.csv").write_text("behavior,start_frame,stop_frame\ngrooming,10,30\n", encoding="utf-8")
    header = "recording,video,poses,annotations,individual,group,split\n"
    table.write_text(header + "x,held out.avi,held outDLC_resnet50.csv,bouts.csv,m,,test\n", encoding="utf-8")
    assert predict(lab, tmp_path / "new", "--recordings", str(table)) == 0
    positive = {
        r["behavior"]: r["n_positive"] for r in rows_of(tmp_path / "new" / "scores.csv") if r["recording"] == "x"
    }
    assert positive == {"grooming": "20", "rearing": "0"}


def test_a_name_like_the_one_that_is_missing_may_be_a_misspelling(lab, tmp_path):
    table = lab / "misspelt.csv"
    text = "behavior,start_frame,stop_frame\ngrooming,10,30\nRearing,40,50\n"
    (lab / "misspelt bouts.csv").write_text(text, encoding="utf-8")
    header = "recording,video,poses,annotations,individual,group,split\n"
    table.write_text(header + "x,held out.avi,held outDLC_resnet50.csv,misspelt bouts.csv,m,,test\n", encoding="utf-8")
    assert predict(lab, tmp_path / "new", "--recordings", str(table)) == 0
    notes = json.loads((tmp_path / "new" / "provenance.json").read_text(encoding="utf-8"))["notes"]
    assert any("without its labels" in note and "Did you mean 'Rearing'" in note for note in notes)


def test_labels_of_what_was_learned_from_are_not_compared_with(lab, tmp_path):
    table = lab / "all test.csv"
    rows = (lab / "recordings.csv").read_text(encoding="utf-8").replace(",train", ",test")
    table.write_text(rows, encoding="utf-8")
    assert predict(lab, tmp_path / "new", "--recordings", str(table)) == 0
    compared = rows_of(tmp_path / "new" / "statistics_agreement.csv")
    assert {(row["subset"], row["n_recordings"]) for row in compared if row["statistic"] == "total_s"} == {
        ("test", "1")
    }
    human = {row["recording"] for row in rows_of(tmp_path / "new" / "statistics.csv") if row["source"] == "human"}
    assert human == {"held"}


def test_a_bad_row_of_the_table_stops_only_itself(lab, tmp_path):
    table = lab / "one missing.csv"
    header = "recording,video,poses,annotations,individual,group,split\n"
    rows = "a,nowhere.avi,,,,,\nb,neu ü.avi,neu üDLC_resnet50.csv,,,,\n"
    table.write_text(header + rows, encoding="utf-8")
    assert predict(lab, tmp_path / "new", "--recordings", str(table)) == 2
    assert {row["recording"] for row in rows_of(tmp_path / "new" / "summary.csv")} == {"b"}
    (failure,) = rows_of(tmp_path / "new" / "failures.csv")
    assert failure["recording"] == "a" and "nowhere.avi" in failure["reason"]


def test_a_policy_for_frames_can_be_given(lab, tmp_path, capsys):
    shutil.copy(lab / "neu ü.avi", tmp_path / "s.avi")
    write_poses(tmp_path / "sDLC.csv", N_FRAMES - 2)
    assert predict(lab, tmp_path / "new", str(tmp_path / "s.avi")) == 2
    policy = "{policy: trim_to_shortest, at_most_frames: 2}"
    assert predict(lab, tmp_path / "new", str(tmp_path / "s.avi"), "--frames", policy) == 0
    (row,) = rows_of(tmp_path / "new" / "recordings.csv")
    assert row["n_unobserved"] == "2"
    assert predict(lab, tmp_path / "newer", str(tmp_path / "s.avi"), "--frames", "trim") == 2
    assert "frames" in capsys.readouterr().err


def test_pose_files_of_another_name_are_remarked_upon_and_individuals_are_guessed(lab, tmp_path, capsys):
    shutil.copy(lab / "neu ü.avi", tmp_path / "day1 480A.avi")
    poses = str(lab / "neu üDLC_resnet50.csv")
    assert predict(lab, tmp_path / "new", str(tmp_path / "day1 480A.avi"), "--poses", poses) == 0
    (row,) = rows_of(tmp_path / "new" / "recordings.csv")
    assert (row["recording"], row["individual"]) == ("day1_480A", "480A")
    said = " ".join(capsys.readouterr().err.split())
    assert "whose name does not fit" in said and "guessed" in said
    assert "whose name does not fit" in (tmp_path / "new" / "report.html").read_text(encoding="utf-8")


def test_derived_videos_copies_and_shared_poses(lab, tmp_path, capsys):
    folder = tmp_path / "new"
    folder.mkdir()
    for name in ("a.avi", "aDLC_resnet50_labeled.avi", "b.avi", "b.mp4"):
        shutil.copy(lab / "neu ü.avi", folder / name)
    for name in ("a", "b"):
        write_poses(folder / f"{name}DLC_resnet50.csv", N_FRAMES)
    assert predict(lab, tmp_path / "out", str(folder), str(folder / "a.avi")) == 2
    assert {row["recording"] for row in rows_of(tmp_path / "out" / "summary.csv")} == {"a"}
    assert len(rows_of(tmp_path / "out" / "failures.csv")) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "labeled.avi is left out" in said and "fits b.avi, b.mp4 alike" in said


def test_results_are_never_mixed_with_a_labs_own_files(lab, tmp_path, capsys):
    before = {path: path.read_bytes() for path in lab.iterdir() if path.is_file()}
    assert predict(lab, lab, str(lab / "neu ü.avi")) == 2
    assert "holds other files" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in lab.iterdir() if path.is_file()} == before


def test_predictions_that_fail_leave_the_earlier_ones(lab, tmp_path):
    assert predict(lab, tmp_path / "new", str(lab / "neu ü.avi")) == 0
    (tmp_path / "new" / "corrections").mkdir()
    (tmp_path / "new" / "corrections" / "m.csv").write_text("mine", encoding="utf-8")
    (tmp_path / "broken.avi").write_bytes(b"RIFF")
    for _ in range(2):
        assert predict(lab, tmp_path / "new", str(tmp_path / "broken.avi"), "--overwrite") == 2
        assert RunDir(tmp_path / "new").is_finished()
        assert (tmp_path / "new" / "corrections" / "m.csv").is_file()
    assert predict(lab, tmp_path / "stub", str(tmp_path / "broken.avi")) == 2
    assert not (tmp_path / "stub").exists()


@pytest.mark.shared
def test_a_real_held_out_recording_gets_the_probabilities_of_the_run(shared_dir, tmp_path):
    arena = shared_dir / "data" / "mouse_arena"
    rows = {row["recording"]: row for row in rows_of(arena / "recordings.csv")}
    header = ["recording", "video", "poses", "annotations", "individual", "split"]
    lines = [",".join(header)]
    for number, (name, row) in enumerate(rows.items()):
        if number < len(rows) - 2:
            continue  # One to learn from is enough.
        files = [str(arena / row[column].split(";")[0].split("=")[-1]) for column in ("video", "poses", "annotations")]
        # The last is held out: its labels are not even named.
        is_new = number == len(rows) - 1
        lines.append(
            ",".join([name, *files[:2], "" if is_new else files[2], f"mouse{number}", "" if is_new else "train"])
        )
    (tmp_path / "recordings.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "real.yaml").write_text(
        f"""name: real
recordings: {(tmp_path / "recordings.csv").as_posix()}
behaviors: {{locomotion: locomotion}}
backbone: {{name: compact}}
engine: tensorflow
crop: {{size_px: 110}}
frame_step: 20
head: {{name: lstm, layers: 1, units: 8}}
training: {{window_frames: 30, epochs: 3}}
baseline: none
cross_validation: none
workers: 1
cache_dir: {(tmp_path / "cache").as_posix()}
output_dir: {(tmp_path / "runs").as_posix()}
""",
        encoding="utf-8",
    )
    assert main([str(tmp_path / "real.yaml")]) == 0
    embedded = [*(tmp_path / "cache").glob("*.h5")]
    assert len(embedded) == 2
    for path in embedded:
        path.unlink()
    new = list(rows.values())[-1]
    video, poses = arena / new["video"], arena / new["poses"]
    run, output = tmp_path / "runs" / "real", tmp_path / "new"
    assert main(["predict", str(run), str(video), "--poses", str(poses), "--output", str(output)]) == 0
    ours = (output / "predictions" / f"{video.stem}.csv").read_bytes()
    assert ours == (run / "predictions" / f"{new['recording']}.csv").read_bytes()


@pytest.mark.parametrize("instead", ["compact", "random"])
def test_a_run_that_fell_back_on_another_backbone_predicts_by_the_same(tmp_path, monkeypatch, instead):
    def no_connection(published):
        raise WeightsUnavailableError("no connection")

    monkeypatch.setattr(resolve, "find_published", lambda published: None)
    monkeypatch.setattr(resolve, "download_published", no_connection)
    config = make_video_lab(tmp_path)
    wanted = f"{{name: mobilenet_v2, alpha: 0.5, input_px: 32, weights_if_unavailable: {instead}}}"
    text = config.read_text(encoding="utf-8").replace(
        "{name: mobilenet_v2, alpha: 0.35, input_px: 32, weights: random}", wanted
    )
    config.write_text(text, encoding="utf-8")
    table = (tmp_path / "recordings.csv").read_text(encoding="utf-8")
    (tmp_path / "recordings.csv").write_text(table.replace("mouse2,,train", "mouse2,,test"), encoding="utf-8")
    settings = ["training.epochs=1", "baseline=none", "cross_validation=none", "frame_step=4"]
    assert main([str(config), *(word for setting in settings for word in ("--set", setting))]) == 0
    run = tmp_path / "runs" / "tiny"
    assert predict(tmp_path, tmp_path / "new", str(tmp_path / "v2.avi")) == 0
    assert rows_of(tmp_path / "new" / "predictions" / "v2.csv") == rows_of(run / "predictions" / "v2.csv")
    assert (
        json.loads((run / "provenance.json").read_text(encoding="utf-8"))["features"][0]["requested"] == "mobilenet_v2"
    )
