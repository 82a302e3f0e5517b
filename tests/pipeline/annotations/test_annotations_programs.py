"""FERAL's labels, and the sheets and web pages that BORIS, LibreOffice and Excel write."""

import json
from pathlib import Path

import pytest

from common.errors import InputError
from common.notes import Doubt
from pipeline.annotations import AnnotationChoice, EventList, FrameTable, read_annotation
from pipeline.annotations.sheets import read_sheet
from pipeline.scoring.bouts.bouts import Bout
from pipeline.starter.lab_folder import recognise, sources_of
from tests.pipeline.annotations.test_annotations_tables import column, write_zip

# ---- FERAL


def feral(tmp_path: Path, labels: dict, names=("other", "groom", "rear"), **choice) -> FrameTable:
    path = tmp_path / "labels.json"
    content = {"class_names": {str(i): name for i, name in enumerate(names)}, "labels": labels, "splits": {"train": []}}
    path.write_text(json.dumps(content), encoding="utf-8")
    found = read_annotation(path, 4, 10.0, choice=AnnotationChoice(**choice), video_name="m1.mp4")
    assert isinstance(found, FrameTable)
    return found


def test_feral_one_class_a_frame_or_several(tmp_path):
    found = feral(tmp_path, {"a/m1.mp4": [0, 2, None, 1], "m2.mp4": [1] * 4})
    assert column(found, "groom", 4) == [0, 0, -1, 1] and column(found, "no such class", 4) == [0, 0, -1, 0]
    assert feral(tmp_path, {"m1.mp4": [0] * 4, "m2.mp4": [1] * 4}, media="m2").active[:, 1].all()
    several = feral(tmp_path, {"m1.avi": [[0, 1, 1], [0, 0, 0], [1, 0, -1], [0, 0, 1]]})
    assert column(several, "groom", 4) == [1, 0, 0, 0] and column(several, "rear", 4) == [1, 0, -1, 1]
    assert [source.media for source in sources_of(tmp_path / "labels.json")] == [("m1.avi",)]


def test_feral_labels_of_the_only_video_are_doubted_where_it_has_another_name(tmp_path):
    for name, is_doubted in {"m1.avi": False, "m1_cam2.mp4": False, "m9.mp4": True, "m10.mp4": True}.items():
        notes = feral(tmp_path, {name: [0] * 4}).notes
        assert any(isinstance(note, Doubt) and f"scored on {name}" in note for note in notes) == is_doubted
    assert feral(tmp_path, {"m9.mp4": [0] * 4}, media="m9.mp4").notes == ()


def test_names_whose_accents_are_stored_in_another_way(tmp_path):
    apart, joined = "Ma\u0308use", "M\u00e4use"
    found = feral(tmp_path, {f"{apart}.mp4": [1] * 4, "m2.mp4": [0] * 4}, ("other", f"{apart}n"), media=f"{joined}.mp4")
    assert column(found, f"{joined}n", 4) == [1] * 4
    path = tmp_path / "all.csv"
    path.write_text(f"video,behavior,start_s,stop_s\n{joined},groom,0,1\nm2,groom,0,2\n", encoding="utf-8")
    events = read_annotation(path, 20, 10.0, video_name=f"{apart}.mp4")
    assert isinstance(events, EventList) and events.bouts == (Bout("groom", 0, 10),)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"m2.mp4": [0], "m3.mp4": [0]}, "labels of 2 videos: m2.mp4, m3.mp4, and m1.mp4 is not clearly one"),
        ({"m1.mp4": [0, 3, 0, 0]}, "m1.mp4, frame 1: expected one of the classes 0, 1, 2.*found 3"),
        ({"m1.mp4": [[0, 1, 0], [0, 1]]}, r"frame 1: .*found \[0, 1\]"),
        ({"m1.mp4": ["x"]}, "found something else .labels > m1.mp4"),
    ],
)
def test_bad_feral_files(tmp_path, labels, says):
    with pytest.raises(InputError, match=says) as caught:
        feral(tmp_path, labels)
    assert "\n" not in str(caught.value)


@pytest.mark.shared
def test_feral_s_own_example(shared_dir):
    path = shared_dir / "data/labels/feral_real.json"
    found = read_annotation(path, 1203, 25.0, video_name="synthetic_00.mp4")
    assert isinstance(found, FrameTable) and found.span.fits(1203) and found.scored.all()
    assert found.active.sum(axis=0).tolist() == [277, 161, 440, 176, 149]
    assert len(sources_of(path)) == 18


# ---- sheets of other programs

ODS = """<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
 <office:body><office:spreadsheet><table:table table:name="bouts">
 <table:table-row><table:table-cell><text:p>behavior</text:p></table:table-cell><table:table-cell><text:p>start<text:s/>(s)
 </text:p></table:table-cell><table:table-cell><text:p>stop (s)</text:p></table:table-cell>
 <table:table-cell table:number-columns-repeated="16000"/></table:table-row>
 <table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>
 <table:table-row><table:table-cell office:value-type="string"><office:annotation><text:p>sure?</text:p>
 </office:annotation><text:p>groom</text:p></table:table-cell>
 <table:table-cell office:value-type="float" office:value="0.52"><text:p>0.5</text:p></table:table-cell>
 <table:table-cell office:value-type="time" office:time-value="PT00H00M01.5S"><text:p>x</text:p>
 </table:table-cell><table:table-cell office:value-type="boolean" office:boolean-value="true"/></table:table-row>
 <table:table-row table:number-rows-repeated="1048571"><table:table-cell table:number-columns-repeated="16384"/>
 </table:table-row></table:table><table:table table:name="empty"/></office:spreadsheet></office:body>
</office:document-content>"""
HTML = (
    "<!DOCTYPE html><html><head><style>td {}</style></head><body><p>Bouts</p><table border=1><thead><tr>"
    "<th>behavior<th>start_s</th><th>stop_s</th></tr></thead>"
    "<tr><td>groom &amp; <b>lick</b></td><td>0.5<br></td><td>0.9</td></tr>"
    "<tr></tr><tr><td colspan=2>x</td><td>1</td></tr></table></body></html>"
)


def write_ods(path: Path, content: str | bytes) -> Path:
    return write_zip(path, {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": content})


def test_an_open_document_sheet(tmp_path):
    path = write_ods(tmp_path / "labels.ods", ODS)
    assert read_sheet(path) == (
        (1, ["behavior", "start (s)", "stop (s)"]),
        (4, ["groom", "0.52", "0:00:01.500000", "1"]),
    )
    found = read_annotation(path, 20, 10.0)
    assert isinstance(found, EventList) and found.bouts == (Bout("groom", 5, 15),)
    assert recognise(path) == {"annotations"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_of_a_web_page(tmp_path, encoding):
    path = tmp_path / "labels.html"
    path.write_text(HTML, encoding=encoding)
    assert read_sheet(path) == (
        (1, ["behavior", "start_s", "stop_s"]),
        (2, ["groom & lick", "0.5", "0.9"]),
        (4, ["x", "", "1"]),
    )
    path.write_text(HTML.replace("<tr><td colspan=2>x</td><td>1</td></tr>", ""), encoding=encoding)
    assert read_annotation(path, 20, 10.0).behaviors == ("groom & lick",)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
SECOND = (
    '<table:table table:name="b"><table:table-row><table:table-cell><text:p>1</text:p></table:table-cell>'
    "</table:table-row></table:table>"
)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BOMB + ODS.replace("groom", "&b;"), "document type"),
        (OUTSIDE + ODS.replace("groom", "&a;"), "document type"),
        (ODS.replace("groom", "&b;"), "undefined entity"),
        (ODS[:900], "a damaged workbook"),
        (ODS.replace('rows-repeated="2"', 'rows-repeated="-2"'), "number-rows-repeated is '-2'"),
        (
            ODS.replace("row><table:table-cell off", 'row table:number-rows-repeated="9999999"><table:table-cell off'),
            "cells",
        ),
        (
            ODS.replace("cell><text:p>behavior", 'cell table:number-columns-repeated="999999"><text:p>b'),
            "too many cells",
        ),
        ("<x/>", "an empty workbook"),
        (ODS.replace('<table:table table:name="empty"/>', SECOND), "of 2 sheets: bouts, b"),
    ],
)
def test_bad_open_document_sheets(tmp_path, content, says):
    with pytest.raises(InputError, match=says) as caught:
        read_annotation(write_ods(tmp_path / "labels.ods", content), 20, 10.0)
    assert "save the sheet" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (HTML + HTML, "of 2 tables: table 1, table 2"),
        (HTML.replace("<td>0.9", "<td><table><tr><td>0.9"), "a table within a table"),
        (HTML.replace("<td>0.9", "<td rowspan=2>0.9"), "a cell over several rows"),
        ("<html><body>nothing</body></html>", "without a table"),
        ('<?xml version="1.0"?><a><b/></a>', "without a table"),
        ("<table><tr><td>behavior</td></tr>" + "<!--" * 1000, "no format that is known"),
    ],
)
def test_bad_web_pages(tmp_path, content, says):
    path = tmp_path / "labels.htm"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        read_annotation(path, 20, 10.0)
    assert "\n" not in str(caught.value)
