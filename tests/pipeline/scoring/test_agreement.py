from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score

from pipeline.annotations import read_annotation
from pipeline.dataset.labels import label_tracks
from pipeline.dataset.table import read_recordings
from pipeline.scoring.agreement import (
    CONSENSUS,
    FIRST_SAW_NOTHING,
    HUMAN_HUMAN,
    MODEL,
    MODEL_CONSENSUS,
    MODEL_HUMAN,
    NO_COMMON_FRAMES,
    NO_MATCHED_ENDS,
    NOT_SEEN,
    NOT_SEEN_BY_EITHER,
    RULES,
    SAME_SINGLE_CLASS,
    agreement_cells,
    agreement_rows,
    compare_tracks,
    human_ceiling,
    merge_annotators,
)
from pipeline.scoring.timeline import Timeline, Track

# Per annotator what a frame may hold: seen, not seen, not scored (and what it says there).
FRAMES = st.lists(
    st.tuples(*[st.sampled_from([(True, True), (False, True), (False, False), (True, False)])] * 3),
    min_size=1,
    max_size=40,
)


def track(text):
    """`1` seen, `0` not seen, `.` not scored."""
    return Track(np.array([c == "1" for c in text]), np.array([c != "." for c in text]))


def text(active, scored):
    return "".join("." if not s else "1" if a else "0" for a, s in zip(active, scored, strict=True))


# ---- merging


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("majority", "10.01.1.0"), ("union", "1110111.0"), ("intersection", "1000001.0")],
)
def test_rules_by_hand(rule, expected):
    #  all yes | tie | one scored | ...: columns are frames, rows are annotators
    tracks = [track("111011..."), track("1000101.0")]
    tracks.append(track("10.00...0"))
    merged = merge_annotators(tracks, rule)
    assert text(merged.active, merged.scored) == expected
    assert text(merged.disagree, np.ones(9, bool)) == "011011000"


@given(FRAMES, st.sampled_from(RULES))
def test_rules_equal_a_vote_frame_by_frame(rows, rule):
    tracks = [Track(*np.array([row[i] for row in rows]).T) for i in range(3)]
    merged = merge_annotators(tracks, rule)
    for frame, row in enumerate(rows):
        votes = [seen for seen, scored in row if scored]
        yes, no = votes.count(True), votes.count(False)
        if rule == "majority":
            expected = None if yes == no else yes > no
        elif not votes:
            expected = None
        else:
            expected = any(votes) if rule == "union" else all(votes)
        assert merged.scored[frame] == (expected is not None)
        assert merged.active[frame] == bool(expected)
        assert merged.disagree[frame] == (yes > 0 and no > 0)


@pytest.mark.parametrize("rule", RULES)
def test_one_annotator_alone_is_kept_as_is(rule):
    merged = merge_annotators([track("01.10")], rule)
    assert text(merged.active, merged.scored) == "01.10"
    assert not merged.disagree.any()


# ---- pairs


@settings(max_examples=60)
@given(FRAMES)
def test_frame_measures_equal_scikit_learn_on_the_common_frames(rows):
    first, second = (Track(*np.array([row[i] for row in rows]).T) for i in range(2))
    pair = compare_tracks(first, second, fps=25)
    both = first.scored & second.scored
    ours, theirs = first.active[both], second.active[both]
    cells = agreement_cells(pair, MODEL_HUMAN)
    assert cells["n_frames"] == both.sum()
    assert (cells["n_active_first"], cells["n_active_second"]) == (ours.sum(), theirs.sum())
    if not theirs.any():
        assert (cells["f1"], cells["recall"]) == (None, None)
    else:
        assert cells["f1"] == pytest.approx(f1_score(theirs, ours))
        assert cells["recall"] == pytest.approx(recall_score(theirs, ours))
    if ours.any():
        assert cells["precision"] == pytest.approx(precision_score(theirs, ours))
    if len(set(ours) | set(theirs)) == 2:
        assert cells["kappa"] == pytest.approx(cohen_kappa_score(ours, theirs))
    else:
        assert cells["kappa"] is None


@settings(max_examples=60)
@given(FRAMES)
def test_two_humans_agree_alike_in_either_order(rows):
    first, second = (Track(*np.array([row[i] for row in rows]).T) for i in range(2))
    there = agreement_cells(compare_tracks(first, second, 25), HUMAN_HUMAN)
    back = agreement_cells(compare_tracks(second, first, 25), HUMAN_HUMAN)
    for name in ("n_frames", "kappa", "f1", "bout_f1_iou50", "onset_difference_s"):
        assert there[name] == back[name]
    assert (there["precision"], there["recall"]) == (back["recall"], back["precision"])
    one_way = [agreement_cells(compare_tracks(*pair, 25), MODEL_HUMAN) for pair in ((first, second), (second, first))]
    for name in ("f1", "bout_f1_iou50"):
        values = [cells[name] for cells in one_way]
        if None not in values:
            assert there[name] == pytest.approx(np.mean(values))


def test_bouts_and_onsets_by_hand():
    #        hit, 1 frame late   invented     hit, 3 early     IoU 2/6 < .5
    first = track("0001111000000110000000111111110000001100000000")
    second = track("0011111000000000000000000111110000111111000000")
    cells = agreement_cells(compare_tracks(first, second, fps=10), MODEL_HUMAN)
    assert (cells["n_bouts_first"], cells["n_bouts_second"]) == (4, 3)
    assert cells["bout_f1_iou50"] == pytest.approx(2 * 2 / (4 + 3))
    # Onsets 1 late, 3 early and, matched at the IoU of onset errors, 2 late.
    assert cells["onset_difference_s"] == pytest.approx(0.2)
    assert cells["reason"] == ""


def test_frames_that_one_did_not_score_cut_bouts_and_do_not_count():
    first, second = track("0111111110"), track("01110.1110")
    pair = compare_tracks(first, second, fps=10)
    assert pair.frames.n_frames == 9
    assert (pair.bouts.n_predicted, pair.bouts.n_true) == (2, 2)
    other = compare_tracks(track("01111.1110"), second, fps=10)
    assert other == pair


def test_what_is_undefined_has_its_reasons():
    def reason(first, second, kind):
        return agreement_cells(compare_tracks(track(first), track(second), 10), kind)

    apart = reason("11..", "..11", HUMAN_HUMAN)
    assert (apart["n_frames"], apart["f1"], apart["reason"]) == (0, None, NO_COMMON_FRAMES)
    never = reason("0000", "0000", HUMAN_HUMAN)
    assert never["reason"].split("; ") == [SAME_SINGLE_CLASS, NOT_SEEN_BY_EITHER, FIRST_SAW_NOTHING, NOT_SEEN]
    only_first = reason("0110", "0000", HUMAN_HUMAN)
    assert (only_first["f1"], only_first["bout_f1_iou50"], only_first["kappa"]) == (0, 0, 0)
    assert only_first["reason"].split("; ") == [NOT_SEEN, NO_MATCHED_ENDS]
    invented = reason("0110", "0000", MODEL_HUMAN)
    assert (invented["f1"], invented["precision"], invented["reason"]) == (None, 0, NOT_SEEN)
    missed = reason("0000", "0110", MODEL_HUMAN)
    assert (missed["f1"], missed["recall"]) == (0, 0)
    assert missed["reason"].split("; ") == [FIRST_SAW_NOTHING, NO_MATCHED_ENDS]


# ---- rows


def annotated(
    recording, annotators, model=None, consensus="union", subset="cross_validation", fps=10.0, behavior="rear"
):
    """One behavior in one recording, as all have it; `model` = its frames as `track` has them."""
    merged = merge_annotators(list(annotators.values()), consensus)
    known = track("." * len(merged.active)) if model is None else track(model)
    probability = np.where(known.scored, 0.5, np.nan)[:, None]
    predicted = {} if model is None else {"full": known.active[:, None]}
    true, scored = merged.active[:, None], merged.scored[:, None]
    timeline = Timeline(recording, fps, (behavior,), probability, predicted, true, scored, subset=subset)
    return timeline, {name: Track(t.active[:, None], t.scored[:, None]) for name, t in annotators.items()}


def humans(**frames):
    return {name: track(text) for name, text in frames.items()}


@pytest.fixture
def parts():
    return [
        annotated("m1", humans(B="00111000110", A="01111000110"), "00111100000", "majority"),
        annotated("m2", humans(A="00000111000", B="00001111000", C="00000110000"), "00000111.00", "majority"),
        annotated("t", humans(A="0110", B="0010"), "0110", "union", subset="test"),
    ]


def find(rows, **keys):
    (row,) = [row for row in rows if all(row[key] == value for key, value in keys.items())]
    return row


def test_rows_hold_every_pair_pooled_and_per_recording(parts):
    rows = agreement_rows(parts, has_consensus=True)
    keys = [(row["subset"][0], row["recording"], row["first"], row["second"]) for row in rows]
    humans = [("A", "B"), ("A", "C"), ("B", "C")]
    models = [(MODEL, "A"), (MODEL, "B"), (MODEL, "C"), (MODEL, CONSENSUS)]
    two = [("A", "B"), (MODEL, "A"), (MODEL, "B"), (MODEL, CONSENSUS)]
    expected = [("c", "pooled", *pair) for pair in humans + models]
    expected += [("c", "m1", *pair) for pair in two]
    expected += [("c", "m2", *pair) for pair in humans + models]
    expected += [("t", recording, *pair) for recording in ("pooled", "t") for pair in two]
    assert keys == expected
    kinds = {(row["first"] == MODEL, row["second"] == CONSENSUS): row["kind"] for row in rows}
    assert kinds == {(False, False): HUMAN_HUMAN, (True, False): MODEL_HUMAN, (True, True): MODEL_CONSENSUS}


def test_pooled_rows_are_sums_over_the_recordings_that_both_annotated(parts):
    rows = agreement_rows(parts, has_consensus=True)
    keys = {"subset": "cross_validation", "first": "A", "second": "B"}
    pooled = find(rows, recording="pooled", **keys)
    assert (pooled["n_recordings"], pooled["n_frames"]) == (2, 22)
    ours = track("0111100011000000111000").active
    theirs = track("0011100011000001111000").active
    assert pooled["kappa"] == pytest.approx(cohen_kappa_score(ours, theirs))
    assert pooled["f1"] == pytest.approx(f1_score(ours, theirs))
    assert (pooled["n_bouts_first"], pooled["n_bouts_second"]) == (3, 3)
    # m1's second bouts begin alike, the first ones and m2's differ by a frame
    assert pooled["bout_f1_iou50"] == 1
    assert pooled["onset_difference_s"] == pytest.approx(0.1)
    model = find(rows, recording="pooled", subset="cross_validation", first=MODEL, second="A")
    assert (model["n_recordings"], model["n_frames"]) == (2, 11 + 10)


def test_the_consensus_leaves_out_frames_on_which_humans_tie(parts):
    row = find(agreement_rows(parts, has_consensus=True), recording="m1", second=CONSENSUS)
    # frame 1 is a tie
    assert row["n_frames"] == 10
    assert row["n_active_second"] == 5


def test_the_human_ceiling_is_over_pairs(parts):
    rows = agreement_rows(parts, has_consensus=True)
    values = [
        row["f1"] for row in rows
        if (row["subset"], row["recording"], row["kind"]) == ("cross_validation", "pooled", HUMAN_HUMAN)
    ]  # fmt: skip
    assert len(set(values)) == 3
    ceiling = human_ceiling(rows, "rear", "cross_validation")
    assert ceiling == (pytest.approx(np.mean(values)), min(values), max(values), 3)
    assert human_ceiling(rows, "rear", "test", "kappa").n_pairs == 1
    assert human_ceiling(rows, "groom", "test") is None


def test_without_a_consensus_or_a_model_there_are_humans_alone(parts):
    assert {row["kind"] for row in agreement_rows(parts, has_consensus=False)} == {HUMAN_HUMAN, MODEL_HUMAN}
    rows = agreement_rows([annotated("n", humans(A="00", B="00"))], has_consensus=True)
    assert {row["kind"] for row in rows} == {HUMAN_HUMAN}


# ---- real annotators


@pytest.mark.shared
@pytest.mark.parametrize(
    ("column", "f1", "kappa"),
    [
        (0, (0.880, 0.907, 0.879), (0.856, 0.887, 0.854)),
        (1, (0.707, 0.776, 0.741), (0.674, 0.750, 0.711)),
        (2, (0.653, 0.704, 0.690), (0.644, 0.697, 0.682)),
    ],
    ids=["supported", "unsupported", "grooming"],
)
def test_three_raters_of_an_open_field_agree_as_published(shared_dir, column, f1, kappa):
    parts = []
    with np.load(shared_dir / "data" / "open_field_raters" / "open_field_raters.npz") as arrays:
        for name in arrays.files:
            if name.endswith("/labels"):
                labels = arrays[name][:, :, column] == 1
                tracks = {str(rater): Track(frames, np.ones_like(frames)) for rater, frames in enumerate(labels.T)}
                parts.append(annotated(name, tracks, fps=25))
    rows = [row for row in agreement_rows(parts, has_consensus=False) if row["recording"] == "pooled"]
    assert [(row["first"], row["second"]) for row in rows] == [("0", "1"), ("0", "2"), ("1", "2")]
    assert {(row["n_recordings"], row["n_frames"]) for row in rows} == {(15, 219_547)}
    assert [row["f1"] for row in rows] == pytest.approx(f1, abs=5e-4)
    assert [row["kappa"] for row in rows] == pytest.approx(kappa, abs=5e-4)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("behavior", "f1", "kappa"),
    [("wall_rearing", 0.930, 0.926), ("turning", 0.869, 0.792), ("locomotion", 0.951, 0.933)],
)
def test_two_annotators_of_the_arena_agree_as_scikit_learn_has_it(shared_dir, behavior, f1, kappa):
    folder = shared_dir / "data" / "mouse_arena"
    recordings = read_recordings(folder / "recordings.csv")
    labels = {
        name: label_tracks(
            {r.id: read_annotation(r.annotation_paths[name], 2000, 30.0) for r in recordings},
            {behavior: [behavior]},
            {r.id: 2000 for r in recordings},
        )
        for name in ("A", "B")
    }
    parts = []
    for r in recordings:
        tracks = {name: Track(of[r.id].active[:, 0], of[r.id].scored[:, 0]) for name, of in labels.items()}
        parts.append(annotated(r.id, tracks, fps=30.0, behavior=behavior))
    (pooled,) = [row for row in agreement_rows(parts, has_consensus=False) if row["recording"] == "pooled"]
    assert (pooled["n_recordings"], pooled["n_frames"]) == (4, 8000)

    frames = {name: np.zeros((4, 2000), dtype=bool) for name in ("A", "B")}
    for name, number in product(("A", "B"), range(4)):
        table = pd.read_csv(folder / f"arena_{number + 1}_annotator_{name}.csv")
        for bout in table[table["behavior"] == behavior].itertuples():
            frames[name][number, bout.start_frame : bout.stop_frame] = True
    first, second = frames["A"].ravel(), frames["B"].ravel()
    assert pooled["f1"] == pytest.approx(f1_score(first, second))
    assert pooled["kappa"] == pytest.approx(cohen_kappa_score(first, second))
    # Published for the whole video; these are four parts of it, so that the figures come near only.
    assert pooled["f1"] == pytest.approx(f1, abs=0.01)
    assert pooled["kappa"] == pytest.approx(kappa, abs=0.01)
