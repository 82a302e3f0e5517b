import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.names import canonical, canonical_names, find_path, unsafe_name_reason


@pytest.mark.parametrize("name", ["exp1", "Ratón 3", "grooming", "HD_ChR2_510A", "a.b"])
def test_ordinary_names_are_fine(name):
    assert unsafe_name_reason(name) == ""


@pytest.mark.parametrize("name", ["", " a", "a/b", "a\\b", "a:b", "..", "a.", "CON", "com1.txt", "a\nb", "x" * 200])
def test_names_that_some_system_refuses_are_found(name):
    assert unsafe_name_reason(name)


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
