"""How good is the compact backbone? A linear probe on real video and on the demo, beside other networks.

    python -m benchmarks.compact.judge --shared ../shared --scratch ../compact_judgement

The probe: every third frame (each frame on the demo); a 110-px crop (160 px on the demo) resized to the
network's input; an embedding and the mean of the embeddings within 15 video frames to each side, side by
side; 64 principal components of them; a logistic regression with balanced class weights; all of it
fitted without the recording that is then scored; average precision over the pooled frames of all
recordings. Once with each feature standardised before the components are taken, once as it is: which is
better depends on the network. `--context 0` leaves the mean out. No network was trained on these frames.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from features.backbones.base import NetworkConfig
from features.backbones.compact import CompactConfig
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.cache.rows import cached_rows
from features.centers import CenterConfig, track_center
from features.poses import read_poses
from features.sources.base import ExtractionSettings, RecordingFiles
from features.sources.crop_config import CropConfig
from features.sources.frames import FrameSource, FrameSourceConfig
from features.video.inspection import inspect_video
from pipeline.annotations import read_annotation
from pipeline.config.demo import DemoConfig
from pipeline.dataset.labels import label_tracks
from pipeline.dataset.table import read_recordings
from pipeline.demo.make import make_demo


@dataclass(frozen=True)
class ProbeSet:
    """Recordings to probe on: their table, the crop, the behaviors and which frames."""

    name: str
    table: Path
    crop_px: int
    behaviors: tuple[str, ...]
    frame_step: int
    context_frames: int


@dataclass(frozen=True)
class Probed:
    """One recording's embeddings and labels."""

    embeddings: NDArray[np.float32]
    active: NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, help="folder with data/mouse_arena; without it only the demo is probed")
    parser.add_argument("--weights", default="shipped", help="weights of compact: `shipped` or a path")
    parser.add_argument("--scratch", type=Path, default=Path("compact_judgement"), help="demo and caches")
    parser.add_argument("--context", type=int, default=15, help="video frames to each side of the mean")
    parser.add_argument("--demo-frames", type=int, default=1500)
    parser.add_argument("--only", nargs="*", help="names of networks to probe, as printed")
    options = parser.parse_args()
    rows = []
    for probe_set in _probe_sets(options):
        for name, config in _networks(options).items():
            if not options.only or name in options.only:
                for row in probe(probe_set, config, options.scratch):
                    rows.append({"probe_set": probe_set.name, "network": name, **row})
                    print(json.dumps(rows[-1]), flush=True)
    print(_as_table(rows))


def _probe_sets(options: argparse.Namespace) -> list[ProbeSet]:
    sets, context = [], options.context
    if options.shared:
        table = options.shared / "data" / "mouse_arena" / "recordings.csv"
        sets.append(ProbeSet("arena", table, 110, ("wall_rearing", "turning", "locomotion"), 3, context))
    demo = make_demo(options.scratch / "demo", DemoConfig(n_frames=options.demo_frames))
    sets.append(ProbeSet("demo", demo, 160, ("grooming", "mid_rearing", "wall_rearing"), 1, context))
    return sets


def _networks(options: argparse.Namespace) -> dict[str, NetworkConfig]:
    # The weights of 224 px at both sizes: what differs is the size alone.
    imagenet = str(MobileNetV2Config(alpha=0.35).shipped_weights())
    return {
        "compact": CompactConfig(weights=options.weights),
        "compact, random": CompactConfig(weights="random"),
        "MobileNetV2-0.35 at 96 px, random": MobileNetV2Config(weights="random", alpha=0.35, input_px=96),
    } | {
        f"MobileNetV2-0.35 at {px} px, ImageNet": MobileNetV2Config(weights=imagenet, alpha=0.35, input_px=px)
        for px in (96, 224)
    }


def probe(probe_set: ProbeSet, config: NetworkConfig, scratch: Path) -> list[dict[str, object]]:
    """Average precision of each behavior, leaving one recording out at a time, for both readings."""
    recordings = _embed(probe_set, config, scratch / "cache")
    features = [recording.embeddings for recording in recordings]
    rows: list[dict[str, object]] = []
    for words, standardize in (("standardised", True), ("as they are", False)):
        row: dict[str, object] = {"features": words}
        for i, behavior in enumerate(probe_set.behaviors):
            active = [recording.active[:, i] for recording in recordings]
            row[behavior] = _leave_one_out(features, active, standardize)
        rows.append(row)
    return rows


def _embed(probe_set: ProbeSet, config: NetworkConfig, cache_dir: Path) -> list[Probed]:
    crop = CropConfig(size_px=probe_set.crop_px)
    source = FrameSource(FrameSourceConfig(backbone=config, crop=crop), ExtractionSettings(probe_set.frame_step))
    cache_dir.mkdir(parents=True, exist_ok=True)
    caches, annotations, n_frames = {}, {}, {}
    for recording in read_recordings(probe_set.table):
        if recording.split == "test" or recording.pose_path is None:
            continue
        video = inspect_video(recording.video_path)
        centers = track_center(read_poses(recording.pose_path), CenterConfig(), video.fps)
        files = RecordingFiles(recording.id, recording.video_path, probe_set.table.parent)
        (caches[recording.id],) = cached_rows([source.rows_of(files, video.n_frames, video, centers)], cache_dir)
        annotator = "A" if "A" in recording.annotation_paths else ""
        path = recording.annotation_paths[annotator]
        annotations[recording.id] = read_annotation(path, video.n_frames, video.fps)
        n_frames[recording.id] = video.n_frames
    tracks = label_tracks(annotations, {name: [name] for name in probe_set.behaviors}, n_frames)
    context = probe_set.context_frames // probe_set.frame_step
    return [
        Probed(_with_context(cache.embeddings, context), tracks[name].active[cache.frames])
        for name, cache in caches.items()
    ]


def _with_context(embeddings: NDArray[np.float32], context: int) -> NDArray[np.float32]:
    """Embeddings beside their mean over `context` neighbours to each side (fewer at the ends)."""
    if context == 0:
        return embeddings
    n = len(embeddings)
    sums = np.concatenate([np.zeros((1, embeddings.shape[1])), np.cumsum(embeddings, axis=0, dtype=np.float64)])
    start = np.maximum(np.arange(n) - context, 0)
    stop = np.minimum(np.arange(n) + context + 1, n)
    mean = (sums[stop] - sums[start]) / (stop - start)[:, None]
    return np.concatenate([embeddings, mean.astype(np.float32)], axis=1)


def _leave_one_out(
    features: Sequence[NDArray[np.float32]], active: Sequence[NDArray[np.bool_]], standardize: bool
) -> float:
    """Pooled average precision of a balanced logistic regression, each recording left out once."""
    scores = []
    for held_out in range(len(features)):
        rest = [i for i in range(len(features)) if i != held_out]
        model = make_pipeline(
            StandardScaler(with_std=standardize),
            PCA(64, svd_solver="randomized", random_state=0),
            LogisticRegression(class_weight="balanced", max_iter=2000),
        )
        model.fit(np.concatenate([features[i] for i in rest]), np.concatenate([active[i] for i in rest]))
        scores.append(model.decision_function(features[held_out]))
    return round(float(average_precision_score(np.concatenate(active), np.concatenate(scores))), 3)


def _as_table(rows: Sequence[Mapping[str, object]]) -> str:
    """The same numbers as Markdown, one table per set of recordings."""
    lines: list[str] = []
    for probe_set in dict.fromkeys(row["probe_set"] for row in rows):
        chosen = [row for row in rows if row["probe_set"] == probe_set]
        behaviors = [key for key in chosen[0] if key not in ("probe_set", "network", "features")]
        lines += ["", f"| {probe_set} | features | {' | '.join(behaviors)} |"]
        lines.append("|---" * (len(behaviors) + 2) + "|")
        for row in chosen:
            lines.append(
                f"| {row['network']} | {row['features']} | " + " | ".join(str(row[b]) for b in behaviors) + " |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
