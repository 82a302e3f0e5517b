"""What is true of many recordings is said once, and nothing else is put together."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from common.notes import Doubt
from pipeline.dataset.equal_findings import equal_findings, equal_notes, finding_kinds, names_of, note_kinds
from pipeline.dataset.findings import Finding
from pipeline.dataset.recording import Recording


def recording(name: str) -> Recording:
    labels = {"Ada": Path(f"{name}_labels.csv")}
    return Recording(name, Path(f"{name}.mp4"), Path(f"{name}_dlc.csv"), labels, name, "", "train")


def never(name: str, behavior: str) -> Finding:
    return Finding("note", name, f"{name}_labels.csv by Ada never names {behavior!r}.", "", "")


def test_eighty_files_that_lack_a_behavior_are_one_line_with_a_count():
    recordings = [recording(f"m{i}") for i in range(80)]
    findings = [never(item.id, behavior) for item in recordings for behavior in ("groom", "rear")]
    first, second = equal_findings(findings, recordings)
    assert first.found == "m0_labels.csv by Ada never names 'groom'. (Likewise of the other 79.)"
    assert first.where == "80 recordings (m0, m1, m2, m3, m4, m5 and 74 more)"
    assert first.recordings == tuple(item.id for item in recordings) and second.n_findings == 80


def test_an_error_of_many_rows_of_the_table_is_one_line():
    recordings = [recording(f"m{i}") for i in range(80)]
    findings = [
        Finding("error", item.id, f"recordings.csv, row {row}, column 'fps': {said}.", "", "")
        for said in ("expected a number", "'a.csv' already stands in row 2")
        for row, item in enumerate(recordings, 2)
    ]
    told = equal_findings(findings, recordings)
    assert [equal.n_findings for equal in told] == [80, 80] and "row 2, column" in told[0].found
    other = [
        Finding("error", name, f"{name}_labels.csv, row {i}, column x: no time.", "", "") for i, name in enumerate("ab")
    ]
    assert len(equal_findings(other, [recording("a"), recording("b")])) == 2


def test_what_differs_stays_apart():
    recordings = [recording("m1"), recording("m10"), recording("1")]
    findings = [
        never("m1", "groom"),
        never("m10", "rear"),
        Finding("warning", "m10", *(getattr(never("m10", "groom"), key) for key in ("found", "consequence", "remedy"))),
        Finding("note", "1", "1 of 5 frames of 1.mp4 are black.", "", ""),
        Finding("note", "m1", "2 of 5 frames of m1.mp4 are black.", "", ""),
        Finding("note", "", "m1_labels.csv by Ada never names 'groom'.", "", ""),
    ]
    told = equal_findings(findings, recordings)
    assert [equal.first for equal in told] == findings
    assert told[-1].where == "all recordings"


def dark(name: str, share: int, frames: str) -> Finding:
    return Finding("warning", name, f"{share}% of {name}.mp4 is dark, at frames {frames}.", "Bad.", "More light.")


def test_findings_that_differ_in_numbers_are_of_one_kind_and_keep_them():
    findings = [dark("m1", 20, "1,200, 7 and 9"), never("m1", "groom"), dark("m2", 31, "5"), dark("m3", 20, "4-6")]
    kinds = finding_kinds(findings, [recording(name) for name in ("m1", "m2", "m3")])
    assert [kind.n_findings for kind in kinds] == [3, 1]
    assert kinds[0].where == "3 recordings (m1, m2, m3)"
    assert kinds[0].found.endswith("frames 1,200, 7 and 9. (Likewise, with other numbers, of the other 2.)")
    assert [equal.first for equal in kinds[0].members] == [findings[0], findings[2], findings[3]]
    assert kinds[1].found == findings[1].found and not kinds[1].has_other_numbers
    other = finding_kinds([never("m1", "groom"), never("m1", "rear")], [recording("m1")])
    assert len(other) == 2


def test_notes_of_a_run_are_grouped_by_what_they_say():
    notes = [f"{name}: {n}% of {name}_dlc.csv is unsure." for name, n in (("a", 5), ("b", 26))]
    notes += ["a: 5% of a.mp4 is black.", "b: 7% of b_dlc.csv is unsure. (Likewise c, d.)"]
    assert [len(kind) for kind in note_kinds(notes, ["a", "b"])] == [3, 1]


@given(st.lists(st.tuples(st.sampled_from(["m1", "m2", "a", "2"]), st.sampled_from(["x is 1", "y", "x is 2"]))))
def test_no_finding_is_lost(said):
    recordings = [recording(name) for name in ("m1", "m2", "a", "2")]
    findings = [Finding("note", name, f"{name}.mp4: {text}.", "", "") for name, text in said]
    told = equal_findings(findings, recordings)
    assert sum(equal.n_findings for equal in told) == len(findings)
    assert {(name, equal.first.found[-4:]) for equal in told for name in equal.recordings} == {
        (finding.recording, finding.found[-4:]) for finding in findings
    }


def test_notes_keep_what_makes_them_doubts():
    names = {name: names_of(recording(name)) for name in ("m1", "m2", "m3")}
    notes = {name: [f"{name}: {name}.mp4 is dark.", Doubt(f"{name}: poses of another video.")] for name in names}
    first, second = equal_notes({**notes, "m3": notes["m3"][:1]}, names)
    assert first == "m1: m1.mp4 is dark. (Likewise m2, m3.)" and not isinstance(first, Doubt)
    assert second == "m1: poses of another video. (Likewise m2.)" and isinstance(second, Doubt)
