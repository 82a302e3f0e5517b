"""What a number is called is told one click away: links to the glossary, and where they lead."""

import re
from html.parser import HTMLParser

import pytest

from pipeline.report.comparison.page import write_comparison
from pipeline.report.comparison.runs import compare_runs
from pipeline.report.html import write_report
from pipeline.report.words.glossary import GLOSSARY, METRIC_TERMS
from pipeline.run_folder.reading import read_run
from tests.pipeline.report.report_runs import make_run

# Scores are written with three decimals, and nothing else is.
SCORE = re.compile(r"[+−-]?[01]\.\d{3}\b")


class Tables(HTMLParser):
    """Tables of a page as rows of cells: (is a heading, columns, text, has a link to the glossary)."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.cell = [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "table":
            self.tables.append(([], []))
        elif tag in ("thead", "tbody"):
            self.part = self.tables[-1][tag == "tbody"]
        elif tag == "tr":
            self.part.append([])
        elif tag in ("th", "td"):
            self.cell = [int(given.get("colspan", 1)), "", False]
            self.part[-1].append(self.cell)
        elif tag == "a" and self.cell is not None:
            self.cell[2] |= str(given.get("href")).startswith("#term-")

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.cell = None

    def handle_data(self, text):
        if self.cell is not None:
            self.cell[1] += text


def unexplained(page):
    """Headings of columns with scores that neither link to the glossary nor stand below one that does."""
    for head, body in Tables(page).tables:
        columns = [[(text, link) for span, text, link in row for _ in range(span)] for row in head]
        for row in body:
            place = 0
            for span, text, _ in row:
                if columns and SCORE.match(text.strip()):
                    above = [line[place] for line in columns if place < len(line)]
                    if not any(link for _, link in above) and not row[0][2]:
                        yield " / ".join(words for words, _ in above) or text
                place += span


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    runs = [make_run(folder / name, n_train=4, n_test=1, n_frames=300, n_annotators=n, name=name, seed=n)
            for name, n in (("one", 2), ("other", 1))]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.report.html.draw_figures", lambda run, folder: {})
        patch.setattr("pipeline.report.comparison.page.draw_comparison", lambda comparison, folder: Figures())
        write_report(runs[0])
        write_comparison(
            compare_runs([read_run(run) for run in runs]), folder / "comparison.html", folder / "comparison"
        )
    paths = {"report": runs[0] / "report.html", "comparison": folder / "comparison.html"}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}


class Figures(dict):
    """No figure has been drawn, and each is asked for."""

    def __missing__(self, name):
        return type("Figure", (), {"name": name, "title": name, "caption": "", "image": "data:,"})


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_every_link_has_its_target_and_every_score_a_link(pages, name):
    page = pages[name]
    targets = re.findall(r'id="([^"]*)"', page)
    assert len(targets) == len(set(targets))
    links = set(re.findall(r'href="#([^"]*)"', page))
    assert links <= set(targets)
    assert {"glossary", "term-average_precision", "term-f1", "term-bout_f1", "term-interval"} <= links
    assert set(unexplained(page)) == set()


def test_a_column_without_a_link_would_be_found():
    table = (
        "<table><thead><tr><th>Run</th><th>AP</th></tr></thead><tbody><tr><th>a</th><td>0.912</td></tr></tbody></table>"
    )
    assert list(unexplained(table)) == ["AP"]
    assert not list(unexplained(table.replace("AP", '<a href="#term-average_precision">AP</a>')))


def test_entries_are_short_and_none_is_idle():
    assert set(METRIC_TERMS.values()) <= set(GLOSSARY)
    for entry in GLOSSARY.values():
        assert entry.meaning.endswith(".")
        assert len(entry.meaning) < 300
