"""The page: complete, self-contained, safe, and saying what the files say."""

import base64
import csv
import json
import shutil
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import pytest

from common.errors import InputError
from pipeline.report.html import write_report
from pipeline.report.recompute import recompute_scores
from pipeline.run_folder.contents import BOUT_SCORES
from pipeline.run_folder.reading import read_run
from pipeline.run_folder.run_dir import RunDir
from tests.pipeline.report.report_runs import make_run

VOID = {"meta", "link", "img", "br"}
FIGURES = {
    "scores",
    "variants",
    "class_balance",
    "bout_lengths",
    "precision_recall",
    "confusion",
    "calibration",
    "training",
    "overview",
    "statistics",
    "groups",
    "stages",
}
NOTE = "Not ResNet50V2 but the compact backbone was used: the weights could not be downloaded."


class Page(HTMLParser):
    """Collects what a browser would load, and refuses tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, Any]] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attributes: dict[str, Any] = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"style", "pre"}:
            self.words.append(" ".join(data.split()))

    @property
    def text(self):
        return " ".join(word for word in self.words if word)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = make_run(
        tmp_path_factory.mktemp("runs") / "exp 1 é",
        n_train=2,
        n_test=1,
        n_predict=1,
        n_frames=500,
        note=NOTE,
        never=("mouse_02", "grooming"),
        unscored=slice(40, 80),
    )
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run_dir):
    return Page((run_dir / "report.html").read_text(encoding="utf-8"))


def test_the_page_loads_nothing_from_elsewhere(run_dir, page):
    text = (run_dir / "report.html").read_text(encoding="utf-8")
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert not page.tags & {"script", "iframe", "object", "embed"}
    assert "default-src 'none'" in text


def test_every_picture_is_embedded_whole_and_described(page):
    assert len(page.images) == len(FIGURES) + 4
    for image in page.images:
        head, _, body = image["src"].partition(";base64,")
        content = base64.b64decode(body, validate=True)
        if head == "data:image/png":
            assert content.startswith(b"\x89PNG")
        else:
            assert head == "data:image/svg+xml"
            assert content.rstrip().endswith(b"</svg>")
        assert len(image["alt"]) > 20


def test_the_table_of_contents_and_all_links_lead_somewhere(run_dir, page):
    assert len(set(page.ids)) == len(page.ids)
    anchors = [link[1:] for link in page.links if link.startswith("#")]
    assert len(anchors) >= 14
    assert set(anchors) <= set(page.ids)
    files = [unquote(link) for link in page.links if not link.startswith("#")]
    assert "scores.csv" in files
    # The recordings' files are all linked; those that the fixture does not make are bouts alone.
    missing = [name for name in files if not (run_dir / name).exists()]
    assert [name for name in missing if not name.startswith("bouts/")] == []


def test_the_pooled_numbers_are_those_of_the_score_table(run_dir, page):
    with (run_dir / "scores.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["recording"] == "pooled"]
    assert rows
    for row in rows:
        for column in ("average_precision", "f1"):
            if row[column] and not (column == "f1" and row["postprocessed"] == "raw"):
                assert f"{float(row[column]):.3f}" in page.text
        assert f"{int(row['n_positive']):,}" in page.text
    assert "pooled rows of frame and bout scores were computed again" in page.text


def test_the_head_says_which_backbone_was_really_used(page):
    assert "The backbone used is compact, not resnet50v2" in page.text
    assert page.text.index(NOTE) < page.text.index("average precision")


def test_undefined_scores_are_named_with_their_reason(page):
    assert "n/a: the behavior never occurs in the scored frames" in page.text


def test_the_thesis_stands_beside_with_its_own_numbers(page):
    for text in ("0.679", "0.702", "0.792", "Table 5.1", "These are other data"):
        assert text in page.text


def test_the_protocol_is_told_in_words(page):
    assert "the held-out one is scored and decides nothing" in page.text
    assert "gaps of up to 0.2 s are filled; then bouts shorter than 0.5 s are dropped" in page.text


def test_every_figure_is_kept_as_png_and_svg_with_its_numbers(run_dir):
    rasters = {f"raster_mouse_{i:02d}" for i in range(1, 5)}
    for kind in ("png", "svg", "csv"):
        assert {path.stem for path in (run_dir / "figures").glob(f"*.{kind}")} == FIGURES | rasters
    for path in (run_dir / "figures").glob("*.csv"):
        assert len(path.read_text(encoding="utf-8").splitlines()) > 1


def test_the_same_files_give_the_same_page(run_dir, monkeypatch):
    monkeypatch.setattr("pipeline.report.html.draw_figures", lambda run, folder: {})
    before, after = (write_report(run_dir).read_bytes() for _ in range(2))
    assert before == after


def test_names_are_text_never_markup_and_parts_may_be_absent(tmp_path):
    evil = '<script>alert("x")</script>'
    folder = make_run(
        tmp_path / "run",
        behaviors=(evil, "mäuse & $x^$ 行動"),
        n_train=2,
        n_test=0,
        n_frames=300,
        baseline=False,
        note="<img src=x onerror=alert(1)>",
        name="<b>bold</b>",
        description="a & b < c",
        protocol="thesis",
        recordings="my/recordings.csv",
    )
    (folder / "training.csv").unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert "b" in page.tags
    assert evil in page.text
    assert "<b>bold</b>" in page.text
    assert "onerror" in page.text
    assert "mäuse & $x^$ 行動" in page.text
    assert "AP, baseline" not in page.text
    assert "without memory" not in page.text
    assert "Optimistic protocol" in page.text
    assert not {"training", "thesis"} & set(page.ids)
    assert "simulated" not in page.text


def test_a_changed_score_table_is_noticed(run_dir, tmp_path):
    folder = shutil.copytree(run_dir, tmp_path / "copy")
    assert recompute_scores(read_run(folder)).differing == ()
    table = (folder / "scores.csv").read_text(encoding="utf-8").splitlines()
    (at,) = [i for i, line in enumerate(table) if line.startswith("grooming,test,pooled,full")]
    cells = table[at].split(",")
    table[at] = ",".join([*cells[:12], str(int(cells[12]) + 1), *cells[13:]])
    (folder / "scores.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    assert recompute_scores(read_run(folder)).differing == ("grooming, test",)


def test_a_changed_table_of_bouts_is_noticed(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.report.html.draw_figures", lambda run, folder: {})
    folder = shutil.copytree(run_dir, tmp_path / "copy")
    run = read_run(folder)
    assert recompute_scores(run).n_checked == 2 * 3 * 2
    rows = [dict(row) for row in run.tables.bout_scores]
    (at,) = [
        i
        for i, row in enumerate(rows)
        if (row["behavior"], row["subset"], row["recording"], row["postprocessed"])
        == ("wall_rearing", "cross_validation", "pooled", "full")
    ]
    rows[at]["edit_score"] = 0.123456
    BOUT_SCORES.write(RunDir(folder), rows)
    assert recompute_scores(read_run(folder)).differing == ("wall_rearing, cross-validation (bouts)",)
    assert (
        "these differ from the tables of scores: wall_rearing, cross-validation (bouts)"
        in Page(write_report(folder).read_text(encoding="utf-8")).text
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("scores.csv", None, "does not exist"),
        ("config.yaml", None, "does not exist"),
        ("config.yaml", "behaviors: [", "cannot be read"),
        ("config.yaml", "name: x", "names none"),
        ("scores.csv", "a,b\n1,2\n", "lacks the column"),
        ("recordings.csv", "recording,subset\nm,test\n", "cannot be read"),
        ("provenance.json", "{", "cannot be read"),
        ("training.csv", "behavior\nx\n", "cannot be read"),
        ("predictions/mouse_01.csv", "frame,time_s\n0,0\n", "it lacks grooming_probability"),
        ("labels/mouse_01.csv", "frame,grooming,mid_rearing,wall_rearing\n0,0,0,0\n", "it has 1 rows"),
    ],
)
def test_a_broken_run_folder_is_an_error_in_one_paragraph(run_dir, tmp_path, name, content, message):
    folder = shutil.copytree(run_dir, tmp_path / "copy")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        write_report(folder)
    assert "\n" not in str(caught.value)
    assert name.split("/")[-1] in str(caught.value)


def test_text_where_numbers_belong_is_an_error(run_dir, tmp_path):
    folder = shutil.copytree(run_dir, tmp_path / "copy")
    path = folder / "labels" / "mouse_01.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[5] = "4,yes,0,0"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="it holds text"):
        write_report(folder)


def test_no_folder_at_all_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"config\.yaml"):
        write_report(tmp_path / "nowhere")


def test_a_run_of_predictions_alone_has_a_page_without_scores(tmp_path):
    folder = make_run(tmp_path / "run", behaviors=("turning",), n_train=0, n_test=0, n_predict=1, n_frames=120)
    (folder / "provenance.json").write_text(json.dumps({}), encoding="utf-8")
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "nothing to score" in page.text
    assert {image["alt"].split(".")[0] for image in page.images} == {"All recordings", "mouse_01"} | {"Training curves"}
