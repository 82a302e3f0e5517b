"""What the words above the numbers mean: one glossary for all pages, a link from each column of scores."""

import re
from typing import NamedTuple

from markupsafe import Markup, escape

from pipeline.report.thesis import METRIC_WORDS


class Term(NamedTuple):
    """A term, what it means in plain words, and where it is from."""

    name: str
    meaning: str
    source: str = ""


GLOSSARY = {
    "accuracy": Term(
        "Accuracy", "Share of frames that are called right. High for a rare behavior, whatever the model does."
    ),
    "agreement": Term(
        "Human agreement",
        "How well two humans agree on the same recordings. A model can hardly be expected to do better.",
    ),
    "average_precision": Term(
        "Average precision (AP)",
        "Area under the precision-recall curve, as a sum of steps. It judges the probabilities and depends on no "
        "threshold. 1 is perfect; a guess gives the share of positive frames.",
        "Davis & Goadrich 2006",
    ),
    "balanced_accuracy": Term(
        "Balanced accuracy",
        "Mean of the shares of positive and of negative frames that are found; of several classes, mean of their "
        "recalls. A guess between two gives 0.5.",
        "Brodersen et al. 2010",
    ),
    "baseline": Term(
        "Baseline",
        "A simple model on the same folds. What does not beat it has learned nothing from the order of frames.",
    ),
    "bias": Term("Bias", "Mean of predicted minus human values over recordings.", "Bland & Altman 1986"),
    "bout": Term("Bout", "Frames in a row in which a behavior is shown. Also called a segment."),
    "bout_errors": Term(
        "Missed, split, invented, merged",
        "Missed: a human bout that no predicted bout touches. Split: a human bout touched by several. Invented: a "
        "predicted bout that touches no human bout. Merged: one that touches several.",
    ),
    "bout_f1": Term(
        "Bout F1",
        "F1 of bouts: a predicted bout is right where it overlaps a human bout by at least the given intersection over "
        "union (0.5 unless said), and each human bout is found once at most. A bout counts once, however long it is.",
        "Lea et al. 2017 (segmental F1)",
    ),
    "brier": Term(
        "Brier score", "Mean squared distance between probability and truth (0 or 1). Lower is better.", "Brier 1950"
    ),
    "calibration": Term(
        "Calibration",
        "Probabilities are calibrated where the behavior is seen in 70 % of the frames that are given 70 %.",
    ),
    "calibration_error": Term(
        "Calibration error (ECE)",
        "Mean distance, over frames in tenths of the probability, between the mean probability and the share of "
        "positive frames. Lower is better.",
        "Naeini et al. 2015",
    ),
    "chance": Term("Chance", "What a guess reaches; for average precision, the share of positive frames."),
    "cohen_kappa": Term("Kappa", "Agreement of two timelines beyond chance. 1 is perfect, 0 is chance.", "Cohen 1960"),
    "confusion_counts": Term(
        "TP, FP, FN, TN",
        "Frames by what human and model say: both yes (true positives), only the model, only the human, both no.",
    ),
    "cross_validation": Term(
        "Cross-validation",
        "Each training recording is held out once and predicted by a head that learned from others. With "
        "leave-one-video-out one is held out at a time, together with all of the same individual.",
        "Stone 1974",
    ),
    "distance": Term(
        "Distance", "Between two animals in one frame, in lengths of their bodies (or in pixels); median over frames."
    ),
    "edit_score": Term(
        "Edit score", "Whether bouts come in the right order, however long they are. 1 is right.", "Lea et al. 2016"
    ),
    "ensemble": Term(
        "Ensemble", "The mean of several heads’ probabilities; its members are these heads.", "Breiman 1996"
    ),
    "f1": Term(
        "Frame F1",
        "Harmonic mean of precision and recall, each frame counted once. 1 is perfect. True negatives do not count.",
        "van Rijsbergen 1979",
    ),
    "hedges_g": Term(
        "Hedges’ g",
        "Difference of two means in pooled standard deviations, corrected for small samples.",
        "Hedges 1981",
    ),
    "interval": Term(
        "95 % interval",
        "Where the score may lie for other individuals of the same kind: the middle 95 % of scores when individuals "
        "(never frames) are drawn with replacement. None below four individuals.",
        "Efron & Tibshirani 1993 (percentile bootstrap)",
    ),
    "iou": Term(
        "Intersection over union (IoU)",
        "The time that two bouts share, divided by the time that they cover together. 1: the same bout; 0: no overlap.",
    ),
    "limits_of_agreement": Term(
        "Limits of agreement",
        "Bias ± 1.96 standard deviations of the differences: about 95 % of recordings differ by less. Needs three "
        "recordings.",
        "Bland & Altman 1986",
    ),
    "log_loss": Term(
        "Log-loss", "Mean of −ln of the probability that was given to the truth. Lower is better.", "Good 1952"
    ),
    "macro_f1": Term("Macro F1", "Mean of the F1 of all classes that a human saw; each class counts the same."),
    "mcc": Term("MCC", "Correlation of the two timelines. 1 is perfect, 0 is chance.", "Matthews 1975"),
    "mean_sd": Term(
        "Mean ± SD", "Mean and standard deviation over individuals. The difference is that of the two groups’ means."
    ),
    "nested": Term(
        "Nested",
        "Training is stopped, and settings are chosen, on other recordings than the one that is scored. In the "
        "published protocol the scored recording itself stops the training, which makes its score too high.",
        "Varma & Simon 2006",
    ),
    "not_observed": Term(
        "Not observed",
        "The pose is missing or unsure for so long that the crop is held where the animal was last seen.",
    ),
    "onset": Term(
        "Onset and offset",
        "Begin and end of a bout. Error: distance from the human’s; shift: predicted minus human, positive where the "
        "model is late. Medians over matched bouts.",
    ),
    "optimism": Term(
        "Optimism", "By how much a score is too high because something was chosen on the scored recordings."
    ),
    "p": Term(
        "p",
        "How often a difference at least as large would arise without any effect, from permutations over individuals. "
        "Holm: corrected for the number of comparisons.",
        "Holm 1979",
    ),
    "pearson_r": Term("Pearson r", "Linear correlation over recordings. Needs three of them.", "Pearson 1895"),
    "pooled": Term(
        "Pooled", "Computed from the frames or bouts of all recordings together, not as a mean over recordings."
    ),
    "postprocessing": Term(
        "Raw, closed only, all steps",
        "Raw: the threshold alone, or the most probable class. Closed only: then short gaps are filled. All steps: the "
        "full chain of post-processing.",
    ),
    "precision": Term(
        "Precision", "Of the frames that the model calls the behavior, the share in which the human does."
    ),
    "recall": Term("Recall", "Of the frames that the human calls the behavior, the share that the model finds."),
    "roc_auc": Term(
        "ROC-AUC",
        "How often a random positive frame has a higher probability than a random negative one. Chance is 0.5.",
        "Hanley & McNeil 1982",
    ),
    "separation": Term(
        "AUC of distance", "How often a frame with the behavior is nearer than one without. 0.5: no difference."
    ),
    "spearman": Term(
        "Spearman", "Correlation of ranks. Negative: animals are nearer while it is shown.", "Spearman 1904"
    ),
    "specificity": Term("Specificity", "Of the frames without the class, the share that is called otherwise."),
    "statistics": Term(
        "Statistics of a recording",
        "Total time and fraction of the known time in the behavior, number of bouts, their mean and median length, and "
        "latency: the time until the first bout begins.",
    ),
    "unscored": Term("Not scored (unknown)", "No human judged the frame. It is neither trained on nor scored."),
    "unsure": Term("Unsure frames", "Frames with a probability between .25 and .75."),
    "verdict": Term("Verdict", "What the numbers allow to say, by rules that are the same for every run."),
    "weighted_f1": Term("Weighted F1", "Mean of the F1 of all classes, each weighted by its frames."),
    "weight": Term("Weight", "Share of a member in the ensemble’s mean."),
}
"""By the name that links have."""
_ALIASES = {
    "kappa": "cohen_kappa",
    "bout_f1_iou50": "bout_f1",
    "baseline_average_precision": "baseline",
    "chance_average_precision": "chance",
}
METRIC_TERMS = {words: name for name, words in METRIC_WORDS.items()}
"""Entries for the rows of the thesis' tables."""
_LINK = re.compile(r'href="#term-([a-z0-9_]+)"')


def term(words: str, name: str) -> Markup:
    """Words as a link to the glossary's entry of this name, or of a score's name.

    Raises
    ------
    KeyError
        When the glossary has no such entry.
    """
    name = _ALIASES.get(name, name)
    return Markup('<a class="term" href="#term-{}" title="{}">{}</a>').format(name, GLOSSARY[name].name, escape(words))


def terms_of(page: str) -> list[tuple[str, Term]]:
    """The entries to which a page links, in the order of the alphabet."""
    names = dict.fromkeys(_LINK.findall(page))
    return sorted(((name, GLOSSARY[name]) for name in names), key=lambda item: item[1].name.casefold())
