"""The published numbers that ours stand beside: the LSTM/TCN thesis, its test videos.

Source: X. de Juan, "Automated Mouse Behavior Recognition using LSTM and TCN Networks", master's
thesis, Universitat de Barcelona, 2022, Tables 5.1-5.3 (five test videos, threshold 0.5, no
post-processing). They are other videos than the reader's, so that they show an order of size and no contest.
"""

import re
from typing import NamedTuple

METRIC_WORDS = {
    "accuracy": "Binary accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "average_precision": "PR-AUC",
}


class ThesisExperiment(NamedTuple):
    """One of the thesis' four best settings (its Table 4.1)."""

    name: str
    title: str
    head: str
    backbone: str


EXPERIMENTS = (
    ThesisExperiment("exp1", "ResNet50V2 + LSTM", "lstm", "resnet50v2"),
    ThesisExperiment("exp2", "InceptionResNetV2 + LSTM", "lstm", "inception_resnet_v2"),
    ThesisExperiment("exp3", "ResNet50V2 + TCN", "tcn", "resnet50v2"),
    ThesisExperiment("exp4", "InceptionResNetV2 + TCN", "tcn", "inception_resnet_v2"),
)


class ThesisTable(NamedTuple):
    """One of Tables 5.1-5.3; rows in the order of `METRIC_WORDS`, columns exp1 to exp4."""

    number: str
    behavior: str
    rows: tuple[tuple[float, ...], ...]

    @property
    def values(self) -> dict[str, tuple[float, ...]]:
        """The rows by metric."""
        return dict(zip(METRIC_WORDS, self.rows, strict=True))


TABLES = (
    ThesisTable("5.1", "grooming", (
        (0.902, 0.909, 0.950, 0.942),
        (0.412, 0.426, 0.681, 0.577),
        (0.946, 0.876, 0.537, 0.635),
        (0.679, 0.690, 0.588, 0.586),
    )),
    ThesisTable("5.2", "mid rearing", (
        (0.897, 0.902, 0.887, 0.912),
        (0.518, 0.535, 0.415, 0.592),
        (0.797, 0.748, 0.104, 0.596),
        (0.702, 0.691, 0.201, 0.602),
    )),
    ThesisTable("5.3", "wall rearing", (
        (0.918, 0.914, 0.840, 0.888),
        (0.671, 0.667, 0.433, 0.569),
        (0.785, 0.737, 0.570, 0.739),
        (0.792, 0.770, 0.411, 0.716),
    )),
)  # fmt: skip
_NAMES = (
    {"grooming", "groom"},
    {"midrearing", "rearingmid", "rearingmig", "unsupportedrearing"},
    {"wallrearing", "rearingwall", "rearingparet", "supportedrearing"},
)


def thesis_table(behavior: str) -> ThesisTable | None:
    """The thesis' table of a behavior of (nearly) this name, else None."""
    name = re.sub(r"[\W_]+", "", behavior).casefold()
    return next((table for table, names in zip(TABLES, _NAMES, strict=True) if name in names), None)
