"""How the numbers came about, in words, for the methods section of a paper."""

from collections.abc import Iterator, Mapping
from typing import Any

from common.suggestions import listing
from common.wording import setting
from pipeline.report.ensemble import ensemble_method
from pipeline.run_folder.features import used_features
from pipeline.run_folder.reading import CROSS_VALIDATION, EVALUATION, TEST, Run, section
from pipeline.run_folder.tables import FINAL
from pipeline.scoring.agreement import RULES
from pipeline.scoring.bouts.metrics import MATCHED_IOU
from pipeline.scoring.postprocessing.decisions import DESCRIPTIONS
from pipeline.scoring.scores import CLOSED
from pipeline.scoring.statistics.intervals import DEFAULT_RESAMPLES, MIN_CLUSTERS

_OBJECTIVES = {"mean": "the mean of frame F1 and bout F1 at IoU 0.5", "frame_f1": "frame F1"}


def method_words(run: Run) -> list[str]:
    """Paragraphs on features, splits, protocol, post-processing, calibration, scores and intervals."""
    how = [*_features(run), *ensemble_method(run), *_task(run), *_splits(run), *_postprocessing(run)]
    if not run.subsets:
        return how
    return [
        *how,
        "Pooled means: counts of all recordings are added up, and the precision-recall curve runs over all their "
        "frames together; it is not a mean over recordings. Only frames that a human scored and the model predicted "
        "count. Average precision (AP) is the area under the precision-recall curve as a sum of steps; a model that "
        "guesses reaches the share of positive frames (“chance”). Accuracy is listed last, for comparison with older "
        "work only: for a rare behavior it is high whatever the model does.",
        *_bouts_and_intervals(run),
    ]


def _features(run: Run) -> Iterator[str]:
    facts = used_features(run)
    sources = []
    for one in facts:
        crop, width = section(one, "crop"), one.get("n_features")
        if one.get("words"):
            sources.append(f"{one['words']} ({width} numbers)")
            continue
        if not crop:
            sources.append(f"numbers that were computed elsewhere ({width} for each frame)")
            continue
        shown = crop_words(crop)
        if crop.get("moments_s"):
            around = "its own position" if crop.get("follow") else "the animal’s position in that frame"
            shown = (
                f"the gray crops ({crop.get('size_px')} px) of three moments ({setting(crop['moments_s'])} "
                f"s from the frame, each around {around}) as the red, green and blue of one picture"
            )
        sources.append(f"{shown}, by the frozen network {one.get('used')} ({width} numbers)")
    if sources:
        said = f"Features of each analysed frame: {'; '.join(sources)}."
        if len(sources) > 1:
            is_scaled = section(run.config, "training").get("standardize", True)
            scaled = (
                "; each source is scaled by itself and weighs as much as any other" if is_scaled else ", as they are"
            )
            said += f" They are joined{scaled}."
        n_kept = section(run.config, "training").get("reduce_features", 0)
        if 0 < n_kept < sum(one.get("n_features") or 0 for one in facts):
            said += f" The head sees {n_kept} principal components of them, learned from its training recordings."
        yield said


def crop_words(crop: Mapping[str, Any]) -> str:
    """What is cut out of a frame; settings that an older run hasn't are as they were then."""
    whose = "the animal’s partner" if crop.get("animal") == "partner" else "the animal"
    margin = f"and {setting(crop.get('margin_percent'))} % at each end"
    shown = {
        "box": f"a square around the box of {whose} ({margin})",
        "pair": f"a square around the boxes of the animal and its partner ({margin})",
    }.get(str(crop.get("around")), f"a crop of {crop.get('size_px')} px around {whose}")
    return f"{shown}, keypoints drawn on it" if crop.get("keypoint_overlay") else shown


def _task(run: Run) -> Iterator[str]:
    task = section(run.config, "task")
    if run.is_exclusive:
        other = task.get("other")
        rest = (
            f"{other}: nothing was annotated, where all was watched)"
            if other
            else "frames without any of them are not scored)"
        )
        is_weighted = section(run.config, "training").get("class_weights", True)
        weights = "classes count the same in training, however rare" if is_weighted else "all frames count the same"
        yield (
            f"Exclusive classes: one head gives every frame a probability for each of {len(run.behaviors)} behaviors "
            f"({rest}, by a softmax; {weights}. Scores of all classes are means "
            "over those that a human saw, from one confusion matrix; the weighted F1 counts each by its frames."
        )
    loss = section(task, "loss")
    if loss.get("name") == "focal":
        yield f"The loss is focal (Lin et al. 2017), gamma {setting(loss.get('gamma'))}."


def _splits(run: Run) -> Iterator[str]:
    if EVALUATION in run.subsets:
        yield (
            "Evaluation: probabilities that another program wrote are scored against labels. This page cannot know how "
            "that program was trained, or whether it had seen these recordings."
        )
    if CROSS_VALIDATION in run.subsets:
        is_parted = any(row.fold.startswith("part ") for row in run.training)
        how = f", in {run.config.get('cross_validation')} parts (more for a rare behavior)" if is_parted else ""
        yield (
            f"Cross-validation: each training recording is held out once{how}, together with all other recordings "
            "of the same individual or video, and is predicted by heads that were trained on the rest."
        )
        yield from _protocol(run)
    if TEST in run.subsets:
        epochs = (
            "as many epochs as the median of the folds’ best"
            if CROSS_VALIDATION in run.subsets
            else "a fixed number of epochs"
        )
        yield (
            f"Test: final heads are trained on all training recordings ({epochs}) and score the test recordings, "
            "which took no part in any decision, once."
        )


def _protocol(run: Run) -> Iterator[str]:
    protocol = run.config.get("protocol")
    if protocol == "thesis":
        yield (
            "Protocol “thesis” (as published): early stopping watches the held-out recording itself, which is "
            "then scored. The weights are therefore chosen on the frames that are scored, and these numbers are "
            "optimistic."
        )
        return
    yield (
        "Protocol “nested”: early stopping watches another training recording; the held-out one is scored "
        "and decides nothing. Scaling and class weights come from the training recordings of each fold alone."
    )
    if run.config.get("refit"):
        yield (
            "Once the best epoch is known, the fold’s head is trained again for as many epochs on training and "
            "validation recordings together, just as the final heads are, and predicts the held-out recording."
        )
    if protocol == "compare":
        yield (
            "The published protocol, in which early stopping watches the held-out recording, was carried out as well; "
            "its scores serve the comparison of protocols alone and are nowhere else on this page."
        )


def _postprocessing(run: Run) -> Iterator[str]:
    settings = {b: run.tables.settings(b, FINAL) for b in run.behaviors}
    described = {name: DESCRIPTIONS[run.task](found) for name, found in settings.items() if found is not None}
    objective = next((row.objective for row in run.tables.choices if row.objective), "")
    if objective:
        yield (
            f"Post-processing was chosen {'for all classes' if run.is_exclusive else 'per behavior'} from the "
            "predictions of recordings that the heads had not seen, "
            f"for {_OBJECTIVES.get(objective, objective.replace('_', ' ').replace('@', ' at IoU '))}; no "
            "post-processing was among the candidates. For a cross-validated recording it was chosen from the other "
            "training "
            "recordings, by heads that saw neither those nor the recording itself"
            + (
                " (for as many epochs as this protocol’s early stopping on that recording said)."
                if run.config.get("protocol") == "thesis"
                else ": the recording that is scored takes no part."
            )
        )
    elif described:
        same = set(described.values())
        words = same.pop() if len(same) == 1 else " ".join(f"{name}: {text}" for name, text in described.items())
        yield f"Post-processing (fixed): {words}"
    first = "most probable class" if run.is_exclusive else "threshold"
    if described:
        yield (
            f"“Raw” is the {first} alone, “closed only” the {first} and gaps filled"
            f"{_bare_settings(run) if objective else ''}, “all steps” the full chain."
        )
    calibration, without = run.config.get("calibration"), section(run.provenance, "uncalibrated")
    calibrated = [name for name in run.behaviors if name not in without]
    if calibration and calibration != "none" and calibrated:
        of_some = f" of {listing(calibrated)}" if without else ""
        yield (
            f"Probabilities{of_some} are calibrated ({calibration}), like post-processing from recordings other than "
            "the one that is scored."
        )


def _bare_settings(run: Run) -> str:
    """With which threshold and gap tuned settings are compared, in parentheses."""
    for behavior in run.behaviors:
        closed = run.tables.settings(behavior, FINAL, CLOSED)
        if closed is not None:
            threshold = "" if run.is_exclusive else f"threshold {closed.threshold:g}, "
            return f" ({threshold}gaps of up to {closed.max_gap_s:g} s)"
    return ""


def _bouts_and_intervals(run: Run) -> Iterator[str]:
    if run.tables.bout_scores:
        yield (
            "Bouts (segmental F1@k, Lea et al. 2017): every predicted bout, in order of time, takes the human bout "
            "that it overlaps most; it is right when their intersection over union (IoU) is at least k and no earlier "
            "one took the same human bout. Counted the other way (“true to predicted”), every human bout takes the "
            "predicted one that it overlaps most. Missed: human bouts that no "
            "predicted bout touches; invented: predicted bouts that touch no human bout; split: human bouts touched by "
            "two or more predicted ones; merged: predicted bouts that touch two or more human ones. Onset and offset "
            f"errors are those of pairs matched at an IoU of {MATCHED_IOU}. The edit score asks for the order of bouts "
            "alone."
        )
    if run.tables.intervals:
        yield (
            "Intervals: 95 % percentile bootstrap over individuals (recordings where no individual is named; animals "
            "that were filmed together are one), never "
            f"over frames, {DEFAULT_RESAMPLES:,} resamples; none for fewer than {MIN_CLUSTERS}. With few individuals "
            "they are too narrow: at 5, a 95 % interval covers the truth in about 85 % of cases."
        )
    if run.tables.agreement:
        rule = str(run.config.get("annotations") or "")
        whose = f"labels merged by “{rule}”" if rule in RULES else f"the labels of {rule}" if rule else "their labels"
        yield (
            f"Several people annotated. The model is trained and scored on {whose}; apart from that, it is compared "
            "with each of them, and they with each other, on the frames that both scored."
        )
