"""How long an experiment will take here, before anything long begins: from a few seconds of each of its two stages."""

import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.suggestions import listing
from common.wording import counted, duration
from features.cache.rows import cached_rows, has_rows
from features.engines import sees_gpu
from features.sources.base import FeatureRows
from features.sources.joined import JoinedSource
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CheckedRecording
from pipeline.runtime.machine import usable_cores
from pipeline.training.cost import expected_seconds, n_heads_of
from pipeline.training.embed import EmbeddedRecording, by_video, given_of
from pipeline.training.executors.base import Needs
from pipeline.training.executors.local import LocalExecutor
from pipeline.training.first_look import cost_of_a_step, trial_fit
from pipeline.training.fits import CacheFile, EmbeddingSource
from pipeline.training.frame_labels import LabelFile
from pipeline.training.plan import FitPlan, plan_folds

_TRIED_S = 4.0


class Forecast(NamedTuple):
    """What is to be done, and about how many seconds it takes; `device` is what does it, in words.

    `n_recordings` and `n_rows` are those whose features are not in the cache; their seconds are 0 where there is none.
    """

    device: str
    n_recordings: int
    n_rows: int
    features_s: float
    n_heads: int
    heads_s: float

    def words(self) -> str:
        """One paragraph."""
        features = "all features are in the cache"
        if self.n_rows:
            what = f"{counted(self.n_recordings, 'recording')}, {self.n_rows:,} crops or rows of features"
            features = f"{what}: about {duration(self.features_s)}"
        heads = f"{counted(self.n_heads, 'head')}: about {duration(self.heads_s)}"
        return f"How long a run takes here ({self.device}): {features}; {heads}."


def forecast(config: ExperimentConfig, checked: Sequence[CheckedRecording]) -> Forecast:
    """Try both stages for some seconds; networks are loaded, and weights looked for, as in a run.

    Raises
    ------
    InputError
        What would end the run: weights that can't be had, features that don't fit.
    """
    given = [given_of(config, item) for item in checked]
    source = config.feature_source().settled(given, config.execution.cache_dir)
    rows = {item.id: source.rows_of(*one) for item, one in zip(checked, given, strict=True)}
    missing = [[one for item in items for one in rows[item.id]] for items in by_video(checked)]
    missing = [[one for one in own if not has_rows(one, config.execution.cache_dir)] for own in missing]
    missing = [own for own in missing if own]
    n_rows = sum(len(one.spans) for own in missing for one in own if one.is_slow)
    features_s = sum(len(one.spans) for own in missing for one in own) * _seconds_per_row(missing) if n_rows else 0.0
    n_heads, heads_s = _training(config, checked, rows)
    names = {one.recording for own in missing for one in own if one.is_slow}
    return Forecast(_device(source), len(names), n_rows, features_s, n_heads, heads_s)


def _device(source: JoinedSource) -> str:
    engines = dict.fromkeys(member.settings.engine for member in source.members if member.view() is not None)
    networks = [f"networks by {listing(engines)}"] if engines else []
    cores = usable_cores()
    heads = "on a GPU" if sees_gpu() else f"on {cores} core{'s' if cores > 1 else ''}, as TensorFlow sees no GPU"
    return ", ".join([*networks, f"heads by tensorflow {heads}"])


def _seconds_per_row(videos: Sequence[Sequence[FeatureRows]]) -> float:
    """Of the rows of each video, made as they are for the cache; the first batch of each source loads and compiles."""
    n_all = sum(len(one.spans) for rows in videos for one in rows)
    per_row = 0.0
    for kind in dict.fromkeys(type(one) for rows in videos for one in rows):
        own = [[one for one in rows if type(one) is kind] for rows in videos]
        started_s = warm_s = time.monotonic()
        n_done = n_warm = 0
        for n_done, is_warm in _rows_done(kind, [rows for rows in own if rows]):
            if not is_warm:
                n_warm, warm_s = n_done, time.monotonic()
            elif time.monotonic() - warm_s > _TRIED_S:
                break
        if n_done == n_warm:
            # There is no further batch.
            n_warm, warm_s = 0, started_s
        seconds = (time.monotonic() - warm_s) / max(1, n_done - n_warm)
        per_row += seconds * sum(len(one.spans) for rows in own for one in rows) / n_all
    return per_row


def _rows_done(kind: type[FeatureRows], videos: Sequence[Sequence[FeatureRows]]) -> Iterator[tuple[int, bool]]:
    """Make the rows of one video after the other.

    Yields after each batch how many there are by then, and whether it is of a source that had made some before.
    """
    n_done, seen = 0, set[int]()
    for rows in videos:
        with closing(kind.batches_together(rows, [0] * len(rows))) as batches:
            for which, batch in batches:
                n_done += len(batch)
                yield n_done, which in seen
                seen.add(which)


class _AnyRows(FeatureRows):
    """Numbers by chance in the place of one recording's features: a training step takes as long."""

    def __init__(self, recording: str, n_rows: int, n_features: int) -> None:
        self.recording, self.n_features, self.batch_rows = recording, n_features, 1024
        self.recipe = {"backbone": {"name": "trial"}, "n_rows": n_rows, "n_features": n_features}
        self.spans = np.arange(n_rows)[:, None] + np.array([[0, 1]])
        self.observed = np.ones(n_rows, dtype=bool)

    def batches(self, first_row: int) -> Generator[NDArray[np.float32], None, None]:
        rng = np.random.default_rng(0)
        for start in range(first_row, len(self.spans), self.batch_rows):
            n_rows = min(self.batch_rows, len(self.spans) - start)
            yield rng.normal(size=(n_rows, self.n_features)).astype(np.float32)


def _training(
    config: ExperimentConfig, checked: Sequence[CheckedRecording], rows: dict[str, list[FeatureRows]]
) -> tuple[int, float]:
    """How many heads are trained, and how long that takes."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        embedded = [_embedded(item, rows[item.id], folder) for item in checked]
        plan = FitPlan(config, embedded, plan_folds(config, checked), Path)
        fit = trial_fit(plan)
        sources = {item.id: item.source for item in embedded}
        for item in (item for item in embedded if item.id in fit.recordings):
            n_features = sum(cache.n_features for cache in item.source.caches)
            made = cached_rows([_AnyRows(item.id, len(item.frames), n_features)], folder)[0]
            sources[item.id] = EmbeddingSource(item.id, (CacheFile(made.path, made.fingerprint, n_features),))
        n_frames = {item.id: len(item.frames) for item in embedded}
        labels = LabelFile.write(folder / "labels.npz", plan.labels)
        # Here, whoever will carry out the run: nothing is sent to a cluster by an audit.
        with LocalExecutor(config.execution, plan.n_fits, Needs()) as executor:
            cost = cost_of_a_step(fit, n_frames, sources, labels, plan, executor)
            return n_heads_of(plan), expected_seconds(plan, n_frames, cost, executor.n_workers)


def _embedded(item: CheckedRecording, rows: Sequence[FeatureRows], folder: Path) -> EmbeddedRecording:
    caches = tuple(CacheFile(folder / item.id, "", one.n_features, one.is_one_unit) for one in rows)
    frames = rows[0].spans[:, 0]
    return EmbeddedRecording(item, EmbeddingSource(item.id, caches), frames, np.ones(len(frames), dtype=bool))
