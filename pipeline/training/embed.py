"""Stage one of an experiment: every recording's embeddings, from the cache or computed once."""

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.notes import Doubt
from features.cache.rows import cached_rows, find_rows, has_rows
from features.cache.store import FeatureCache
from features.sources.base import FeatureRows, Given, Progress
from features.sources.joined import JoinedSource
from features.video.files import UnreadableVideoError
from features.video.inspection import is_remembered
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CheckedRecording, load_recordings, notes_on
from pipeline.dataset.reading import files_of
from pipeline.dataset.recording import Recording
from pipeline.runtime.logs import only_errors
from pipeline.runtime.outlook import Outlook
from pipeline.runtime.progress import progress_bars
from pipeline.training.fits import CacheFile, EmbeddingSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbeddedRecording:
    """A recording whose embeddings lie in the cache.

    Attributes
    ----------
    checked : CheckedRecording
    source : EmbeddingSource
        Where the embeddings are.
    frames : ndarray, shape (n_analysed,), int64
        Video frame of each embedding.
    observed : ndarray, shape (n_analysed,), bool
        False where an embedding is of a frame, or a moment beside it, that was not observed.
    """

    checked: CheckedRecording
    source: EmbeddingSource
    frames: NDArray[np.int64]
    observed: NDArray[np.bool_]

    @property
    def id(self) -> str:
        """The recording's id."""
        return self.checked.id


@dataclass(frozen=True)
class StageOne:
    """What stage one hands on.

    Attributes
    ----------
    recordings : list of EmbeddedRecording
    described : list of dict
        What the features of each source really come from, for provenance.
    n_frames_computed : int
        Embeddings that were not in the cache before; as many for each analysed frame as there are sources.
    """

    recordings: list[EmbeddedRecording]
    described: list[dict[str, Any]]
    n_frames_computed: int


def run_stage_one(config: ExperimentConfig, checked: Sequence[CheckedRecording], only_cached: bool) -> StageOne:
    """Embed every recording that is not in the cache yet; their videos are decoded then, where that could wait.

    Parameters
    ----------
    config : ExperimentConfig
    checked : sequence of CheckedRecording
    only_cached : bool
        Refuse to compute anything (`--stage heads`).

    Raises
    ------
    InputError
        If weights cannot be had, features do not fit, or something is missing with `only_cached`.
    """
    # Whether weights can be had shows here, before anything slow begins.
    given = [given_of(config, item) for item in checked]
    source = config.feature_source().settled(given, config.execution.cache_dir)
    described = source.described()
    names = [tuple(one.get("names", ())) for one in described]
    embedder = Embedder(config, source, only_cached, names, None if only_cached else _outlook(config, source, given))
    checked = _decoded(config, checked, embedder)
    embedded: dict[str, EmbeddedRecording] = {}
    videos = by_video(checked)
    with progress_bars() as bars:
        bar = bars.add("Embedding", total=None)
        for number, items in enumerate(videos, start=1):
            bar.update(0, None, f"Embedding {_ids(items)} ({number} of {len(videos)})")
            embedded |= {one.id: one for one in embedder.embed(items, bar)}
    return StageOne([embedded[item.id] for item in checked], described, embedder.n_frames_computed)


def _outlook(config: ExperimentConfig, source: JoinedSource, given: Sequence[Given]) -> Outlook:
    """How long it takes to embed what is not in the cache."""
    cache_dir, n_recordings, n_rows = config.execution.cache_dir, 0, 0
    for one in given:
        # Not kept: they hold where each frame's crop lies.
        missing = [each for each in source.rows_of(*one) if each.is_slow and not has_rows(each, cache_dir)]
        n_recordings += bool(missing)
        n_rows += sum(len(each.spans) for each in missing)
    return Outlook(f"Embedding {n_recordings} recordings, {n_rows:,} crops", n_rows)


def by_video(checked: Iterable[CheckedRecording]) -> list[list[CheckedRecording]]:
    """Put recordings of one video together, which is decoded once for all its animals; in order of the first ones."""
    videos: dict[object, list[CheckedRecording]] = {}
    for item in checked:
        key = item.recording.video_path.resolve() if item.recording.has_video else item.id
        videos.setdefault(key, []).append(item)
    return list(videos.values())


def _ids(items: Sequence[CheckedRecording]) -> str:
    return " + ".join(item.id for item in items)


def _decoded(
    config: ExperimentConfig, checked: Sequence[CheckedRecording], embedder: "Embedder"
) -> Sequence[CheckedRecording]:
    """Embed recordings whose videos were not decoded yet, then read again what is now known of all."""
    awaited = [item for item in checked if item.video is not None and item.video.awaited]
    if not awaited:
        return checked
    recordings = [item.recording for item in checked]
    videos = by_video(awaited)
    for number, items in enumerate(videos, start=1):
        # What isn't as its packets promise is inspected when it is read again, which says what is wrong.
        with progress_bars() as bars, suppress(UnreadableVideoError):
            if not _is_known_by_now(items[0]):
                embedder.embed(items, bars.add(f"Embedding {_ids(items)} ({number} of {len(videos)})"))
        known = _read_again(config, [item.recording for item in items], recordings)
        # That the poses may be another video's should not be said hours later.
        told = {note for item in items for note in item.notes}
        _tell(note for item in known for note in item.notes if isinstance(note, Doubt) and note not in told)
    again, told = _read_again(config, recordings, recordings), {*notes_on(checked)}
    _tell(note for note in notes_on(again) if note not in told and not isinstance(note, Doubt))
    return again


def _is_known_by_now(item: CheckedRecording) -> bool:
    """Whether a worker has decoded the video meanwhile, so that it is remembered what came out."""
    assert item.video is not None
    awaited = item.video.awaited
    return awaited is not None and is_remembered(item.video.path, awaited.index_path, awaited.key["fps_given"])


def _read_again(
    config: ExperimentConfig, recordings: Sequence[Recording], beside: Sequence[Recording]
) -> list[CheckedRecording]:
    """Read files when their videos are known; all that is logged of them was said before."""
    with only_errors("pipeline"), only_errors("features"):
        return load_recordings(config, recordings, len(recordings) < len(beside), beside)


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        log.warning("%s", note)


def given_of(config: ExperimentConfig, item: CheckedRecording) -> Given:
    """What the rows of a recording are made of."""
    files = files_of(item.recording, Path(config.recordings).parent, item.fps)
    return Given(files, item.n_frames, item.video, item.centers, item.animals)


class Embedder:
    """Embeds one video after the other; `names` are those of each source's features, where they have any."""

    def __init__(
        self,
        config: ExperimentConfig,
        source: JoinedSource,
        only_cached: bool,
        names: Sequence[tuple[str, ...]] = (),
        outlook: Outlook | None = None,
    ) -> None:
        self._names = names
        self._outlook = outlook or Outlook("Embedding", 0)
        self._config = config
        self._source = source
        self._only_cached = only_cached
        self._done: set[str] = set()
        self.n_frames_computed = 0

    def embed(self, items: Sequence[CheckedRecording], progress: Progress) -> list[EmbeddedRecording]:
        """Embeddings of the recordings of one video, from the cache where they are."""
        started = time.monotonic()
        rows = [self._source.rows_of(*given_of(self._config, item)) for item in items]
        computed = _Counter(progress, self._outlook)
        if self._only_cached:
            self._require_cached([one for own in rows for one in own])
        caches = iter(cached_rows([one for own in rows for one in own], self._config.execution.cache_dir, computed))
        ids = _ids(items)
        if computed.n_new:
            rate = computed.n_new / max(1e-9, time.monotonic() - started)
            log.info("%s: %d embeddings made, %.0f a second", ids, computed.n_new, rate)
        elif ids not in self._done:
            log.info("%s: embeddings taken from the cache", ids)
        self._done.add(ids)
        self.n_frames_computed += computed.n_new
        return [self._embedded(item, own, [next(caches) for _ in own]) for item, own in zip(items, rows, strict=True)]

    def _embedded(
        self, item: CheckedRecording, rows: Sequence[FeatureRows], caches: Sequence[FeatureCache]
    ) -> EmbeddedRecording:
        names = self._names or [()] * len(caches)
        cache_files = tuple(
            CacheFile(cached.path, cached.fingerprint, cached.n_features, each.is_one_unit, own)
            for each, cached, own in zip(rows, caches, names, strict=True)
        )
        observed = np.logical_and.reduce([cached.observed for cached in caches])
        return EmbeddedRecording(item, EmbeddingSource(item.id, cache_files), caches[0].frames, observed)

    def _require_cached(self, rows: Sequence[FeatureRows]) -> None:
        missing = [one for one in rows if one.is_slow and find_rows(one, self._config.execution.cache_dir) is None]
        if missing:
            raise InputError(
                f"--stage heads works on cached embeddings, but {self._config.execution.cache_dir} has none of "
                f"{missing[0].recording} for these settings. Run `--stage features` first, or leave --stage out."
            )


class _Counter:
    """Passes progress on and counts the frames that were really computed now."""

    def __init__(self, progress: Progress, outlook: Outlook) -> None:
        self._progress, self._outlook = progress, outlook
        self._first: int | None = None
        self.n_new = 0

    def __call__(self, done: int, total: int) -> None:
        if self._first is None:
            self._first = done
            if done < total:
                self._outlook.skip(done)
        self._outlook.add(done - self._first - self.n_new)
        self.n_new = done - self._first
        self._progress(done, total)
