"""Whose labels are used where several people annotated, and what the report says of their agreement."""

import csv
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from pipeline.command_line import main
from pipeline.dataset.annotators import check_annotators, choose_labels
from pipeline.dataset.labels import LabelTrack
from pipeline.dataset.recording import Recording
from tests.lab import known_labels, make_embedded_lab, write_labels


def track(text: str) -> LabelTrack:
    """One behavior; `.` = not scored."""
    active = np.array([[c == "1"] for c in text])
    scored = np.array([[c != "."] for c in text])
    return LabelTrack(("rear",), active, scored)


def recording(*annotators: str, split: str = "train") -> Recording:
    return Recording("m1", Path("m1.mp4"), None, {name: Path(f"{name}.csv") for name in annotators}, "m1", "", split)


def text_of(labels: LabelTrack) -> str:
    return "".join(
        "." if not s else "1" if a else "0" for a, s in zip(labels.active[:, 0], labels.scored[:, 0], strict=True)
    )


TRACKS = {"A": track("0011."), "B": track("0110."), "C": track("01011")}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("majority", "01111"), ("union", "01111"), ("intersection", "00001"), ("B", "0110."), ("A", "0011.")],
)
def test_labels_by_a_rule_or_by_one_annotator(wanted, expected):
    chosen = choose_labels(TRACKS, wanted)
    assert text_of(chosen.labels) == expected
    assert chosen.disagreement[:, 0].tolist() == [False, True, True, True, False]
    assert chosen.annotators == TRACKS


def test_two_annotators_who_differ_are_unknown_by_majority():
    chosen = choose_labels({"A": track("0011"), "B": track("0101")}, "majority")
    assert text_of(chosen.labels) == "0..1"


def test_nobody_is_called_as_one_who_gave_no_name():
    """Their labels would be written over each other, and they would be one in agreement.csv."""
    with pytest.raises(InputError, match=r"annotator called 'Unnamed'.*Rename"):
        check_annotators(recording("", "Unnamed"), "majority")
    check_annotators(recording("", "B"), "majority")


def test_one_annotator_is_taken_whatever_the_rule():
    assert text_of(choose_labels({"": track("01.")}, "majority").labels) == "01."


@pytest.mark.parametrize(
    ("annotators", "wanted", "expected"),
    [
        ((), None, "no file in the column `annotations`"),
        (("A", "B"), None, "does not say which to use"),
        (("A", "B"), "C", "`annotations: C` is not among them"),
        (("A",), "C", "`annotations: C` is not among them"),
        (("A", "Majority"), "A", "Rename the annotator"),
        (("A", "model"), "A", "Rename the annotator"),
        (("A", "B/C"), "A", "a folder of that name"),
    ],
)
def test_labels_that_cannot_be_chosen_are_refused(annotators, wanted, expected):
    with pytest.raises(InputError, match=expected):
        check_annotators(recording(*annotators), wanted)


@pytest.mark.slow
@pytest.mark.usefixtures("no_figures")
def test_a_run_tells_how_much_of_what_it_learned_from_a_model_said(tmp_path: Path, capsys):
    config = make_embedded_lab(tmp_path, n_train=3, n_test=1)
    for name in ("r1", "r3"):
        bouts = ["grooming,10,30,model,20", "grooming,60,80,edited,4", "rearing,10,40,human,0", "rearing,70,90,human,0"]
        text = "\n".join(["behavior,start_frame,stop_frame,origin,model_frames", *bouts])
        (tmp_path / f"{name} labels.csv").write_text(text + "\n", encoding="utf-8")
    assert (
        main([str(config), "--set", "baseline=none", "--set", "training.epochs=1", "--set", "head={name: logistic}"])
        == 0
    )
    # r3 is for testing: nothing is learned from it.
    words = f"of {3 * 2 * 120} labels (a behavior in a frame) that this run learned from, 24 (3.3%) are a model's"
    assert f"Look at this first: Labels of a model: {words}" in " ".join(capsys.readouterr().err.split())
    page = (tmp_path / "runs" / "tiny" / "report.html").read_text(encoding="utf-8")
    assert words.replace("'", "&#39;") in page
    assert "1 of 4 bouts in r1 labels.csv are a model" in page and "(Likewise r3.)" in page


@pytest.mark.slow
@pytest.mark.usefixtures("no_figures")
def test_from_three_annotators_to_their_agreement_with_the_model(tmp_path: Path):
    config = make_embedded_lab(tmp_path)
    table = tmp_path / "recordings.csv"
    text = table.read_text(encoding="utf-8")
    for i in range(5):
        names = []
        for name, shift in (("Ada", 0), ("Bo", 2), ("Cy", -2)):
            write_labels(tmp_path / f"r{i} {name}.csv", np.roll(known_labels(i), shift, axis=0))
            names.append(f"{name}=r{i} {name}.csv")
        text = text.replace(f"r{i} labels.csv", ";".join(names))
    table.write_text(text, encoding="utf-8")
    arguments = ["--set", "annotations=majority", "--set", "mask_disagreements=true", "--set", "baseline=none"]
    assert main([str(config), *arguments]) == 0
    run = tmp_path / "runs" / "tiny"
    with (run / "agreement.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["recording"] == "pooled" and row["behavior"] == "rearing"]
    pairs = {(row["subset"], row["first"], row["second"]): row for row in rows}
    crossed = {key[1:] for key in pairs if key[0] == "cross_validation"}
    assert crossed == {
        ("Ada", "Bo"), ("Ada", "Cy"), ("Bo", "Cy"), ("model", "Ada"), ("model", "Bo"), ("model", "Cy"),
        ("model", "consensus"),
    }  # fmt: skip
    # Bo and Cy are four frames apart, Ada two from each.
    assert float(pairs["cross_validation", "Ada", "Bo"]["onset_difference_s"]) == pytest.approx(0.2)
    assert float(pairs["cross_validation", "Bo", "Cy"]["onset_difference_s"]) == pytest.approx(0.4)
    truth = np.concatenate([np.roll(known_labels(i)[:, 1], 2) for i in range(4)])
    ada = np.concatenate([known_labels(i)[:, 1] for i in range(4)])
    expected = 2 * (truth & ada).sum() / (truth.sum() + ada.sum())
    assert float(pairs["cross_validation", "Ada", "Bo"]["f1"]) == pytest.approx(expected, abs=1e-6)
    # Ada lies between the others, so the majority is Ada's.
    with (run / "labels" / "r3.csv").open(encoding="utf-8", newline="") as stream:
        majority = [row["rearing"] == "1" for row in csv.DictReader(stream)]
    assert majority == known_labels(3)[:, 1].tolist()
    assert (run / "annotators" / "Bo" / "r4.csv").is_file()
