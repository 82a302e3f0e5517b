"""Stage one of an experiment: every recording's embeddings, from the cache or computed once."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.backbones.base import NetworkConfig
from features.backbones.precomputed import PrecomputedConfig
from features.backbones.resolve import ResolvedBackbone, resolve_backbone
from features.cache.store import FeatureCache, cache_path, fingerprint, read_cache
from features.engines.tensorflow import TensorFlowEngine
from features.sources.frames import ExtractionSettings, extract_features, recipe_for
from features.sources.precomputed import import_precomputed
from models.threads import load_tensorflow
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CheckedRecording
from pipeline.runtime.progress import Bar, progress_bars
from pipeline.runtime.quiet import quiet_native_output
from pipeline.training.fits import EmbeddingSource

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
    n_features : int
    """

    checked: CheckedRecording
    source: EmbeddingSource
    frames: NDArray[np.int64]
    n_features: int

    @property
    def id(self) -> str:
        """The recording's id."""
        return self.checked.id


@dataclass(frozen=True)
class StageOne:
    """What stage one hands on, and what it cost.

    Attributes
    ----------
    recordings : list of EmbeddedRecording
    resolved : ResolvedBackbone or None
        The network really used; None for embeddings computed elsewhere.
    seconds : float
    n_frames_computed : int
        Analysed frames that were not in the cache before.
    """

    recordings: list[EmbeddedRecording]
    resolved: ResolvedBackbone | None
    seconds: float
    n_frames_computed: int


def run_stage_one(config: ExperimentConfig, checked: Sequence[CheckedRecording], only_cached: bool) -> StageOne:
    """Embed every recording that is not in the cache yet.

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
    started = time.monotonic()
    backbone = config.backbone
    resolved = resolve_backbone(backbone, config.seed) if isinstance(backbone, NetworkConfig) else None
    embedder = Embedder(config, resolved, only_cached)
    recordings = []
    with progress_bars() as bars:
        bar = bars.add("Embedding", total=None)
        for number, item in enumerate(checked, start=1):
            bar.update(0, None, f"Embedding {item.id} ({number} of {len(checked)})")
            recordings.append(embedder.embed(item, bar))
    return StageOne(recordings, resolved, time.monotonic() - started, embedder.n_frames_computed)


class Embedder:
    """Embeds one recording after the other with one network, built when first needed."""

    def __init__(self, config: ExperimentConfig, resolved: ResolvedBackbone | None, only_cached: bool) -> None:
        self._config = config
        self._resolved = resolved
        self._only_cached = only_cached
        self._engine: TensorFlowEngine | None = None
        self.n_frames_computed = 0

    def embed(self, item: CheckedRecording, bar: Bar) -> EmbeddedRecording:
        """Embeddings of one recording, from the cache where they are."""
        started = time.monotonic()
        n_before = self.n_frames_computed
        cached = self._precomputed(item) if self._resolved is None else self._from_network(item, self._resolved, bar)
        n_new = self.n_frames_computed - n_before
        if n_new:
            rate = n_new / max(1e-9, time.monotonic() - started)
            log.info("%s: %d frames embedded, %.0f a second", item.id, n_new, rate)
        else:
            log.info("%s: embeddings taken from the cache", item.id)
        assert cached.path is not None
        source = EmbeddingSource(item.id, cached.path, cached.fingerprint)
        return EmbeddedRecording(item, source, cached.frames, cached.n_features)

    def _precomputed(self, item: CheckedRecording) -> FeatureCache:
        config = self._config
        assert item.embeddings_path is not None and isinstance(config.backbone, PrecomputedConfig)
        return import_precomputed(
            item.id,
            item.embeddings_path,
            item.n_frames,
            config.frame_step,
            config.backbone.n_categories,
            config.execution.cache_dir,
        )

    def _from_network(self, item: CheckedRecording, resolved: ResolvedBackbone, bar: Bar) -> FeatureCache:
        config = self._config
        cache_dir = config.execution.cache_dir
        assert item.video is not None and item.centers is not None
        settings = ExtractionSettings(
            config.crop.size_px, config.frame_step, config.precision, config.batch_frames, config.seed
        )
        if self._only_cached:
            recipe_fingerprint = fingerprint(recipe_for(item.video, item.centers, resolved, settings))
            found = read_cache(cache_path(cache_dir, item.id, recipe_fingerprint), recipe_fingerprint)
            if found is None:
                raise InputError(
                    f"--stage heads works on cached embeddings, but {cache_dir} has none of {item.id} for these "
                    "settings. Run `--stage features` first, or leave --stage out."
                )
            return found
        computed = _Counter(bar)
        cached = extract_features(
            item.id, item.video, item.centers, resolved, settings, cache_dir, self._build_engine, computed
        )
        self.n_frames_computed += computed.n_new
        return cached

    def _build_engine(self) -> TensorFlowEngine:
        if self._engine is None:
            assert self._resolved is not None
            config = self._config
            with quiet_native_output():
                load_tensorflow()
            self._engine = TensorFlowEngine(self._resolved, config.precision, config.batch_frames, config.seed)
        return self._engine


class _Counter:
    """Passes progress on and counts the frames that were really computed now."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._first: int | None = None
        self.n_new = 0

    def __call__(self, done: int, total: int) -> None:
        self._first = done if self._first is None else self._first
        self.n_new = done - self._first
        self._bar.update(done, total)
