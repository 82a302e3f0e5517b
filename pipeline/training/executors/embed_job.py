"""One video's features as a job: read where its files are seen, embedded, and left in the shared cache."""

import functools
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.errors import InputError
from features.cache.rows import has_rows
from features.cache.store import fingerprint
from features.sources.joined import JoinedSource
from features.video.files import UnreadableVideoError
from pipeline.config.schema import ExperimentConfig, parse_config
from pipeline.dataset.load import CheckedRecording, load_recordings
from pipeline.dataset.recording import Recording
from pipeline.runtime.logs import only_errors
from pipeline.runtime.progress import progress_bars
from pipeline.training.embed import Embedder, by_video, given_of
from pipeline.training.executors.base import Executor, Job, Needs, OnEvent

log = logging.getLogger(__name__)

_TOLD_EVERY_S = 2.0


@dataclass(frozen=True)
class EmbedJob(Job):
    """Recordings of one video whose features are to be in the cache; it holds no arrays.

    Attributes
    ----------
    recordings : tuple of Recording
        An animal each, without labels, which no feature depends on.
    settings : str
        The experiment's, JSON.
    used : str
        What the features really come from (`JoinedSource.described`), JSON: it is decided once, for all recordings.
    beside : tuple of Recording
        Recordings of whose videos a background may be borrowed; empty where the animal's position is known.
    fingerprints : tuple of str
        Of the recipes of all sources, recording by recording; empty where the video is only being decoded now.
    passes_over_errors : bool
        Whether a video that can't be embedded is left to whoever asks for its features next.
    """

    recordings: tuple[Recording, ...]
    settings: str
    used: str
    beside: tuple[Recording, ...] = ()
    fingerprints: tuple[str, ...] = ()
    passes_over_errors: bool = False

    @property
    def key(self) -> str:
        """See `Job`."""
        return " + ".join(recording.id for recording in self.recordings)

    @property
    def words(self) -> str:
        """See `Job`."""
        return f"embedding {self.key}"

    def absolute(self) -> "EmbedJob":
        """See `Job`."""
        tree = json.loads(self.settings)
        tree["execution"]["cache_dir"] = str(Path(tree["execution"]["cache_dir"]).absolute())
        if tree["recordings"] != "demo":
            tree["recordings"] = str(Path(tree["recordings"]).absolute())
        beside = tuple(map(_absolute, self.beside))
        recordings = tuple(map(_absolute, self.recordings))
        return replace(self, recordings=recordings, settings=json.dumps(tree), beside=beside)

    def carry_out(self, on_event: OnEvent | None = None) -> None:
        """See `Job`; what is told is `done` and `total` embeddings, at last `n_new` and `seconds`."""
        try:
            self._embed(on_event or (lambda event: None))
        except InputError as error:
            if not self.passes_over_errors:
                raise
            log.debug("%s: %s", self.key, error)

    def _embed(self, on_event: OnEvent) -> None:
        started, (config, source) = time.monotonic(), _opened(self.settings, self.used)
        embedder, telling = Embedder(config, source, only_cached=False), _Telling(on_event)
        items = self._read(config, may_wait=True)
        self._require_same(source, items, config)
        try:
            embedder.embed(items, telling)
        except UnreadableVideoError:
            # It isn't as its packets promise: it is inspected, which says what is wrong where that is an error.
            embedder.embed(self._read(config, may_wait=False), telling)
        on_event({"n_new": embedder.n_frames_computed, "seconds": round(time.monotonic() - started, 3)})

    def _read(self, config: ExperimentConfig, may_wait: bool) -> list[CheckedRecording]:
        beside = self.beside or self.recordings
        with only_errors("pipeline"), only_errors("features"):
            return load_recordings(config, self.recordings, True, beside=beside, may_wait=may_wait)

    def _require_same(self, source: JoinedSource, items: Sequence[CheckedRecording], config: ExperimentConfig) -> None:
        rows = (one for item in items for one in source.rows_of(*given_of(config, item)))
        found = tuple(fingerprint(one.recipe) for one in rows)
        if self.fingerprints and found != self.fingerprints:
            raise InputError(
                f"A worker sees other files of recording {self.key} than the command that asked for its features, or "
                "finds another animal's position in them. Do all machines see the same folder, with the same versions?"
            )


class _Telling:
    """Tells now and then how far it is."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event, self._told = on_event, 0.0

    def __call__(self, done: int, total: int) -> None:
        """Take progress as the leaves report it."""
        if time.monotonic() - self._told > _TOLD_EVERY_S:
            self._told = time.monotonic()
            self._on_event({"done": done, "total": total})


@functools.lru_cache(maxsize=1)
def _opened(settings: str, used: str) -> tuple[ExperimentConfig, JoinedSource]:
    """An experiment and its sources, whose networks are built once for all of its recordings."""
    config = parse_config(json.loads(settings), "the experiment")
    return config, config.feature_source().as_used(json.loads(used))


def _absolute(recording: Recording) -> Recording:
    pose = recording.pose_path
    return replace(
        recording,
        video_path=recording.video_path.absolute(),
        pose_path=None if pose is None else pose.absolute(),
        annotation_paths={},
        annotation_choices={},
        split="",
    )


def needs_of(config: ExperimentConfig, recordings: Sequence[CheckedRecording], folder: Path) -> Needs:
    """Files and folders that whoever embeds recordings, or trains heads whose results go to `folder`, must see."""
    paths = (path for item in recordings for path in (item.recording.video_path, item.recording.pose_path))
    cache = config.execution.cache_dir
    # A run is claimed by a lock beside its folder.
    return Needs(
        tuple(path for path in paths if path is not None), (cache, folder), (cache, cache / "locks", folder.parent)
    )


def embed_ahead(
    config: ExperimentConfig,
    checked: Sequence[CheckedRecording],
    executor: Executor,
    source: JoinedSource | None = None,
    passes_over_errors: bool = False,
) -> int:
    """Have an executor's workers embed what is not in the cache, so that it is found there; nothing where they don't.

    Parameters
    ----------
    config : ExperimentConfig
    checked : sequence of CheckedRecording
    executor : Executor
    source : JoinedSource, optional
        Where features come from, with all decided; by default the experiment's.
    passes_over_errors : bool
        As `EmbedJob` has it.

    Returns
    -------
    int
        Embeddings that were made, as far as was heard.

    Raises
    ------
    InputError
        A recording can't be embedded, or the workers are lost.
    """
    if not executor.embeds:
        return 0
    given = [given_of(config, item) for item in checked]
    source = source or config.feature_source().settled(given, config.execution.cache_dir)
    jobs = _jobs(config, checked, source, passes_over_errors)
    return _carry_out(jobs, executor)


def _carry_out(jobs: list[EmbedJob], executor: Executor) -> int:
    """Have jobs done while their progress is shown; how many embeddings were made."""
    n_made = 0
    with progress_bars() as bars:
        whole, each = bars.add(f"Embedding {len(jobs)} videos", total=len(jobs)), bars.add("")

        def told(job: EmbedJob, event: dict[str, Any]) -> None:
            nonlocal n_made
            if "n_new" in event:
                n_made += event["n_new"]
                rate = event["n_new"] / max(1e-9, event["seconds"])
                log.info("%s: %d embeddings made, %.0f a second", job.key, event["n_new"], rate)
            else:
                each.update(event["done"], event["total"], job.key)

        for n_done, _ in enumerate(executor.run(jobs, told), start=1):
            whole.update(n_done, len(jobs))
    return n_made


def _jobs(
    config: ExperimentConfig, checked: Sequence[CheckedRecording], source: JoinedSource, passes_over_errors: bool
) -> list[EmbedJob]:
    """Those of videos that are not in the cache; the longest first, so that none is waited for at the end."""
    settings, used = config.model_dump_json(), json.dumps(source.described())
    beside = tuple(_absolute(item.recording) for item in checked)
    jobs = []
    for items in by_video(sorted(checked, key=lambda one: -one.n_frames)):
        rows = [one for item in items for one in source.rows_of(*given_of(config, item))]
        if any(one.is_slow and not has_rows(one, config.execution.cache_dir) for one in rows):
            video = items[0].video
            is_awaited = video is not None and video.awaited is not None
            prints = () if is_awaited else tuple(fingerprint(one.recipe) for one in rows)
            others = beside if items[0].recording.has_blob_poses else ()
            recordings = tuple(item.recording for item in items)
            jobs.append(EmbedJob(recordings, settings, used, others, prints, passes_over_errors))
    return jobs
