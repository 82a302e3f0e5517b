from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scoring.bouts.bouts import frames_from_runs
from pipeline.scoring.bouts.matching import best_overlaps, segment_edits
from pipeline.scoring.bouts.metrics import (
    IOU_THRESHOLDS,
    MATCHED_IOU,
    BoutCounts,
    bout_counts,
)
from pipeline.scoring.bouts.scores import bout_cells
from pipeline.scoring.metrics import Counts
from pipeline.scoring.undefined import (
    NO_END_SEEN,
    NO_FRAMES,
    NO_MATCHED_BOUT,
    NO_PREDICTED_BOUT,
    NO_TRUE_BOUT,
    reasons_undefined,
)

# Both timelines and the scored mask of one recording, frame by frame.
recordings = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=60).map(
    lambda rows: np.array(rows, dtype=bool).reshape(-1, 3).T
)


def count(true_runs, predicted_runs, n_frames=100, fps=10, unscored=()):
    scored = ~frames_from_runs(unscored, n_frames)
    true, predicted = (frames_from_runs(runs, n_frames) for runs in (true_runs, predicted_runs))
    return bout_counts(true, predicted, fps, scored)


def test_a_hand_made_timeline():
    #        found, late     split in two              missed    merged into one
    true = [(10, 20), (30, 50), (60, 65), (70, 75), (80, 85)]
    predicted = [(2, 5), (12, 20), (30, 34), (40, 49), (70, 87), (95, 98)]
    counts = count(true, predicted)
    assert (counts.n_true, counts.n_predicted) == (5, 6)
    assert (counts.missed, counts.invented, counts.split, counts.merged) == (1, 2, 1, 1)
    # IoU of (12, 20): 8/10. (30, 34): 4/20. (40, 49): 9/20. (70, 87): 5/17 with either bout, takes the earlier.
    assert counts.predicted_to_true(0.1) == Counts(tp=3, fp=3, fn=2)
    assert counts.predicted_to_true(0.25) == Counts(tp=3, fp=3, fn=2)
    assert counts.predicted_to_true(0.5) == Counts(tp=1, fp=5, fn=4)
    assert counts.predicted_to_true(0.25).precision == pytest.approx(3 / 6)
    assert counts.predicted_to_true(0.25).recall == pytest.approx(3 / 5)
    assert counts.predicted_to_true(0.25).f1 == pytest.approx(6 / 11)
    # At 0.25 the pairs are (12, 20) of (10, 20), (40, 49) of (30, 50), (70, 87) of (70, 75).
    assert counts.n_matched == 3
    assert counts.onset_errors_s == pytest.approx((0.2, 1.0, 0.0))
    assert counts.offset_errors_s == pytest.approx((0.0, -0.1, 1.2))
    assert (counts.onset_error_s, counts.onset_shift_s) == (pytest.approx(0.2), pytest.approx(0.2))
    assert (counts.offset_error_s, counts.offset_shift_s) == (pytest.approx(0.1), pytest.approx(0.0))
    # 5 bouts between 6 backgrounds against 6 between 7.
    assert (counts.edit_distance, counts.n_edit_segments) == (2, 13)
    assert counts.edit_score == pytest.approx(11 / 13)


def test_of_equal_overlaps_the_earlier_bout_is_taken():
    overlaps = best_overlaps([(0, 10)], [(0, 4), (6, 10)])
    assert (overlaps.best.tolist(), overlaps.iou.tolist(), overlaps.n_overlapping.tolist()) == ([0], [0.4], [2])


@pytest.mark.parametrize(
    ("n_frames", "hits"),
    [(1, (0, 0, 0)), (2, (1, 0, 0)), (4, (1, 0, 0)), (5, (1, 1, 0)), (9, (1, 1, 0)), (10, (1, 1, 1))],
)
def test_an_overlap_of_exactly_the_threshold_counts(n_frames, hits):
    # A bout of 20 frames and a part of it: an IoU of 0.1, 0.25 and 0.5, and one frame less.
    counts = count([(20, 40)], [(20, 20 + n_frames)])
    assert (counts.hits_predicted_to_true, counts.hits_true_to_predicted) == (hits, hits)


def test_a_bout_is_taken_once_and_only_by_a_bout_that_overlaps_enough():
    twice = count([(10, 20)], [(10, 14), (16, 20)])
    assert twice.predicted_to_true(0.25) == Counts(tp=1, fp=1, fn=0)
    assert twice.onset_errors_s == (0.0,)
    # The first one overlaps too little to take the bout and leaves it to the second.
    left = count([(10, 20)], [(8, 11), (12, 20)])
    assert left.predicted_to_true(0.25) == Counts(tp=1, fp=1, fn=0)
    assert left.onset_errors_s == (0.2,)


def test_the_two_views_may_differ_below_one_half():
    true, predicted = [(0, 30), (32, 37)], [(0, 14), (15, 35)]
    counts = count(true, predicted)
    # Both predicted bouts prefer the first true one (14/30, 15/35); each true bout prefers another predicted one.
    assert counts.predicted_to_true(0.1) == Counts(tp=1, fp=1, fn=1)
    assert counts.true_to_predicted(0.1) == Counts(tp=2, fp=0, fn=0)


def test_a_bout_is_cut_where_nobody_scored():
    true = [(10, 40)]
    counts = count(true, [(10, 40)], unscored=[(20, 30)])
    assert (counts.n_true, counts.n_predicted, counts.hits_predicted_to_true) == (2, 2, (2, 2, 2))
    # What lies wholly in unscored frames is no bout, and a bout that reaches over is judged by what is scored.
    assert count([(10, 12)], [(10, 12), (22, 28)], unscored=[(20, 30)]).n_predicted == 1
    assert count([(10, 20)], [(10, 30)], unscored=[(20, 40)]).hits_predicted_to_true == (1, 1, 1)


def test_ends_that_nobody_saw_are_not_compared():
    # The first true bout began before the recording did, the last one is cut by unscored frames.
    counts = count([(0, 10), (40, 50)], [(2, 10), (40, 49)], unscored=[(50, 60)])
    assert counts.n_matched == 2
    assert counts.onset_errors_s == (0.0,)
    assert counts.offset_errors_s == (0.0,)
    none_seen = count([(0, 100)], [(0, 100)])
    assert (none_seen.n_matched, none_seen.onset_error_s, none_seen.offset_shift_s) == (1, None, None)


def test_medians_are_over_all_pairs_of_all_recordings():
    counts = BoutCounts(onset_errors_s=(-0.4, 0.1)) + BoutCounts(onset_errors_s=(-0.2, 0.3))
    assert counts.onset_error_s == pytest.approx(0.25)
    assert counts.onset_shift_s == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("true", "predicted", "distance", "n_segments"),
    [
        ([0, 0, 1, 1, 0], [0, 1, 1, 0, 0], 0, 3),  # order alone matters
        ([0, 0, 0], [1, 1, 1], 1, 1),
        ([0, 1], [1, 0], 2, 2),
        ([0, 1, 0], [1, 0, 1], 2, 3),
        ([0, 1, 0, 1], [1, 0, 1, 1], 1, 4),  # B A B A against A B A
        ([0, 0, 0, 0, 0], [0, 1, 0, 1, 0], 4, 5),
        ([], [], 0, 0),
    ],
)
def test_edit_distances_by_hand(true, predicted, distance, n_segments):
    one, other = np.array(true, dtype=bool), np.array(predicted, dtype=bool)
    assert segment_edits(one, other, np.ones(len(true), dtype=bool)) == (distance, n_segments)
    assert segment_edits(other, one, np.ones(len(true), dtype=bool)) == (distance, n_segments)


def test_scores_that_are_undefined_say_why():
    def undefined(counts):
        return reasons_undefined(bout_cells(counts))

    ends = ("onset_error_s", "onset_shift_s", "offset_error_s", "offset_shift_s")
    precisions = [f"bout_precision_iou{k}" for k in (10, 25, 50)]
    of_true = [f"bout_{name}" for k in (10, 25, 50) for name in (f"recall_iou{k}", f"f1_iou{k}")]
    of_true += [f"bout_f1_iou{k}_true_to_predicted" for k in (10, 25, 50)]
    no_match = dict.fromkeys(ends, NO_MATCHED_BOUT)
    assert undefined(count([(1, 5)], [(1, 5)])) == {}
    assert undefined(count([(1, 5)], [])) == dict.fromkeys(precisions, NO_PREDICTED_BOUT) | no_match
    assert undefined(count([], [(1, 5)])) == dict.fromkeys(of_true, NO_TRUE_BOUT) | no_match
    assert undefined(count([(1, 5)], [(50, 60)])) == no_match
    assert undefined(count([(0, 100)], [(0, 100)])) == dict.fromkeys(ends, NO_END_SEEN)
    nothing = dict.fromkeys([*precisions, *of_true, *ends, "edit_score"], NO_FRAMES)
    assert undefined(count([(1, 5)], [(1, 5)], unscored=[(0, 100)])) == nothing
    assert undefined(bout_counts([], [], fps=10)) == nothing
    missed = count([(1, 5)], []).predicted_to_true(0.5)
    assert (missed.f1, missed.recall) == (0.0, 0.0)


# --- The published definitions once more, on labels and sets of frames, to compare with ---


def scored_stretches(true, predicted, scored):
    """Label sequences of both timelines in each stretch of scored frames."""
    numbered = enumerate(zip(true.tolist(), predicted.tolist(), scored.tolist(), strict=True))
    for judged, group in groupby(numbered, key=lambda entry: entry[1][2]):
        if judged:
            members = list(group)
            yield [(frame, labels[0]) for frame, labels in members], [(frame, labels[1]) for frame, labels in members]


def segments(labeled_frames):
    """Ordered (label, set of frames) of a sequence of (frame, label)."""
    return [(label, {frame for frame, _ in group}) for label, group in groupby(labeled_frames, key=lambda f: f[1])]


def published_matches(choosing, chosen, iou):
    """Indices of the pairs by which segments of `choosing` are true positives."""
    pairs, taken = [], set()
    for index, frames in enumerate(choosing):
        ratios = [len(frames & other) / len(frames | other) for other in chosen]
        favorite = ratios.index(max(ratios)) if ratios else None
        if favorite is not None and ratios[favorite] >= iou and favorite not in taken:
            taken.add(favorite)
            pairs.append((index, favorite))
    return pairs


def levenshtein(one, other):
    previous = list(range(len(other) + 1))
    for i, label in enumerate(one, start=1):
        row = [i]
        for j, label_of_other in enumerate(other, start=1):
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (label != label_of_other)))
        previous = row
    return previous[-1]


def published_counts(true, predicted, scored, fps):
    """The components of all bout scores, stretch by stretch and segment by segment."""
    total = BoutCounts()
    for stretch_true, stretch_predicted in scored_stretches(true, predicted, scored):
        true_segments, predicted_segments = segments(stretch_true), segments(stretch_predicted)
        bouts = [frames for label, frames in true_segments if label]
        found = [frames for label, frames in predicted_segments if label]
        first, last = stretch_true[0][0], stretch_true[-1][0]
        pairs = [(bouts[j], found[i]) for i, j in published_matches(found, bouts, MATCHED_IOU)]
        overlaps_of_bouts = [sum(bool(bout & other) for other in found) for bout in bouts]
        overlaps_of_found = [sum(bool(bout & other) for other in bouts) for bout in found]
        total += BoutCounts(
            n_true=len(bouts),
            n_predicted=len(found),
            hits_predicted_to_true=tuple(len(published_matches(found, bouts, iou)) for iou in (0.1, 0.25, 0.5)),
            hits_true_to_predicted=tuple(len(published_matches(bouts, found, iou)) for iou in (0.1, 0.25, 0.5)),
            missed=overlaps_of_bouts.count(0),
            invented=overlaps_of_found.count(0),
            split=sum(n > 1 for n in overlaps_of_bouts),
            merged=sum(n > 1 for n in overlaps_of_found),
            onset_errors_s=tuple((min(p) - min(t)) / fps for t, p in pairs if first not in t | p),
            offset_errors_s=tuple((max(p) - max(t)) / fps for t, p in pairs if last not in t | p),
            edit_distance=levenshtein([s[0] for s in true_segments], [s[0] for s in predicted_segments]),
            n_edit_segments=max(len(true_segments), len(predicted_segments)),
        )
    return total


def random_runs(rng, n_frames, mean_run_frames):
    """A timeline that changes with probability 1 / mean_run_frames per frame."""
    changes = rng.random(n_frames) < 1 / mean_run_frames
    return (np.cumsum(changes) + rng.integers(2)) % 2 == 1


def random_recording(rng):
    """A timeline, a flawed copy of it or an unrelated one, and a mask with holes or without."""
    n_frames = int(rng.choice([0, 1, 2, 5, 20, 60, 150]))
    kind = rng.random(2)
    true = np.full(n_frames, kind[0] < 0.05) if kind[0] < 0.1 else random_runs(rng, n_frames, rng.choice([2, 5, 15]))
    if kind[1] < 0.1:
        predicted = np.full(n_frames, kind[1] < 0.05)
    elif kind[1] < 0.3:
        predicted = random_runs(rng, n_frames, rng.choice([2, 5, 15]))
    else:
        predicted = np.roll(true, rng.integers(-3, 4)) ^ (rng.random(n_frames) < rng.choice([0.0, 0.05, 0.2]))
    scored = np.ones(n_frames, dtype=bool) if rng.random() < 0.5 else ~random_runs(rng, n_frames, 12)
    return true, predicted, scored


def test_a_thousand_random_timelines_agree_with_the_published_definitions():
    rng = np.random.default_rng(20170716)
    pooled, n_differing_views, n_with_unseen_ends = BoutCounts(), 0, 0
    for _ in range(1000):
        true, predicted, scored = random_recording(rng)
        counts = bout_counts(true, predicted, 25, scored)
        assert counts == published_counts(true, predicted, scored, 25)
        pooled += counts
        n_differing_views += counts.hits_predicted_to_true != counts.hits_true_to_predicted
        n_with_unseen_ends += counts.n_matched > len(counts.onset_errors_s)
    # The timelines must reach what could go wrong: every count, both views, ends that nobody saw.
    hits = pooled.hits_predicted_to_true
    assert min(pooled.missed, pooled.invented, pooled.split, pooled.merged, pooled.edit_distance) > 100
    assert min(hits[0] - hits[1], hits[1] - hits[2], hits[2]) > 100
    assert n_differing_views >= 5
    assert n_with_unseen_ends > 50


@given(recordings)
@settings(max_examples=60)
def test_a_perfect_prediction_scores_one_everywhere(timelines):
    true, _, scored = timelines
    counts = bout_counts(true, true, 30, scored)
    for iou in IOU_THRESHOLDS:
        for matches in (counts.predicted_to_true(iou), counts.true_to_predicted(iou)):
            expected = 1.0 if (true & scored).any() else None
            assert (matches.precision, matches.recall, matches.f1) == (expected, expected, expected)
    assert (counts.missed, counts.invented, counts.split, counts.merged) == (0, 0, 0, 0)
    assert counts.edit_score == (1.0 if scored.any() else None)
    assert set(counts.onset_errors_s + counts.offset_errors_s) <= {0.0}


@given(recordings)
@settings(max_examples=60)
def test_exchanging_the_timelines_exchanges_the_views(timelines):
    true, predicted, scored = timelines
    counts, mirrored = bout_counts(true, predicted, 30, scored), bout_counts(predicted, true, 30, scored)
    assert (counts.n_true, counts.n_predicted) == (mirrored.n_predicted, mirrored.n_true)
    assert counts.hits_predicted_to_true == mirrored.hits_true_to_predicted
    assert counts.hits_true_to_predicted == mirrored.hits_predicted_to_true
    assert (counts.missed, counts.split) == (mirrored.invented, mirrored.merged)
    assert (counts.edit_distance, counts.n_edit_segments) == (mirrored.edit_distance, mirrored.n_edit_segments)
    for iou in IOU_THRESHOLDS:
        assert counts.predicted_to_true(iou).precision == mirrored.true_to_predicted(iou).recall
    # With room for one partner only, it does not matter who chooses.
    assert counts.hits_predicted_to_true[2] == counts.hits_true_to_predicted[2]


@given(st.lists(recordings, min_size=2, max_size=4), st.integers(1, 5))
@settings(max_examples=60)
def test_components_of_recordings_add_up_to_those_of_their_sequence(parts, n_unscored):
    gap = np.array([[True], [True], [False]]).repeat(n_unscored, axis=1)
    true, predicted, scored = np.concatenate([array for part in parts for array in (part, gap)], axis=1)
    total = sum((bout_counts(part[0], part[1], 25, part[2]) for part in parts), BoutCounts())
    assert bout_counts(true, predicted, 25, scored) == total


@given(recordings, st.integers(0, 20), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_neither_a_shift_in_time_nor_unscored_frames_change_anything(timelines, n_shifted, random):
    true, predicted, scored = timelines
    counts = bout_counts(true, predicted, 25, scored)
    before = np.zeros((3, n_shifted), dtype=bool)
    before[:2] = np.array([random.random() < 0.5 for _ in range(2 * n_shifted)]).reshape(2, n_shifted)
    later = np.concatenate([before, timelines], axis=1)
    assert bout_counts(later[0], later[1], 25, later[2]) == counts
    assert bout_counts(true ^ ~scored, predicted | ~scored, 25, scored) == counts


@given(recordings)
@settings(max_examples=60)
def test_counts_fit_each_other(timelines):
    true, predicted, scored = timelines
    counts = bout_counts(true, predicted, 25, scored)
    assert list(counts.hits_predicted_to_true) == sorted(counts.hits_predicted_to_true, reverse=True)
    assert counts.hits_predicted_to_true[0] + counts.missed <= counts.n_true
    assert counts.hits_predicted_to_true[0] + counts.invented <= counts.n_predicted
    assert counts.split + counts.missed <= counts.n_true
    assert 0 <= counts.edit_distance <= counts.n_edit_segments
    slower = bout_counts(true, predicted, 12.5, scored)
    assert slower.onset_errors_s == pytest.approx([2 * error for error in counts.onset_errors_s])


@pytest.mark.shared
def test_three_raters_of_real_videos_agree_on_bouts_about_as_published(shared_dir):
    with np.load(shared_dir / "data/open_field_raters/open_field_raters.npz") as arrays:
        videos = [arrays[name] == 1 for name in arrays.files if name.endswith("/labels")]
    # On all 20 videos of the source: bout F1 at IoU 0.5, onsets 3 to 5 frames apart; 15 of them are here.
    for behavior, published_f1 in enumerate((0.922, 0.734, 0.483)):
        pairs = [
            sum((bout_counts(v[:, one, behavior], v[:, other, behavior], fps=25) for v in videos), BoutCounts())
            for one, other in ((0, 1), (0, 2), (1, 2))
        ]
        assert np.mean([counts.predicted_to_true(0.5).f1 for counts in pairs]) == pytest.approx(published_f1, abs=0.02)
        assert all(2.5 <= 25 * counts.onset_error_s <= 6.5 for counts in pairs)
