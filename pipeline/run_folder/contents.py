"""What a run's folder holds: its tables with their columns, its folders, and what they are in words.

A table is written and read by what is said of it here, so that a changed column is one edit. Rows are made in
`pipeline.scoring` and `pipeline.training`.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from common.tables import Row, read_table, write_table
from pipeline.run_folder.run_dir import (
    ANNOTATORS,
    BASELINE_PREDICTIONS,
    BOUTS,
    CENTERS,
    CONTACT_SHEETS,
    FIGURES,
    HEADS,
    LABELS,
    MEMBERS,
    PREDICTIONS,
    PROTOCOL_PREDICTIONS,
    PROXIMITY,
    SPREAD,
    STRIP_PICTURES,
    UNCALIBRATED_PREDICTIONS,
    VIEW_PICTURES,
    RunDir,
)
from pipeline.run_folder.whole_files import read_optional, read_required
from pipeline.scoring.bouts.scores import IOU_NAMES
from pipeline.scoring.proximity import COMPARED, QUANTILE_COLUMNS, WITH_INTERVAL
from pipeline.scoring.statistics.ethology import STATISTICS

Reader = Callable[[str], object]


def text(cell: str) -> str:
    """A cell as it stands there."""
    return cell


def whole(cell: str) -> int | None:
    """A whole number; None where empty."""
    return int(cell) if cell else None


def number(cell: str) -> float | None:
    """A number; None where empty."""
    return float(cell) if cell else None


def truth(cell: str) -> bool:
    """A truth value."""
    return cell.strip().lower() in {"1", "true"}


class Table:
    """A table of a run's folder.

    Parameters
    ----------
    file : str
        Its name.
    *columns : tuple of (callable, str)
        From left to right: how cells are read, and the names of columns with such cells, with spaces between.
    optional : str
        Columns that an older run's table may lack; they are read as if their cells were empty.
    """

    def __init__(self, file: str, *columns: tuple[Reader, str], optional: str = "") -> None:
        self.file = file
        self.readers: Mapping[str, Reader] = {name: read for read, names in columns for name in names.split()}
        self.optional = frozenset(optional.split())

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.readers)

    def path(self, run: RunDir) -> Path:
        """Where it lies."""
        return run.path / self.file

    def write(self, run: RunDir, rows: Iterable[Mapping[str, object]]) -> None:
        """Replace the table; equal rows give equal bytes.

        Raises
        ------
        ValueError
            When a row has other keys than the table has columns.
        """
        write_table(self.path(run), self.columns, rows)

    def read(self, run: RunDir) -> list[Row]:
        """Read the table back: numbers as numbers, None where empty.

        Raises
        ------
        InputError
            When it is missing, or a column of it, or a number cannot be read.
        """
        return read_required(run, self.path(run), self.read_file)

    def read_if_there(self, run: RunDir) -> list[Row]:
        """The same; no rows where there is no such table."""
        return read_optional(run, self.path(run), self.read_file) or []

    def read_file(self, path: Path) -> list[Row]:
        """Read it from a file.

        Raises
        ------
        ValueError
            When a column is missing or a number cannot be read.
        """
        rows: list[Row] = []
        for cells in read_table(path):
            missing = [name for name in self.columns if cells.get(name) is None and name not in self.optional]
            if missing:
                raise ValueError(f"{path} lacks the column(s) {', '.join(missing)}")
            rows.append({name: read(cells.get(name) or "") for name, read in self.readers.items()})
        return rows


_KEY = (text, "behavior subset recording postprocessed")
_FRAME_SCORES = (
    _KEY,
    (whole, "n_frames n_positive"),
    (number, "threshold accuracy precision recall f1 average_precision"),
    (whole, "tp fp fn tn"),
    (number, "balanced_accuracy cohen_kappa mcc roc_auc"),
)
_MATCHES = "bout_precision_{0} bout_recall_{0} bout_f1_{0} bout_f1_{0}_true_to_predicted"
_STATISTICS = tuple((whole if name.startswith("n_") else number, name) for name in STATISTICS)
_GROUPS = "mean_first sd_first mean_second sd_second difference hedges_g p p_holm"

SCORES = Table("scores.csv", *_FRAME_SCORES)
# Of older runs, whose one baseline was logistic, the first column is missing.
BASELINE_SCORES = Table("baseline_scores.csv", (text, "baseline"), *_FRAME_SCORES, optional="baseline")
RANDOM_FRAME_SCORES = Table("random_frame_scores.csv", (text, "baseline split"), *_FRAME_SCORES)
IMPORTANCE = Table("importance.csv", (text, "behavior feature"), (number, "drop sd"), (whole, "n_folds"))
PROTOCOL_SCORES = Table("protocol_scores.csv", *_FRAME_SCORES)
CLASS_SCORES = Table(
    "class_scores.csv",
    (text, "head subset recording postprocessed class score"),
    (number, "value low high"),
    (whole, "n_frames n_individuals"),
    (text, "reason"),
)
CONFUSION = Table(
    "confusion.csv",
    (text, "subset recording postprocessed true predicted"),
    (whole, "n_frames"),
    (number, "share"),
)
BOUT_SCORES = Table(
    "bout_scores.csv",
    _KEY,
    (whole, "n_true n_predicted"),
    *((number, _MATCHES.format(name)) for name in IOU_NAMES.values()),
    (whole, "missed invented split merged n_matched"),
    (number, "onset_error_s onset_shift_s offset_error_s offset_shift_s edit_score"),
)
INTERVALS = Table(
    "intervals.csv",
    (text, "behavior subset postprocessed score"),
    (number, "value low high level"),
    (whole, "n_individuals n_resamples"),
    (text, "reason"),
)
CALIBRATION = Table(
    "calibration.csv",
    (text, "behavior subset probabilities"),
    (number, "lower upper"),
    (whole, "n_frames n_positive"),
    (number, "mean_probability observed calibration_error brier log_loss"),
)
PROTOCOL = Table(
    "protocol.csv",
    (text, "behavior score"),
    (number, "nested thesis optimism low high level p"),
    (whole, "n_individuals"),
    (text, "reason"),
)
ENSEMBLE_SCORES = Table(
    "ensemble.csv",
    (text, "behavior subset score role member"),
    (number, "weight value difference low high level p p_holm p_smallest mean_difference"),
    (whole, "n_individuals"),
    (text, "verdict reason"),
)
ENSEMBLE_WEIGHTS = Table("ensemble_weights.csv", (text, "behavior recording member"), (number, "weight"))
RECORDING_STATISTICS = Table(
    "statistics.csv", (text, "recording subset behavior source"), (number, "known_s"), *_STATISTICS
)
STATISTICS_BINS = Table(
    "statistics_bins.csv",
    (text, "recording subset behavior source"),
    (whole, "bin"),
    (number, "start_s length_s known_s total_s fraction"),
    (whole, "n_bouts_started"),
)
STATISTICS_AGREEMENT = Table(
    "statistics_agreement.csv",
    (text, "behavior subset statistic"),
    (whole, "n_recordings n_left_out"),
    (number, "human_mean predicted_mean bias mean_absolute_error pearson_r limit_low limit_high"),
    (text, "reason"),
)
GROUPS = Table(
    "groups.csv",
    (text, "behavior measure source first_group second_group"),
    (whole, "n_first n_second"),
    (number, _GROUPS),
    (whole, "n_relabelings"),
    (truth, "exact"),
    (text, "reason"),
)
AGREEMENT = Table(
    "agreement.csv",
    (text, "behavior subset recording first second kind"),
    (whole, "n_recordings n_frames n_active_first n_active_second n_bouts_first n_bouts_second"),
    (number, "kappa f1 precision recall bout_f1_iou50 onset_difference_s"),
    (text, "reason"),
)
SUMMARY = Table(
    "summary.csv",
    (text, "recording individual group subset video behavior"),
    (number, "duration_s unobserved_fraction known_s"),
    *_STATISTICS,
    (number, "bouts_per_min mean_probability unsure_fraction"),
    (text, "doubts"),
    optional="doubts",
)
ALL_BOUTS = Table(
    "bouts.csv",
    (text, "recording individual group animal behavior"),
    (whole, "start_frame stop_frame"),
    (number, "start_s stop_s duration_s mean_probability"),
)
TRAINING = Table(
    "training.csv",
    (text, "behavior head fold"),
    (whole, "epoch"),
    (number, "loss validation_average_precision validation_macro_f1 validation_loss seconds"),
    (truth, "best"),
    optional="validation_macro_f1 validation_loss seconds",
)
CHOICES = Table(
    "postprocess.csv",
    (text, "behavior recording postprocessed order"),
    (number, "smooth_s threshold max_gap_s min_bout_s opening_s"),
    (text, "objective"),
    (number, "value value_none value_closed"),
    (whole, "n_candidates"),
    (text, "chosen_on"),
)
RECORDINGS = Table(
    "recordings.csv",
    # Read with more care in `pipeline.run_folder.recordings`: humans edit it.
    (text, "recording subset individual group video fps n_frames"),
    (whole, "n_unobserved width_px height_px"),
    (text, "video_path video_sha256 animal subject partner split_group"),
    optional="individual group video n_unobserved width_px height_px video_path video_sha256 animal subject partner "
    "split_group",
)
FAILURES = Table("failures.csv", (text, "recording video reason"))
_QUANTILES = " ".join([*QUANTILE_COLUMNS, *(f"{name}_px" for name in QUANTILE_COLUMNS)])
_WITH_INTERVAL = " ".join(f"{name}{end}" for name in WITH_INTERVAL for end in ("", "_low", "_high"))
PROXIMITY_STATISTICS = Table(
    "proximity.csv",
    (text, "behavior subset recording measure"),
    (whole, "n_shown n_not_shown n_unknown_shown n_unknown_not_shown"),
    (text, "unit positive"),
    # Medians stand among the quantiles and with their intervals.
    (number, f"{_QUANTILES} {_WITH_INTERVAL} chance head_average_precision head_roc_auc"),
    (whole, "n_individuals"),
    (text, "reason"),
    (number, " ".join(COMPARED)),
    (text, "verdict verdict_reason"),
)
PROXIMITY_PAIRS = Table(
    "proximity_pairs.csv",
    (text, "recording subset own other"),
    (truth, "is_swappable"),
    (text, "center nose tail_base"),
    (number, "body_length_px"),
    (whole, "n_frames n_known_centers"),
    (text, "resampled_with reason"),
)
FILM_STRIPS = Table(
    "film_strips.csv",
    (text, "behavior kind"),
    (whole, "rank"),
    (text, "recording"),
    (whole, "start_frame stop_frame"),
    (number, "start_s stop_s mean_probability iou"),
    (text, "frames_shown file"),
)
NETWORK_VIEWS = Table(
    "network_views.csv",
    (whole, "row column"),
    (text, "network"),
    (whole, "size_px"),
    (text, "moments_s"),
    (truth, "follow"),
    (whole, "input_px"),
    (text, "behavior said_by recording"),
    (whole, "frame"),
    (number, "time_s"),
    (text, "file around animal"),
    (number, "margin_percent"),
    (truth, "keypoint_overlay"),
    optional="around animal margin_percent keypoint_overlay",
)

# What the results of a run consist of: all is written anew by each attempt. Scores come first, for a folder with
# scores has all that they came from.
RESULT_TABLES = (
    SCORES, CLASS_SCORES, CONFUSION, BASELINE_SCORES, RANDOM_FRAME_SCORES, IMPORTANCE, PROTOCOL_SCORES, PROTOCOL,
    ENSEMBLE_SCORES, ENSEMBLE_WEIGHTS, BOUT_SCORES, INTERVALS, CALIBRATION, RECORDING_STATISTICS,
    STATISTICS_BINS, STATISTICS_AGREEMENT, GROUPS, AGREEMENT,
    PROXIMITY_STATISTICS, PROXIMITY_PAIRS,
    SUMMARY, ALL_BOUTS, TRAINING, CHOICES, RECORDINGS, FILM_STRIPS, NETWORK_VIEWS,
)  # fmt: skip
RESULT_FOLDERS = (
    PREDICTIONS, SPREAD, BASELINE_PREDICTIONS, UNCALIBRATED_PREDICTIONS, PROTOCOL_PREDICTIONS, BOUTS, CENTERS, LABELS,
    PROXIMITY, ANNOTATORS, STRIP_PICTURES, VIEW_PICTURES, CONTACT_SHEETS, FIGURES,
    MEMBERS,
)  # fmt: skip

FILES_IN_WORDS = {
    "config.yaml": "all settings, defaults written out",
    SCORES.file: "every frame score on this page",
    CLASS_SCORES.file: "scores over all classes and of each, of the head and the baseline",
    CONFUSION.file: "frames of each class, by what the model calls them",
    BOUT_SCORES.file: "every bout score",
    INTERVALS.file: "95 % intervals of pooled scores",
    BASELINE_SCORES.file: "the baselines’ scores",
    RANDOM_FRAME_SCORES.file: "boosting’s scores had frames been split at random (they leak)",
    IMPORTANCE.file: "what average precision loses when a feature is shuffled",
    CHOICES.file: "post-processing of every behavior and recording, and how it was chosen",
    CALIBRATION.file: "reliability of probabilities",
    AGREEMENT.file: "humans with each other and with the model",
    RECORDING_STATISTICS.file: "total time, bouts, latency per recording",
    STATISTICS_BINS.file: "the same in time bins",
    STATISTICS_AGREEMENT.file: "predicted against human over recordings",
    SUMMARY.file: "what the model found, a row per recording and behavior, for a statistics program",
    FAILURES.file: "recordings that could not be predicted, and why",
    GROUPS.file: "comparison of groups",
    PROTOCOL.file: "how much too high scores are under the published protocol",
    PROTOCOL_SCORES.file: "scores by the published protocol",
    ENSEMBLE_SCORES.file: "the ensemble beside each of its members",
    ENSEMBLE_WEIGHTS.file: "how much each member counts, by behavior and recording",
    PROXIMITY_STATISTICS.file: "how far two animals are apart while a behavior is shown and while it is not",
    PROXIMITY_PAIRS.file: "between which animals and keypoints distances were measured",
    FILM_STRIPS.file: "the bouts shown as film strips",
    NETWORK_VIEWS.file: "the frames shown as the networks see them",
    RECORDINGS.file: "the recordings",
    ALL_BOUTS.file: "predicted bouts of all recordings",
    TRAINING.file: "loss and validation scores, epoch by epoch",
    "provenance.json": "versions, machine, seconds, weights",
    "log.txt": "what happened, line by line",
}
FOLDERS_IN_WORDS = {
    PREDICTIONS: "probabilities and post-processed behavior, frame by frame",
    SPREAD: "standard deviation of the members’ probabilities, frame by frame",
    MEMBERS: "what is kept of each member: its settings and heads",
    BOUTS: "predicted bouts",
    CENTERS: "where the animal was, frame by frame",
    PROXIMITY: "how far two animals were apart, frame by frame",
    LABELS: "human labels, frame by frame",
    ANNOTATORS: "each annotator’s labels, frame by frame",
    BASELINE_PREDICTIONS: "the baselines’ probabilities",
    UNCALIBRATED_PREDICTIONS: "probabilities before calibration",
    PROTOCOL_PREDICTIONS: "probabilities by the published protocol",
    HEADS: "trained heads, to be used on new videos",
    STRIP_PICTURES: "film strips of single bouts",
    VIEW_PICTURES: "what the networks are shown of some frames",
    CONTACT_SHEETS: "what the networks are shown of each recording",
    FIGURES: "every figure as PNG and SVG, with the numbers behind it as CSV",
}
