"""Make run folders with known content, as a finished experiment would leave them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.tables import write_lines, write_table
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.score_files import write_score_tables, write_statistics_tables
from pipeline.scoring.agreement import AnnotatedBehavior, AnnotatorTrack, agreement_rows, write_agreement
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, postprocess
from pipeline.scoring.score_tables import PROTOCOL_COLUMNS, protocol_rows
from pipeline.scoring.scores import PredictedRecording, score_rows, write_scores
from pipeline.scoring.statistics.ethology_tables import BehaviorTimelines
from pipeline.scoring.statistics.groups import MEASURES, RecordingValue, group_rows, write_groups
from pipeline.training.chosen_settings import CHOICE_COLUMNS, Choice, Choices, choice_rows, fixed_variants

BEHAVIORS = ("grooming", "mid_rearing", "wall_rearing")
MEAN_BOUT_FRAMES = (107, 24, 21)
POSTPROCESS = PostprocessConfig()
FPS = 10.0


def simulate_labels(rng: np.random.Generator, n_frames: int, n_behaviors: int) -> np.ndarray:
    """Bouts of the thesis' lengths at about 11 % each, shape (n_frames, n_behaviors)."""
    active = np.zeros((n_frames, n_behaviors), dtype=bool)
    for column in range(n_behaviors):
        mean = MEAN_BOUT_FRAMES[column % 3]
        frame = int(rng.exponential(mean * 4))
        while frame < n_frames:
            length = max(3, int(rng.gamma(2, mean / 2)))
            active[frame : frame + length, column] = True
            frame += length + int(rng.exponential(mean * 8))
    return active


def simulate_probability(rng: np.random.Generator, active: np.ndarray, noise: float) -> np.ndarray:
    """Probabilities that follow the labels with smooth noise, float32."""
    n_frames, n_behaviors = active.shape
    kernel = np.ones(9) / 9
    level: np.ndarray = np.where(active, 1.6, -2.4)
    smooth = np.stack([np.convolve(level[:, i], kernel, mode="same") for i in range(n_behaviors)], axis=1)
    shake = np.stack(
        [np.convolve(rng.normal(size=(n_frames,)), kernel, mode="same") * 3 for _ in range(n_behaviors)], axis=1
    )
    return (1 / (1 + np.exp(-(smooth + noise * shake)))).astype(np.float32)


def make_run(
    folder: Path,
    behaviors: tuple[str, ...] = BEHAVIORS,
    n_train: int = 5,
    n_test: int = 2,
    n_predict: int = 0,
    n_frames: int = 1800,
    seed: int = 0,
    noise: float = 1.0,
    baseline: bool = True,
    note: str = "",
    name: str = "exp1",
    never: tuple[str, str] | None = None,
    unscored: slice | None = None,
    prefix: str = "mouse_",
    n_annotators: int = 1,
    **config: object,
) -> Path:
    """Write a run folder.

    `never` = (recording, behavior) that does not occur there; `unscored` = frames that no human judged
    in any recording; with several annotators each errs a little, and there is a comparison of protocols;
    `config` overrides keys of config.yaml.
    """
    rng = np.random.default_rng(seed)
    subsets = ["cross_validation"] * n_train + ["test"] * n_test + ["predict"] * n_predict
    predicted, baselines, recordings = [], [], []
    for i, subset in enumerate(subsets):
        recording = f"{prefix}{i + 1:02d}"
        active = simulate_labels(rng, n_frames, len(behaviors))
        if never and never[0] == recording:
            active[:, behaviors.index(never[1])] = False
        scored = np.ones_like(active)
        if unscored is not None:
            scored[unscored] = False
        variants = tuple(fixed_variants(POSTPROCESS) for _ in behaviors)
        probability = simulate_probability(rng, active, noise)
        item = PredictedRecording(recording, subset, active & scored, scored, probability, FPS, variants, f"animal {i}")
        poor = simulate_probability(rng, active, noise * 2.5)
        recordings.append((item, poor))
        _write_recording(folder, item, poor if baseline else None, behaviors)
        if subset != "predict":
            predicted.append(item)
            baselines.append(replace(item, probability=poor))
    write_score_tables(RunDir(folder), predicted, behaviors)
    if baseline:
        write_scores(folder / "baseline_scores.csv", score_rows(baselines, behaviors, variants=["raw"]))
    _write_more_tables(RunDir(folder), [item for item, _ in recordings], predicted, baselines, behaviors, n_annotators)
    _write_recordings(folder, [item for item, _ in recordings])
    folds = [item.recording for item in predicted if item.subset == "cross_validation"]
    _write_training(folder, behaviors, [*folds, "final"], rng)
    _write_config(folder, behaviors, name, config)
    _write_provenance(folder, note)
    (folder / "log.txt").write_text("started\nfinished\n", encoding="utf-8")
    return folder


def _write_recording(
    folder: Path, item: PredictedRecording, baseline: np.ndarray | None, behaviors: tuple[str, ...]
) -> None:
    n_frames = item.active.shape[0]
    frames = [str(frame) for frame in range(n_frames)]
    calls = np.stack([postprocess(item.probability[:, i], POSTPROCESS, FPS) for i in range(len(behaviors))], axis=1)
    names = [f"{name}_probability" for name in behaviors]
    header = ["frame", "time_s", *names, *behaviors]
    lines = [
        [frame, f"{int(frame) / FPS:.6f}", *map(str, row), *map(str, call.astype(int))]
        for frame, row, call in zip(frames, item.probability, calls, strict=True)
    ]
    write_lines(folder / "predictions" / f"{item.recording}.csv", [header, *lines])
    if baseline is not None:
        lines = [
            [frame, f"{int(frame) / FPS:.6f}", *map(str, row)] for frame, row in zip(frames, baseline, strict=True)
        ]
        write_lines(folder / "baseline_predictions" / f"{item.recording}.csv", [["frame", "time_s", *names], *lines])
    if item.subset != "predict":
        cells = np.where(item.scored, item.active.astype(int).astype(str), "")
        lines = [[frame, *row] for frame, row in zip(frames, cells, strict=True)]
        write_lines(folder / "labels" / f"{item.recording}.csv", [["frame", *behaviors], *lines])


def _write_more_tables(
    run: RunDir,
    items: list[PredictedRecording],
    scored: list[PredictedRecording],
    poorer: list[PredictedRecording],
    behaviors: tuple[str, ...],
    n_annotators: int,
) -> None:
    choices = Choices(final={b: Choice(fixed_variants(POSTPROCESS)) for b in behaviors})
    write_table(run.choices_path, CHOICE_COLUMNS, choice_rows(choices, behaviors, [item.recording for item in items]))
    timelines, values, annotated = [], [], []
    rng = np.random.default_rng(5)
    for item in items:
        for column, behavior in enumerate(behaviors):
            predicted = postprocess(item.probability[:, column], POSTPROCESS, FPS)
            has_labels = item.subset != "predict"
            true = item.active[:, column] if has_labels else None
            judged = item.scored[:, column] if has_labels else None
            everywhere = np.ones(len(predicted), dtype=bool)
            timelines.append(
                BehaviorTimelines(item.recording, item.subset, behavior, FPS, true, judged, predicted, everywhere)
            )
            if has_labels:
                tracks = {
                    name: AnnotatorTrack(
                        np.roll(item.active[:, column], int(rng.integers(-4, 5))), item.scored[:, column]
                    )
                    for name in "ABCD"[:n_annotators]
                }
                model = AnnotatorTrack(predicted, everywhere)
                annotated.append(AnnotatedBehavior(item.recording, item.subset, behavior, FPS, tracks, model))
    for row in write_statistics_tables(run, timelines):
        i = [item.recording for item in items].index(str(row["recording"]))
        group = "HD" if i % 2 else "WT"
        values += [
            RecordingValue(
                items[i].recording, f"animal {i}", group, row["behavior"], row["source"], measure, row[measure]
            )
            for measure in MEASURES
        ]
    write_groups(run.groups_path, group_rows(values))
    if n_annotators > 1:
        write_agreement(run.agreement_path, agreement_rows(annotated))
    crossed = [item for item in scored if item.subset == "cross_validation"]
    if n_annotators > 1 and crossed:
        other = [item for item in poorer if item.subset == "cross_validation"]
        write_table(run.protocol_path, PROTOCOL_COLUMNS, protocol_rows(crossed, other, behaviors))


def _write_recordings(folder: Path, items: list[PredictedRecording]) -> None:
    columns = ("recording", "subset", "individual", "group", "video", "fps", "n_frames", "n_unobserved")
    rows = [
        {
            "recording": item.recording,
            "subset": item.subset,
            "individual": f"animal {i}",
            "group": "HD" if i % 2 else "WT",
            "video": f"videos/{item.recording}.mp4",
            "fps": item.fps,
            "n_frames": item.active.shape[0],
            "n_unobserved": 7 * i,
        }
        for i, item in enumerate(items)
    ]
    write_table(folder / "recordings.csv", columns, rows)


def _write_training(folder: Path, behaviors: tuple[str, ...], folds: list[str], rng: np.random.Generator) -> None:
    columns = ("behavior", "head", "fold", "epoch", "loss", "validation_average_precision", "seconds", "best")
    rows: list[dict[str, object]] = []
    for behavior in behaviors:
        for head in ("lstm", "logistic"):
            for fold in folds:
                n_epochs = int(rng.integers(8, 20))
                best = n_epochs if fold == "final" else n_epochs - 3
                for epoch in range(1, n_epochs + 1):
                    validation = None if fold == "final" else 0.95 - 0.6 / epoch + rng.normal() * 0.02
                    rows.append(
                        {
                            "behavior": behavior,
                            "head": head,
                            "fold": fold,
                            "epoch": epoch,
                            "loss": 0.7 / epoch**0.6 + rng.random() * 0.03,
                            "validation_average_precision": validation,
                            "seconds": 1.5,
                            "best": epoch == best,
                        }
                    )
    write_table(folder / "training.csv", columns, rows)


def _write_config(folder: Path, behaviors: tuple[str, ...], name: str, overrides: dict[str, object]) -> None:
    config: dict[str, object] = {
        "name": name,
        "description": "ResNet50V2 + LSTM, the thesis' first experiment",
        "recordings": "demo",
        "behaviors": {behavior: behavior for behavior in behaviors},
        "center": {"keypoints": "midbody", "min_likelihood": 0.6, "max_gap_s": 1.0},
        "crop": {"size_px": 160},
        "frame_step": 1,
        "backbone": {"name": "resnet50v2", "weights": "imagenet", "weights_if_unavailable": "compact"},
        "head": {"name": "lstm", "units": 64, "layers": 3, "dropout": 0.5, "bidirectional": True},
        "training": {"window_frames": 300, "batch_windows": 8, "epochs": 50, "learning_rate": 0.001},
        "cross_validation": "leave_one_video_out",
        "protocol": "nested",
        "postprocess": POSTPROCESS.model_dump(),
        "seed": 0,
    }
    config |= overrides
    # JSON is YAML, so that the fixture needs no YAML writer.
    (folder / "config.yaml").write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")


def _write_provenance(folder: Path, note: str) -> None:
    provenance = {
        "rearview_version": "0.1.0",
        "started": "2026-11-21T08:00:00+00:00",
        "finished": "2026-11-21T08:06:10+00:00",
        "command": ["run_experiment.py", "experiments/exp1.yaml"],
        "seed": 0,
        "protocol": "nested",
        "python": "3.11.2",
        "packages": {"tensorflow": "2.21.0", "keras": "3.15.0", "numpy": "2.4.0"},
        "machine": {"system": "Linux", "processor": "x86_64", "n_cores": 2, "memory_gb": 8.0, "gpu": None},
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "stages": [
            {"stage": "demo", "seconds": 31.2, "n_frames": None, "frames_per_s": None},
            {"stage": "embeddings", "seconds": 120.5, "n_frames": 12600, "frames_per_s": 104.6},
            {"stage": "cross-validation", "seconds": 190.0, "n_frames": None, "frames_per_s": None},
            {"stage": "final heads", "seconds": 25.0, "n_frames": None, "frames_per_s": None},
        ],
        "backbone": {
            "requested": "resnet50v2",
            "used": "compact" if note else "resnet50v2",
            "weights": "shipped" if note else "imagenet",
            "weights_sha256": "ab" * 32,
            "n_features": 1280 if note else 2048,
            "input_px": 160,
            "precision": "float32",
            "note": note,
        },
        "notes": [],
        "n_skipped": {},
    }
    (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
