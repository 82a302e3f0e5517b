"""One fit as a job: it is carried out from the files that it names."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.rows import HELD_BYTES, Rows, held
from models.scaler import Scaler
from models.settings import TrainingConfig
from models.training import learn_scaler
from pipeline.training.executors.base import Job, OnEvent
from pipeline.training.fits import EmbeddingSource, Fit, OnEpoch, perform_fit, store_fit
from pipeline.training.frame_labels import LabelFile


@dataclass(frozen=True)
class FitJob(Job):
    """A fit with the files that it is made from and the one that it leaves; it holds no arrays.

    Attributes
    ----------
    fit : Fit
    path : Path
        Of the result, which says by `fingerprint` what it was made from.
    fingerprint : str
    sources : tuple of EmbeddingSource
        Of all recordings that the fit needs.
    labels : LabelFile
    bundle_metadata : mapping
        Written into the bundle beside the head, where the fit keeps one.
    """

    fit: Fit
    path: Path
    fingerprint: str
    sources: tuple[EmbeddingSource, ...]
    labels: LabelFile
    bundle_metadata: Mapping[str, Any]

    @property
    def key(self) -> str:
        """See `Job`."""
        return self.fit.key

    @property
    def words(self) -> str:
        """See `Job`."""
        return f"training {self.fit.name} ({self.fit.fold_words})"

    def absolute(self) -> "FitJob":
        """See `Job`."""
        bundle = self.fit.bundle_path
        return replace(
            self,
            fit=self.fit if bundle is None else replace(self.fit, bundle_path=bundle.absolute()),
            path=self.path.absolute(),
            sources=tuple(source.absolute() for source in self.sources),
            labels=replace(self.labels, path=self.labels.path.absolute()),
        )

    def carry_out(self, on_event: OnEvent | None = None) -> None:
        """See `Job`; what is told is each row of the history."""
        carry_out(self, on_event)

    @property
    def metadata(self) -> dict[str, Any]:
        """What the bundle says of itself, and by `fit` of what it was made from."""
        return {**self.bundle_metadata, "fit": self.fingerprint}


@dataclass
class BoundedRows:
    """Embeddings of a job's recordings: held whole while they fit the budget, the others read by slices.

    Attributes
    ----------
    sources : sequence of EmbeddingSource
    budget_bytes : int
    held_bytes : int
        Never above the budget.
    """

    sources: Sequence[EmbeddingSource]
    budget_bytes: int
    held_bytes: int = 0
    _opened: dict[str, Rows] = field(default_factory=dict)

    def of(self, recording: str) -> Rows:
        """Embeddings of one recording, shape (n_analysed, n_features)."""
        if recording not in self._opened:
            (source,) = (source for source in self.sources if source.recording == recording)
            self._opened[recording], left = held(source.rows(), self.budget_bytes - self.held_bytes)
            self.held_bytes = self.budget_bytes - left
        return self._opened[recording]


def carry_out(job: FitJob, on_epoch: OnEpoch | None = None, budget_bytes: int = HELD_BYTES) -> None:
    """Do a job in this process; afterwards nothing of it is left in memory but what its features are scaled by."""
    # Of features that are made fewer, it is the fewer that are held.
    rows = BoundedRows(job.sources, 0 if job.fit.training.reduce_features else budget_bytes)
    labels = job.labels.read({*job.fit.train, *job.fit.validation})
    sources = {source.recording: source for source in job.sources}

    def scaler(recordings: Sequence[str]) -> Scaler:
        return _shared_scaler(tuple(sources[r] for r in recordings), job.fit.training)

    store_fit(job.path, job.fingerprint, perform_fit(job.fit, rows.of, labels, job.metadata, on_epoch, scaler))


@functools.lru_cache(maxsize=32)
def _shared_scaler(sources: tuple[EmbeddingSource, ...], training: TrainingConfig) -> Scaler:
    """What is learned from the features of these recordings: once for all heads of a fold, as it sees no labels."""
    return learn_scaler(
        [source.rows() for source in sources], training, sources[0].widths, [c.is_one_unit for c in sources[0].caches]
    )
