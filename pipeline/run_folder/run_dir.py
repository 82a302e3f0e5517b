"""The folder of one run: what lies where, and how it is written so that nothing is lost.

Every file is written to a temporary name and moved into place. A run counts as finished when its
manifest is there; a finished run is never overwritten unless asked, and even then the old folder is
kept aside until the new one is finished.
"""

import contextlib
import functools
import json
import logging
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from filelock import Timeout

from common.errors import InputError
from common.files import clear_remains, write_text
from common.locks import CreatedLock, lock_at
from common.places import all_told, require_short_paths
from pipeline.dataset.corrections.taken import CORRECTIONS
from pipeline.run_folder.manifest import PROMISE, Manifest

log = logging.getLogger(__name__)

# What provenance.json calls a folder of predictions by heads that were trained elsewhere.
PREDICTION = "prediction"
# And one whose probabilities are the mean of several runs'.
ENSEMBLE = "ensemble"
# What a human made in a run's folder: it outlives the run.
EXPORTS = "exports"
HUMAN_FOLDERS = (CORRECTIONS, EXPORTS)
REVIEW, OVERLAYS = "review", "overlays"
# What lies in a folder before its provenance does.
_EARLY = {"config.yaml", "provenance.json", "log.txt", "fits", *HUMAN_FOLDERS}
_STUB = {"config.yaml", "log.txt", "provenance.json"}
# In a folder that `set_aside` made: a copy that somebody called `exp1.previous` is not ours to delete.
_SET_ASIDE = ".set_aside"


# Folders of a run's folder.
PREDICTIONS = "predictions"
BASELINE_PREDICTIONS = "baseline_predictions"
UNCALIBRATED_PREDICTIONS = "uncalibrated_predictions"
PROTOCOL_PREDICTIONS = "protocol_predictions"
LABELS = "labels"
ANNOTATORS = "annotators"
BOUTS = "bouts"
CENTERS = "centers"
PROXIMITY = "proximity"
HEADS = "heads"
SPREAD = "spread"
MEMBERS = "members"
STRIP_PICTURES = "film_strips"
VIEW_PICTURES = "network_views"
CONTACT_SHEETS = "contact_sheets"
FIGURES = "figures"


class RunDir:
    """The files of one run, by name; its tables are in `pipeline.run_folder.contents`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.yaml"
        self.provenance_path = path / "provenance.json"
        self.log_path = path / "log.txt"
        self.report_path = path / "report.html"
        self.fits_path = path / "fits"
        self.figures_path = path / FIGURES
        self.corrections_path = path / CORRECTIONS
        self.exports_path = path / EXPORTS
        self.review_path = path / REVIEW
        self.overlays_path = path / OVERLAYS
        # Folders from which its files tell paths, so that they name no user.
        self.seen_from = [path.parent]
        self.manifest = Manifest(path, (*HUMAN_FOLDERS, REVIEW, OVERLAYS))
        # A path such as `.` has no name of its own.
        self._whole_path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
        self._lock: CreatedLock | None = None
        self._kept: Path | None = None
        self._is_new = False

    def labels_path(self, recording: str) -> Path:
        """Human labels of a recording, frame by frame."""
        return self.path / LABELS / f"{recording}.csv"

    def annotator_labels_path(self, annotator: str, recording: str) -> Path:
        """One annotator's labels of a recording, where several annotated it."""
        return self.path / ANNOTATORS / annotator / f"{recording}.csv"

    def predictions_path(self, recording: str, folder: str = PREDICTIONS) -> Path:
        """Probabilities of a recording, frame by frame; in `PREDICTIONS` cleaned labels as well."""
        return self.path / folder / f"{recording}.csv"

    def spread_path(self, recording: str) -> Path:
        """How far the members of an ensemble lie apart in a recording, frame by frame."""
        return self.path / SPREAD / f"{recording}.csv"

    def member_path(self, name: str) -> Path:
        """What an ensemble keeps of one of its runs, to predict by it."""
        return self.path / MEMBERS / name

    def bouts_path(self, recording: str) -> Path:
        """Predicted bouts of a recording."""
        return self.path / BOUTS / f"{recording}.csv"

    def contact_sheet_path(self, recording: str) -> Path:
        """What the networks are shown of one recording, as one picture."""
        return self.path / CONTACT_SHEETS / f"{recording}.jpg"

    def centers_path(self, recording: str) -> Path:
        """Where the animal was, frame by frame."""
        return self.path / CENTERS / f"{recording}.csv"

    def proximity_path(self, recording: str) -> Path:
        """How far two animals were apart, frame by frame."""
        return self.path / PROXIMITY / f"{recording}.csv"

    def head_path(self, behavior: str) -> Path:
        """Bundle of the final head of a behavior."""
        return self.path / HEADS / behavior

    def bundle_paths(self, head: str, n_members: int) -> list[Path]:
        """Bundles of a final head: one, or those of all members of an ensemble."""
        folder = self.head_path(head)
        return [folder] if n_members == 1 else [folder / f"m{number}" for number in range(1, n_members + 1)]

    def require_short_paths(self, annotators: Mapping[str, Collection[str]], heads: Collection[str]) -> None:
        """Make sure, before hours of work, that all files can lie in the folder, here and on Windows.

        Parameters
        ----------
        annotators : mapping of str to collection of str
            Of recordings, by id.
        heads : collection of str
            Names of behaviors.

        Raises
        ------
        InputError
            As `common.places.require_short_paths`.
        """
        files = [self.predictions_path(recording, UNCALIBRATED_PREDICTIONS) for recording in annotators]
        files += [self.annotator_labels_path(name, recording) for recording, own in annotators.items() for name in own]
        files += [self.head_path(head) / "m10" / "model.keras" for head in heads]
        require_short_paths(
            self.path,
            [str(path.relative_to(self.path)) for path in files],
            "Shorten the id of the recording, or the name of the annotator or the behavior, or choose a shorter folder "
            "with --output.",
        )

    def is_finished(self) -> bool:
        """Whether the run came to its end: its manifest, written last, is there, and its report."""
        return self.has_all_results() and self.report_path.is_file()

    def has_all_results(self) -> bool:
        """The same of a run whose report may be missing."""
        return self.manifest.exists or (self.has_no_checksums() and bool(self.read_provenance().get("finished")))

    def require_finished(self, needed: Collection[str] = ()) -> None:
        """Raise unless the run came to its end, as far as its folder tells.

        Parameters
        ----------
        needed : collection of str
            Folders that must be whole, and with them the files that lie in the run's folder itself; none: what is
            missing is said when it is read.

        Raises
        ------
        InputError
            When it did not, its manifest is damaged, or files are missing that it had: all of them are named.
        """
        if self.manifest.exists:
            missing = self.manifest.missing(needed) if needed else []
            if missing:
                raise self.manifest.complaint(dict.fromkeys(missing, "missing"))
        elif self.has_no_checksums():
            _say_unchecked(self._whole_path)
        else:
            raise InputError(
                f"The run {self.path} did not come to its end: it has no {self.manifest.path.name}, which is written "
                "last. Start it again (the same command goes on where it stopped); if this is a copy, copy that file "
                "as well."
            )

    def has_no_checksums(self) -> bool:
        """Whether it was made when runs had no manifest yet, so that nothing can be checked."""
        return not self.manifest.exists and not PROMISE.items() <= self.read_provenance().items()

    def is_prediction(self) -> bool:
        """Whether it holds predictions of new videos by another run's heads."""
        return self.read_provenance().get("kind") == PREDICTION

    def is_ensemble(self) -> bool:
        """Whether its probabilities are the mean of several runs'."""
        return self.read_provenance().get("kind") == ENSEMBLE

    def read_provenance(self) -> dict[str, Any]:
        """The provenance, or an empty mapping where there is none or it is unreadable."""
        try:
            content = json.loads(self.provenance_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write_provenance(self, provenance: dict[str, Any]) -> None:
        """Replace the provenance; paths are told as `seen_from` says."""
        facts = all_told(provenance, self.seen_from)
        write_text(self.provenance_path, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")

    def see_from(self, *folders: Path) -> None:
        """Tell paths as they are seen from these folders, if they lie within."""
        self.seen_from[:0] = dict.fromkeys(folders)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other processes out for the time of a `with` block; a new folder in which nothing came about is deleted.

        Raises
        ------
        InputError
            As `claim`.
        """
        self.claim()
        try:
            yield
        except InputError:
            self.discard_new()
            raise
        finally:
            self.release()

    def claim(self) -> None:
        """Make the folder and keep other processes out of it until `release`.

        Raises
        ------
        InputError
            If the folder cannot be made, another process is working in it, or it holds something else than a run.
        """
        self._require_no_other_files()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = lock_at(self._whole_path.parent / f".{self._whole_path.name}.lock")
            self._lock = lock.acquire(timeout=0, outlive=True)
            self._is_new = not self.path.exists()
            self.path.mkdir(exist_ok=True)
            # Nobody else is at work here but in the folders of later commands.
            clear_remains(self.path, (*HUMAN_FOLDERS, REVIEW, OVERLAYS))
        except Timeout:
            raise InputError(
                f"{self.path} is being worked on {lock.holder()}. Wait until that ends, or give this run another "
                "place with --output."
            ) from None
        except OSError as error:
            if self._lock is not None:
                self._lock.release()
            raise InputError(
                f"The run's folder {self.path} cannot be made: {error.strerror or error}. Choose a folder that you "
                "may write with --output or `output_dir:`."
            ) from None
        # What cannot be cleared up hinders nobody.
        with contextlib.suppress(OSError):
            (self.path / _SET_ASIDE).unlink(missing_ok=True)
            if self.is_finished():
                # Who finished it was killed before this.
                self.drop_set_aside()

    def release(self) -> None:
        """Let other processes in again; an earlier run comes back where the new one did not get anywhere."""
        try:
            if self._kept is not None and not self.is_finished() and not self.fits_path.exists():
                self._put_back(self._kept)
        finally:
            if self._lock is not None:
                self._lock.release()

    def discard_new(self) -> None:
        """Delete a folder that this claim made and in which nothing came of anything."""
        if self._is_new and all(entry.name in _STUB for entry in self.path.iterdir()):
            shutil.rmtree(self.path, ignore_errors=True)

    def holds_anything(self) -> bool:
        """Whether an earlier run left something here."""
        return self.config_path.exists() or self.provenance_path.exists()

    def set_aside(self) -> None:
        """Move an earlier run out of the way; `drop_set_aside` deletes it once the new one is finished.

        What a human corrected stays where it is: the new run may read it. Nothing is deleted here, not even
        what an earlier attempt set aside.
        """
        self._kept = next(path for path in self._asides() if not path.exists())
        # Marked first: a kill in between must not leave a folder that nobody dares to delete.
        (self.path / _SET_ASIDE).touch()
        self.path.replace(self._kept)
        self.path.mkdir()
        _move(HUMAN_FOLDERS, self._kept, self.path)
        log.info("The earlier run is kept in %s until this one is finished.", self._kept)

    def drop_set_aside(self) -> None:
        """Delete what `set_aside` kept, now and in earlier attempts; never what a human made."""
        # The last first: where a kill ends this, the next time finds the others in a row.
        for kept in reversed(list(takewhile(Path.exists, self._asides()))):
            # An empty one is what a kill left last.
            if any(kept.iterdir()) and not (kept / _SET_ASIDE).exists():
                continue
            _move(HUMAN_FOLDERS, kept, self.path)
            for entry in kept.iterdir():
                if entry.name not in (*HUMAN_FOLDERS, _SET_ASIDE):
                    _remove(entry)
            if any((kept / name).exists() for name in HUMAN_FOLDERS):
                log.warning("%s holds corrections or exports that %s has as well; it is kept.", kept, self.path)
                continue
            with contextlib.suppress(OSError):
                (kept / _SET_ASIDE).unlink(missing_ok=True)
                kept.rmdir()
        self._kept = None

    def _asides(self) -> Iterator[Path]:
        """Yield where earlier runs are kept: as a rule the first, more after attempts that were cut off."""
        yield self._whole_path.with_name(f"{self._whole_path.name}.previous")
        yield from (self._whole_path.with_name(f"{self._whole_path.name}.previous-{n}") for n in count(2))

    def _put_back(self, kept: Path) -> None:
        _move(HUMAN_FOLDERS, self.path, kept)
        if any((self.path / name).exists() for name in HUMAN_FOLDERS):
            return
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            kept.replace(self.path)
            (self.path / _SET_ASIDE).unlink(missing_ok=True)
            log.info("Nothing was done; the earlier run is back in %s.", self.path)
        self._kept = None

    def _require_no_other_files(self) -> None:
        """Results are never mixed with a lab's own files, which would be overwritten or deleted."""
        if not self.path.is_dir() or (self.provenance_path.exists() and self.config_path.exists()):
            return
        others = [e.name for e in sorted(self.path.iterdir()) if e.name not in _EARLY and not e.name.startswith(".")]
        if others:
            shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
            raise InputError(
                f"The folder {self.path} holds other files ({shown}), and no run of Rearview. Results would be "
                "mixed with them: choose a new folder with --output."
            )


@functools.cache
def _say_unchecked(path: Path) -> None:
    """Once for each run."""
    log.info("%s was made before runs had checksums: its files are not checked.", path)


def _move(names: Iterable[str], source: Path, target: Path) -> None:
    """Move folders that are there and have no namesake where they go."""
    for name in names:
        if (source / name).is_dir() and not (target / name).exists():
            (source / name).replace(target / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
