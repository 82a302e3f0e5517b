"""Make run folders with known content, as a finished experiment would leave them."""

import json
from pathlib import Path

import numpy as np

from pipeline.dataset.labels import LabelTrack
from pipeline.run_folder.contents import (
    AGREEMENT,
    BASELINE_SCORES,
    CHOICES,
    GROUPS,
    PROTOCOL,
    RECORDINGS,
    TRAINING,
)
from pipeline.run_folder.frame_tables import write_labels, write_predictions, write_probabilities
from pipeline.run_folder.results import write_scores, write_statistics
from pipeline.run_folder.run_dir import BASELINE_PREDICTIONS, RunDir
from pipeline.scoring.agreement import agreement_rows
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.score_tables import protocol_rows
from pipeline.scoring.scores import score_rows
from pipeline.scoring.statistics.groups import group_rows, recording_values
from pipeline.scoring.timeline import Timeline, Track, postprocess_variants
from pipeline.training.chosen_settings import Choice, Choices, choice_rows, fixed_variants

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
    run = RunDir(folder)
    timelines, poorer = [], []
    for i, subset in enumerate(subsets):
        recording = f"{prefix}{i + 1:02d}"
        active = simulate_labels(rng, n_frames, len(behaviors))
        if never and never[0] == recording:
            active[:, behaviors.index(never[1])] = False
        scored = np.ones_like(active)
        if unscored is not None:
            scored[unscored] = False
        labels = None if subset == "predict" else (active & scored, scored)
        head, poor = (simulate_probability(rng, active, level) for level in (noise, noise * 2.5))
        timelines.append(_timeline(recording, behaviors, head, labels, subset, f"animal {i}"))
        poorer.append(_timeline(recording, behaviors, poor, labels, subset, f"animal {i}"))
        write_predictions(run, timelines[-1])
        if baseline:
            write_probabilities(run.predictions_path(recording, BASELINE_PREDICTIONS), poorer[-1])
        if labels is not None:
            write_labels(run.labels_path(recording), LabelTrack(behaviors, *labels))
    predicted, baselines = ([t for t in found if t.subset != "predict"] for found in (timelines, poorer))
    write_scores(run, predicted, behaviors)
    if baseline:
        rows = [{"baseline": "logistic"} | row for row in score_rows(baselines, behaviors, variants=["raw"])]
        BASELINE_SCORES.write(run, rows)
    _write_more_tables(run, timelines, baselines, behaviors, n_annotators)
    _write_recordings(run, timelines)
    folds = [item.recording for item in predicted if item.subset == "cross_validation"]
    _write_training(run, behaviors, [*folds, "final"], rng)
    _write_config(folder, behaviors, name, config)
    _write_provenance(folder, note)
    (folder / "log.txt").write_text("started\nfinished\n", encoding="utf-8")
    return folder


def _timeline(recording, behaviors, probability, labels, subset, individual) -> Timeline:
    settings = tuple(fixed_variants(POSTPROCESS) for _ in behaviors)
    predicted = postprocess_variants(probability, settings, FPS)
    return Timeline(
        recording, FPS, behaviors, probability, predicted, *(labels or (None, None)), settings, subset, individual
    )


def _write_more_tables(
    run: RunDir, timelines: list[Timeline], poorer: list[Timeline], behaviors: tuple[str, ...], n_annotators: int
) -> None:
    names = [timeline.recording for timeline in timelines]
    choices = Choices(final={b: Choice(fixed_variants(POSTPROCESS)) for b in behaviors})
    CHOICES.write(run, choice_rows(choices, behaviors, names))
    individuals = {name: f"animal {i}" for i, name in enumerate(names)}
    groups = {name: "HD" if i % 2 else "WT" for i, name in enumerate(names)}
    statistics = write_statistics(run, timelines)
    GROUPS.write(run, group_rows(recording_values(statistics, individuals, groups)))
    if n_annotators == 1:
        return
    rng = np.random.default_rng(5)
    annotated = []
    for timeline in timelines:
        if timeline.true is not None and timeline.scored is not None:
            shifts = rng.integers(-4, 5, size=(len(behaviors), n_annotators))
            annotators = {
                name: Track(
                    np.stack([np.roll(true, shift) for true, shift in zip(timeline.true.T, own, strict=True)], axis=1),
                    timeline.scored,
                )
                for name, own in zip("ABCD"[:n_annotators], shifts.T, strict=True)
            }
            annotated.append((timeline, annotators))
    AGREEMENT.write(run, agreement_rows(annotated, has_consensus=False))
    crossed, other = ([t for t in found if t.subset == "cross_validation"] for found in (timelines, poorer))
    if crossed:
        PROTOCOL.write(run, protocol_rows(crossed, other, behaviors))


def _write_recordings(run: RunDir, timelines: list[Timeline]) -> None:
    empty = ("width_px", "height_px", "video_path", "video_sha256", "animal", "subject", "partner", "split_group")
    blank = dict.fromkeys(empty)
    rows = [
        {
            "recording": timeline.recording,
            "subset": timeline.subset,
            "individual": f"animal {i}",
            "group": "HD" if i % 2 else "WT",
            "video": f"videos/{timeline.recording}.mp4",
            "fps": timeline.fps,
            "n_frames": timeline.n_frames,
            "n_unobserved": 7 * i,
        }
        | blank
        for i, timeline in enumerate(timelines)
    ]
    RECORDINGS.write(run, rows)


def _write_training(run: RunDir, behaviors: tuple[str, ...], folds: list[str], rng: np.random.Generator) -> None:
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
                            "validation_macro_f1": None,
                            "validation_loss": None,
                            "seconds": 1.5,
                            "best": epoch == best,
                        }
                    )
    TRAINING.write(run, rows)


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
        "features": [
            {
                "source": "frames",
                "requested": "resnet50v2",
                "used": "compact" if note else "resnet50v2",
                "weights": "shipped" if note else "imagenet",
                "weights_sha256": "ab" * 32,
                "n_features": 1280 if note else 2048,
                "input_px": 160,
                "precision": "float32",
                "note": note,
                "crop": {"size_px": 160, "moments_s": []},
            }
        ],
        "notes": [],
        "n_skipped": {},
    }
    (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
