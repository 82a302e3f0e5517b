import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from common.names import canonical, canonical_names, find_path, unreadable_name_reason, unsafe_name_reason

FINE = ["exp1", "Ratón 3", "grooming", "HD_ChR2_510A", "a.b", "نمی‌خواهم", "クマ 1", "a'b", "100 %", "$x^$"]
UNSAFE = [
    "", " a", "a/b", "a\\b", "a:b", "..", "a.", "CON", "com1.txt", "a\nb", "x" * 200, "a\x85b", "a\u202eb", "a\u2028b",
    "\ud800", "a\0", "\x1b[31m", "CONIN$", "com¹.txt", "con .txt", "ü" * 61, "<script>", 'a"b', "../a", "a\u200f",
]  # fmt: skip


@pytest.mark.parametrize("name", FINE)
def test_ordinary_names_are_fine(name):
    assert unsafe_name_reason(name) == ""


@pytest.mark.parametrize("name", UNSAFE, ids=range(len(UNSAFE)))
def test_names_that_some_system_refuses_are_found(name):
    assert unsafe_name_reason(name).isprintable() and unsafe_name_reason(name)


@pytest.mark.parametrize("name", ["", "wt/ko", "<script>alert(1)</script>", "ChR2 (5 mW)", 'a"b'])
def test_names_that_are_only_shown_may_hold_any_visible_sign(name):
    assert unreadable_name_reason(name) == ""


@pytest.mark.parametrize("name", ["a\0b", "\x1b[2J", "a\u202eb", "x" * 300])
def test_names_that_cannot_be_shown_are_found_and_their_reason_can_be(name):
    assert unreadable_name_reason(name).isprintable() and unreadable_name_reason(name)


def test_an_error_is_one_paragraph_that_can_be_shown_whatever_it_quotes():
    text = str(InputError("a\nb\r\n\x1b[31m\u202e\0 \ud800 نمی‌خواهم – 39\u00a0% " + "x" * 9000 + " Do this."))
    assert text.startswith("a b \\x1b[31m\\u202e\\x00 \\ud800") and "39\u00a0%" in text
    assert text.endswith("xx Do this.") and len(text) < 2100
    text.encode("utf-8")


ACCENTED = st.text(st.sampled_from("aeño çüåé한Ω"), min_size=1, max_size=8).map(str.strip).filter(bool)


@given(text=st.text())
def test_both_forms_of_a_name_are_one_name_and_only_they(text):
    forms = {canonical(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert forms == {canonical(text)} == {canonical(canonical(text))}
    assert unicodedata.normalize("NFD", canonical(text)) == unicodedata.normalize("NFD", text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(folder=ACCENTED, name=ACCENTED, written=st.sampled_from(["NFC", "NFD"]), stored=st.sampled_from(["NFC", "NFD"]))
def test_a_file_is_found_by_either_form(tmp_path: Path, folder, name, written, stored):
    there = tmp_path / unicodedata.normalize(stored, folder) / unicodedata.normalize(stored, f"{name}.csv")
    there.parent.mkdir(exist_ok=True)
    there.touch()
    asked = tmp_path / unicodedata.normalize(written, folder) / unicodedata.normalize(written, f"{name}.csv")
    assert find_path(asked).samefile(there)
    there.unlink()
    assert not find_path(asked).exists()
    there.parent.rmdir()


def test_settings_that_name_one_thing_twice_are_refused():
    assert canonical_names({"nin\u0303o": ["e\u0301", 3]}) == {"ni\u00f1o": ["\u00e9", 3]}
    with pytest.raises(ValueError, match="accents"):
        canonical_names({"nin\u0303o": 1, "ni\u00f1o": 2})
