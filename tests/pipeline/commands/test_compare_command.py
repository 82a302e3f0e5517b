"""The command, and the files it leaves: page, CSV and LaTeX tables, figures."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.errors import InputError
from pipeline.commands.compare import run_compare_command
from pipeline.report.comparison import latex
from pipeline.report.comparison.differences import OWN_BASELINE
from pipeline.report.comparison.page import write_comparison
from pipeline.report.comparison.runs import compare_runs
from pipeline.report.comparison.thesis import thesis_blocks
from pipeline.report.thesis import TABLES
from pipeline.run_folder.reading import read_run
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from tests.pipeline.report import report_runs
from tests.pipeline.report.report_runs import make_run

SHAPE: dict[str, Any] = {"n_train": 4, "n_test": 1, "n_frames": 400, "behaviors": ("grooming", "turning & co")}
OTHER = "50%_own <b>"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "runs"
    make_run(folder / "exp1", name="exp1", noise=0.8, note="The compact backbone was used.", **SHAPE)
    make_run(folder / "exp3", name="exp3", noise=2.0, head={"name": "tcn"}, baseline=False, **SHAPE)
    make_run(folder / "other", name=OTHER, noise=1.2, **SHAPE)
    (folder / "exp1" / "report.html").write_text("<p>report</p>", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def output(runs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("paper") / "tables é"
    assert run_compare_command([str(runs), "--reference", str(runs / "exp3"), "--output", str(folder)]) == 0
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def row_of(path: Path, **wanted: str) -> dict[str, str]:
    (row,) = [row for row in rows_of(path) if all(row[key] == value for key, value in wanted.items())]
    return row


class Page(HTMLParser):
    """What a browser would load and show; refuses tags that do not match."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attributes: dict[str, Any] = dict(attrs)
        if tag not in {"meta", "link", "img", "br"}:
            self.open.append(tag)
        for found, name in ((self.ids, "id"), (self.sources, "src")):
            found.extend([attributes[name]] if name in attributes else [])
        self.links += [attributes["href"]] if tag == "a" else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += " ".join(data.split()) + " "


@pytest.fixture(scope="module")
def page(output) -> Page:
    return Page((output / "comparison.html").read_text(encoding="utf-8"))


def test_the_csv_has_the_very_numbers_of_the_runs_own_tables(runs, output):
    names = {"exp1": "exp1", "exp3": "exp3", "other": OTHER}
    sources = {
        "average_precision": ("scores.csv", "raw", "average_precision"),
        "f1": ("scores.csv", "full", "f1"),
        "bout_f1_iou50": ("bout_scores.csv", "full", "bout_f1_iou50"),
    }
    table = rows_of(output / "comparison.csv")
    assert list(table[0]) == ["behavior", "subset", "run", "score", "value", "low", "high"]
    assert len(table) == 3 * 2 * 2 * 5
    for folder, name in names.items():
        for score, (file, variant, column) in sources.items():
            for behavior in SHAPE["behaviors"]:
                for subset in ("cross_validation", "test"):
                    key = {"behavior": behavior, "subset": subset}
                    found = row_of(output / "comparison.csv", run=name, score=score, **key)
                    stored = row_of(runs / folder / file, recording="pooled", postprocessed=variant, **key)
                    interval = row_of(runs / folder / "intervals.csv", postprocessed=variant, score=score, **key)
                    assert found["value"] == stored[column] == interval["value"]
                    assert (found["low"], found["high"]) == (interval["low"], interval["high"])
    key = {"behavior": "grooming", "subset": "cross_validation"}
    baseline = row_of(runs / "exp1" / "baseline_scores.csv", recording="pooled", **key)
    found = row_of(output / "comparison.csv", run="exp1", score="baseline_average_precision", **key)
    assert found["value"] == baseline["average_precision"]
    assert row_of(output / "comparison.csv", run="exp3", score="baseline_average_precision", **key)["value"] == ""


def test_the_differences_are_those_of_the_scores_and_name_their_verdict(output):
    table = rows_of(output / "differences.csv")
    for row in table:
        assert row["verdict"] in {"too few individuals to tell", "n/a"}
        assert row["reason"]
        if row["reference"] != OWN_BASELINE and row["difference"]:
            key = {name: row[name] for name in ("behavior", "subset", "score")}
            values = [
                float(row_of(output / "comparison.csv", run=name, **key)["value"])
                for name in (row["run"], row["reference"])
            ]
            assert float(row["difference"]) == pytest.approx(values[0] - values[1], abs=2e-6)
    assert {(r["run"], r["reference"]) for r in table if r["behavior"] == "grooming"} == {
        ("exp3", "exp1"), (OTHER, "exp1"), ("exp1", "exp3"), (OTHER, "exp3"),
        ("exp1", OWN_BASELINE), (OTHER, OWN_BASELINE),
    }  # fmt: skip
    four = row_of(output / "differences.csv", behavior="turning & co", subset="cross_validation", score="f1",
                  run=OTHER, reference="exp1")  # fmt: skip
    assert (four["n_individuals"], four["p_smallest"]) == ("4", "0.375000")


def test_the_thesis_table_has_ours_directly_beside_its_own(runs, output):
    table = rows_of(output / "thesis_tables.csv")
    assert list(table[0]) == [
        "table", "behavior", "subset", "metric", "exp1 (thesis)", "exp1 (here)", "exp2 (thesis)", "exp3 (thesis)",
        "exp3 (here)", "exp4 (thesis)", f"{OTHER} (here)",
    ]  # fmt: skip
    assert [row["metric"] for row in table] == ["accuracy", "precision", "recall", "average_precision"]
    for row in table:
        assert (row["table"], row["behavior"], row["subset"]) == ("5.1", "grooming", "test")
        published = [float(row[f"exp{i} (thesis)"]) for i in (1, 2, 3, 4)]
        assert tuple(published) == TABLES[0].values[row["metric"]]
        for folder, name in (("exp1", "exp1"), ("exp3", "exp3"), ("other", OTHER)):
            stored = row_of(
                runs / folder / "scores.csv",
                behavior="grooming",
                subset="test",
                recording="pooled",
                postprocessed="raw",
            )
            assert row[f"{name} (here)"] == stored[row["metric"]]


def test_a_run_with_another_threshold_stands_in_the_thesis_table_at_one_half(tmp_path, monkeypatch):
    plain = read_run(make_run(tmp_path / "a", name="exp2", **SHAPE))
    monkeypatch.setattr(report_runs, "POSTPROCESS", PostprocessConfig(threshold=0.8))
    strict = read_run(make_run(tmp_path / "b", name="exp2", **SHAPE))
    assert plain.score("grooming", "test", "raw") != strict.score("grooming", "test", "raw")
    columns = [thesis_blocks(compare_runs([run]).runs, ["grooming"])[0].columns for run in (plain, strict)]
    ours: list[Any] = [next(column.values for column in found if column.run) for found in columns]
    assert ours[1] == pytest.approx(ours[0], abs=1e-6)


def test_the_page_is_whole_and_its_links_lead_somewhere(output, page):
    text = (output / "comparison.html").read_text(encoding="utf-8")
    assert "http:" not in text
    assert "https:" not in text
    assert len(page.sources) == 4
    assert all(source.startswith("data:image/") for source in page.sources)
    assert len(set(page.ids)) == len(page.ids)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert (output / unquote(link)).is_file(), link
    assert sum(link.endswith("report.html") for link in page.links) == 1


def test_the_page_says_what_the_tables_say(output, page):
    best = row_of(output / "comparison.csv", behavior="grooming", subset="cross_validation", run="exp1",
                  score="average_precision")  # fmt: skip
    assert f"scores highest: AP {float(best['value']):.3f} in cross-validation, 4 recordings." in page.text
    for row in rows_of(output / "comparison.csv"):
        assert (f"{float(row['value']):.3f}" if row["value"] else "n/a") in page.text
    assert OTHER in page.text
    assert "The compact backbone was used." in page.text
    assert "with 4 individuals p, corrected for 3 comparisons, cannot get under 0.375" in page.text
    assert "grooming against exp3" in page.text
    assert "exp1 here is compact + lstm, not resnet50v2 + lstm." in page.text
    assert "Table 5.2" not in page.text


def test_every_figure_is_a_picture_a_drawing_and_numbers(output):
    stems = {path.stem for path in (output / "figures").iterdir()}
    assert stems == {f"{kind}_{b}" for kind in ("scores", "differences") for b in SHAPE["behaviors"]}
    for stem in stems:
        with Image.open(output / "figures" / f"{stem}.png") as picture:
            assert picture.width > 1000
        assert (output / "figures" / f"{stem}.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    for row in rows_of(output / "figures" / "scores_grooming.csv"):
        whole = row_of(
            output / "comparison.csv", behavior="grooming", **{k: row[k] for k in ("run", "subset", "score")}
        )
        assert row["value"] == whole["value"]
    shown = rows_of(output / "figures" / "differences_grooming.csv")
    assert {row["reference"] for row in shown} == {"exp1"}
    assert len(shown) == 2 * 2 * 3


def test_the_same_runs_give_the_same_bytes_and_the_batch_layout(runs, output, tmp_path):
    copied = tmp_path / "runs"
    shutil.copytree(runs, copied)
    run_dirs = [copied / name for name in ("exp1", "exp3", "other")]
    for _ in range(2):
        comparison = compare_runs([read_run(path) for path in run_dirs])
        write_comparison(comparison, copied / "comparison.html", copied / "comparison")
        found = {p.relative_to(copied / "comparison"): p.read_bytes() for p in (copied / "comparison").rglob("*.*")}
    again = Page((copied / "comparison.html").read_text(encoding="utf-8"))
    assert all((copied / unquote(link)).is_file() for link in again.links if not link.startswith("#"))
    for name in ("comparison.csv", "thesis_tables.csv", "figures/scores_grooming.svg"):
        assert found[Path(name)] == (output / name).read_bytes()


def test_one_finished_run_of_a_batch_is_shown_alone(runs, tmp_path):
    comparison = compare_runs([read_run(runs / "exp3")])
    write_comparison(comparison, tmp_path / "comparison.html", tmp_path / "comparison")
    page = Page((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert comparison.differences == ()
    assert "Comparison of 1 run" in page.text
    assert "only exp3 has a score" in page.text


# LaTeX: what each piece that `escape` may write prints, from LaTeX's own documentation.
PRINTS = {
    r"\textbackslash{}": "\\", r"\textasciicircum{}": "^", r"\textasciitilde{}": "~", r"\textless{}": "<",
    r"\textgreater{}": ">", r"\textbar{}": "|", r"\ldots{}": "…", r"\textendash{}": "–", r"\textemdash{}": "—",
    r"\{": "{", r"\}": "}", r"\$": "$", r"\&": "&", r"\#": "#", r"\%": "%", r"\_": "_", "{[}": "[", "{*}": "*",
    "-{}": "-", "$-$": "\u2212", "''": '"',
}  # fmt: skip
PIECES = re.compile("|".join(map(re.escape, sorted(PRINTS, key=len, reverse=True))) + r"|[^\\{}$&#%_^~<>|\"\[*]")


def typeset(source: str) -> str:
    """The text that LaTeX prints; fails on anything that is not plain text or a known piece."""
    printed, place = "", 0
    while place < len(source):
        piece = PIECES.match(source, place)
        assert piece, f"not plain LaTeX at {source[place:]!r}"
        printed += PRINTS.get(piece.group(), piece.group())
        place = piece.end()
    return printed


@settings(max_examples=300)
@given(st.text(alphabet='ab1 \\{}$&#%_^~<>|"[]*-/.é…–—', max_size=20))
def test_escaped_text_prints_as_it_was(text):
    assert typeset(latex.escape(text)) == " ".join(text.split())


def test_hyphens_make_no_dash_and_rows_take_no_option():
    assert latex.escape("a--b---c") == "a-{}-b-{}-{}-c"
    assert latex.escape("[1] *x") == "{[}1] {*}x"
    assert latex.escape("line\nbreak\ttab") == "line break tab"


def test_the_latex_tables_are_balanced_and_complete(output):
    source = (output / "tables.tex").read_text(encoding="utf-8")
    bare = re.sub(r"\\[{}]", "", source)
    assert bare.count("{") == bare.count("}")
    tables = re.findall(r"\\begin\{table\}.*?\\end\{table\}", source, flags=re.DOTALL)
    assert len(tables) == source.count(r"\begin{") / 2 == source.count(r"\end{") / 2 == 8
    assert len(set(re.findall(r"\\label\{(.*?)\}", source))) == 8
    for table in tables:
        (alignment,) = re.findall(r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}", table)
        assert all(table.count(rule) == 1 for rule in (r"\toprule", r"\bottomrule"))
        rows = [line for line in table.splitlines() if line.endswith(r"\\")]
        for row in rows:
            spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", row)]
            assert len(re.findall(r"(?<!\\)&", row)) + 1 + sum(spans) - len(spans) == len(alignment)
    assert r"50\%\_own \textless{}b\textgreater{}" in tables[0]
    assert r"turning \& co" in tables[0]
    best = row_of(output / "comparison.csv", behavior="grooming", subset="cross_validation", run="exp1",
                  score="average_precision")  # fmt: skip
    numbers = [f"{float(best[name]):.3f}" for name in ("value", "low", "high")]
    assert rf"exp1 & \textbf{{{numbers[0]}}} {{\scriptsize {{[}}{numbers[1]}, {numbers[2]}]}}" in tables[0]
    assert r"\cmidrule(lr){2-3}" in tables[-1]
    assert "Binary accuracy & 0.902 &" in tables[-1]


@pytest.mark.parametrize("kind", ["prediction", "run"])
def test_a_folder_without_scores_is_left_out_or_named(runs, tmp_path, capsys, kind):
    for name in ("exp1", "exp3", "new"):
        shutil.copytree(runs / name.replace("new", "exp1"), tmp_path / name)
    new = tmp_path / "new"
    header = (new / "scores.csv").read_text(encoding="utf-8").splitlines()[0]
    (new / "scores.csv").write_text(header + "\n", encoding="utf-8")
    provenance = json.loads((new / "provenance.json").read_text(encoding="utf-8"))
    (new / "provenance.json").write_text(json.dumps(provenance | {"kind": kind}), encoding="utf-8")
    with pytest.raises(InputError, match="without human labels, so there are no scores") as caught:
        run_compare_command([str(tmp_path / "exp1"), str(new)])
    assert ("predictions of videos" in str(caught.value)) == (kind == "prediction")
    run_compare_command([str(tmp_path)])
    words = "holds predictions without scores." if kind == "prediction" else "has no scores."
    assert f"Left out: {new} {words}" in " ".join(capsys.readouterr().out.split())


def test_the_terminal_says_who_is_best_and_where_the_page_lies(runs, tmp_path, capsys):
    copied = tmp_path / "mine"
    for name in ("exp1", "exp3"):
        shutil.copytree(runs / name, copied / name)
    shutil.copytree(runs / "exp1", copied / "exp1.previous")
    unfinished = copied / "begun"
    shutil.copytree(runs / "exp1", unfinished)
    (unfinished / "provenance.json").write_text("{}", encoding="utf-8")
    run_compare_command([str(copied), str(copied / "exp1")])
    printed = " ".join(capsys.readouterr().out.split())
    assert f"Left out: {unfinished} is not finished." in printed
    assert "grooming: exp1 scores highest: AP" in printed
    assert "too few individuals to tell (with 4 individuals p cannot get under 0.125)" in printed
    assert (copied / "comparison" / "comparison.html").is_file()
    assert {row["run"] for row in rows_of(copied / "comparison" / "runs.csv")} == {"exp1", "exp3"}


def test_what_cannot_be_compared_is_said_in_one_paragraph(runs, tmp_path):
    def refusal(*arguments: Path) -> str:
        with pytest.raises(InputError) as error:
            run_compare_command([*map(str, arguments), "--output", str(tmp_path / "out")])
        assert not (tmp_path / "out").exists()
        assert "\n" not in str(error.value)
        return str(error.value)

    (tmp_path / "empty").mkdir()
    assert "nowhere should be the folder of a run" in refusal(tmp_path / "nowhere", runs / "exp1")
    assert "it has no config.yaml" in refusal(tmp_path / "empty", runs / "exp1")
    assert "at least two finished runs" in refusal(runs / "exp1", runs / "exp1")
    begun = tmp_path / "begun"
    shutil.copytree(runs / "exp1", begun)
    (begun / "scores.csv").unlink()
    assert "begun is not a finished run" in refusal(begun, runs / "exp1")
    old = tmp_path / "old"
    shutil.copytree(runs / "exp1", old)
    lines = [",".join(line.split(",")[:16]) for line in (old / "scores.csv").read_text(encoding="utf-8").splitlines()]
    (old / "scores.csv").write_text("\n".join(lines), encoding="utf-8")
    message = refusal(old, runs / "exp3")
    assert "roc_auc" in message and "run the experiment again" in message
    small: dict[str, Any] = {"n_train": 2, "n_test": 0, "n_frames": 200}
    stranger = make_run(tmp_path / "stranger", name="stranger", behaviors=("rolling",), **small)
    assert "no behavior in common" in refusal(stranger, runs / "exp1")
    relabelled = make_run(tmp_path / "relabelled", name="relabelled", behaviors=("grooming",), seed=7, **small)
    assert "no recording in common" in refusal(relabelled, runs / "exp1")


def test_a_comparison_never_goes_into_a_runs_own_folder(runs):
    with pytest.raises(InputError, match="itself the folder of a run"):
        run_compare_command([str(runs / "exp1"), str(runs / "exp3"), "--output", str(runs / "other")])


def test_page_and_terminal_call_nothing_best_across_different_labels(runs, tmp_path, capsys):
    relabelled = make_run(tmp_path / "again", name="again", seed=7, **SHAPE)
    out = tmp_path / "out"
    run_compare_command([*map(str, (runs / "exp1", runs / "exp3", relabelled)), "--output", str(out)])
    text = (out / "comparison.html").read_text(encoding="utf-8")
    assert 'class="best"' not in text
    words = "none is called the best: no recording was scored by all of them against the same labels"
    printed = " ".join(capsys.readouterr().out.split())
    for behavior in SHAPE["behaviors"]:
        assert f"{behavior}: {words}" in printed
    assert text.count(words) == len(SHAPE["behaviors"])
    assert "Not the same basis: grooming, turning & co: the human labels of" in printed
    assert r"\textbf{0" not in (out / "tables.tex").read_text(encoding="utf-8")
