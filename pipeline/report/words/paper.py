"""A methods paragraph for a paper, with a run's own settings filled in, and the works that it cites."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from common.suggestions import listing
from common.wording import setting
from pipeline.report.words.method import crop_words
from pipeline.run_folder.features import used_features
from pipeline.run_folder.reading import CROSS_VALIDATION, EVALUATION, TEST, Run, section
from pipeline.run_folder.tables import FINAL
from pipeline.scoring.postprocessing.decisions import DESCRIPTIONS

WORKS = {
    "lstm": "Hochreiter S, Schmidhuber J (1997). Long short-term memory. Neural Computation 9:1735-1780.",
    "tcn": "Bai S, Kolter JZ, Koltun V (2018). An empirical evaluation of generic convolutional and recurrent networks "
    "for sequence modeling. arXiv:1803.01271.",
    "transformer": "Vaswani A et al. (2017). Attention is all you need. NeurIPS.",
    "mobilenet_v2": "Sandler M et al. (2018). MobileNetV2: inverted residuals and linear bottlenecks. CVPR.",
    "resnet50v2": "He K et al. (2016). Identity mappings in deep residual networks. ECCV.",
    "resnet101": "He K et al. (2016). Deep residual learning for image recognition. CVPR.",
    "inception_resnet_v2": "Szegedy C et al. (2017). Inception-v4, Inception-ResNet and the impact of residual "
    "connections on learning. AAAI.",
    "focal": "Lin TY et al. (2017). Focal loss for dense object detection. ICCV.",
    "adam": "Kingma DP, Ba J (2015). Adam: a method for stochastic optimization. ICLR.",
    "temperature": "Guo C et al. (2017). On calibration of modern neural networks. ICML.",
    "isotonic": "Zadrozny B, Elkan C (2002). Transforming classifier scores into accurate multiclass probability "
    "estimates. KDD.",
    "bouts": "Lea C et al. (2017). Temporal convolutional networks for action segmentation and detection. CVPR.",
    "bootstrap": "Efron B, Tibshirani RJ (1993). An introduction to the bootstrap. Chapman & Hall.",
}
"""What is cited, by the settings' own words."""


Cite = Callable[[object], str]
"""The number of a work in brackets; "" where none is cited."""


_OTHER_KINDS = ("prediction", "ensemble")
_NAMES = {"lstm": "LSTM", "tcn": "temporal convolutional"}


class Paper(NamedTuple):
    """A paragraph whose numbers in brackets are places in `works`, from 1."""

    paragraph: str
    works: tuple[str, ...]


def methods_paragraph(run: Run) -> Paper | None:
    """Describe a run in the past tense; None where it trained nothing (another program's output, predictions)."""
    is_trained_here = run.provenance.get("kind") not in _OTHER_KINDS and not section(run.provenance, "trained_run")
    if EVALUATION in run.subsets or not run.subsets or not section(run.config, "head") or not is_trained_here:
        return None
    cited: list[str] = []

    def cite(word: object) -> str:
        if word not in WORKS:
            return ""
        work = WORKS[str(word)]
        if work not in cited:
            cited.append(work)
        return f" [{cited.index(work) + 1}]"

    sentences = [*_inputs(run, cite), *_heads(run, cite), *_evaluation(run, cite)]
    return Paper(" ".join(sentences), tuple(cited))


def _inputs(run: Run, cite: Cite) -> Iterator[str]:
    version = run.provenance.get("rearview_version")
    yield f"Behavior was labeled with Rearview{f' {version}' if version else ''}."
    step = int(run.config.get("frame_step") or 1)
    of_frames = "every frame" if step == 1 else f"one frame in {step}"
    keypoints = setting(section(run.config, "center").get("keypoints"))
    crops_of: dict[tuple[str, str, int], list[str]] = {}
    others = []
    for one in used_features(run):
        crop, n = section(one, "crop"), int(one.get("n_features") or 0)
        if crop:
            moments = f" at moments {setting(crop['moments_s'])} s from it" if crop.get("moments_s") else ""
            network = (str(one.get("used")), str(one.get("weights")), n)
            crops_of.setdefault(network, []).append(crop_words(crop) + moments)
        else:
            others.append(f"{one.get('words') or 'numbers that were computed with other software'} ({n} numbers)")
    for (used, weights, n), crops in crops_of.items():
        trained = "trained on ImageNet" if used in WORKS and weights != "random" else f"weights: {weights}"
        each = "was" if len(crops) == 1 else "were each"
        yield (
            f"Of {of_frames}, {listing(crops)} (center: {keypoints}) {each} turned into {n} numbers by the network "
            f"{used}{cite(used)} ({trained}), which was not trained further."
        )
    for made in others:
        yield f"Features of {of_frames} were {made}."
    n_kept = section(run.config, "training").get("reduce_features") or 0
    if n_kept:
        yield f"The head saw up to {n_kept} principal components of them, learned from its training recordings."


def _heads(run: Run, cite: Cite) -> Iterator[str]:
    head, training = section(run.config, "head"), section(run.config, "training")
    name = str(head.get("name"))
    sizes = ", ".join(
        f"{key}: {setting(head[key])}" for key in ("layers", "units", "filters", "width") if head.get(key)
    )
    kind = f"{'bidirectional ' * bool(head.get('bidirectional'))}{_NAMES.get(name, name)}{cite(name)}"
    which = (
        f"One {kind} head ({sizes}) for all {len(run.behaviors)} classes ({listing(run.behaviors)})"
        if run.is_exclusive
        else f"For each behavior ({listing(run.behaviors)}) a {kind} head ({sizes})"
    )
    is_thesis = run.config.get("protocol") == "thesis"
    stopped_by = "the held-out recording itself, as published" if is_thesis else "recordings that were left out for it"
    n_members = section(run.config, "ensemble").get("members") or 1
    of_members = f"; the mean of {n_members} such heads was taken" if n_members > 1 else ""
    loss = section(section(run.config, "task"), "loss").get("name")
    focal = f"focal loss{cite('focal')}, " if loss == "focal" else ""
    yield (
        f"{which} learned from windows of {setting(training.get('window_frames'))} frames with Adam{cite('adam')} "
        f"(learning rate {setting(training.get('learning_rate'))}, {focal}"
        f"at most {setting(training.get('epochs'))} epochs, stopped early by {stopped_by}){of_members}."
    )
    settings = {name: run.tables.settings(name, FINAL) for name in run.behaviors}
    words = {name: DESCRIPTIONS[run.task](found) for name, found in settings.items() if found is not None}
    if run.config.get("postprocess") == "tune":
        yield (
            "Probabilities became bouts by post-processing that was chosen, for each held-out recording, on others "
            "that the heads had not seen (postprocess.csv has all settings)."
        )
    elif words:
        same = set(words.values())
        each = same.pop() if len(same) == 1 else " ".join(f"{name}: {text}" for name, text in words.items())
        yield f"Probabilities became bouts by post-processing. {each.rstrip('.')}."
    calibration = run.config.get("calibration")
    if calibration in WORKS:
        yield f"They were calibrated ({calibration}{cite(calibration)}) on recordings other than the scored one."


def _evaluation(run: Run, cite: Cite) -> Iterator[str]:
    for subset, words in ((CROSS_VALIDATION, "Cross-validation"), (TEST, "The test")):
        members = run.members(subset)
        n_individuals = len({row.individual for row in members})
        if subset in run.subsets:
            how = "which took no part in training or any choice"
            if subset == CROSS_VALIDATION:
                how = "each predicted by heads that had not learned from any recording of the same individual or video"
                if run.config.get("protocol") == "thesis":
                    how += ", but were stopped by the recording itself, so that the scores are optimistic"
            scored = f"{_several(len(members), 'recording')} of {_several(n_individuals, 'individual')}"
            yield f"{words} scored {scored}, {how}."
    yield f"We report frame-wise F1 and average precision and segmental F1{cite('bouts')}."
    if any(row["low"] is not None for row in run.tables.intervals):
        yield f"Intervals are 95 % bootstrap intervals over individuals{cite('bootstrap')}."


def _several(n: int, what: str) -> str:
    return f"{n} {what}" + "s" * (n != 1)
