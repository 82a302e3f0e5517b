import pytest

from common.names import unsafe_name_reason


@pytest.mark.parametrize("name", ["exp1", "Ratón 3", "grooming", "HD_ChR2_510A", "a.b"])
def test_ordinary_names_are_fine(name):
    assert unsafe_name_reason(name) == ""


@pytest.mark.parametrize("name", ["", " a", "a/b", "a\\b", "a:b", "..", "a.", "CON", "com1.txt", "a\nb", "x" * 200])
def test_names_that_some_system_refuses_are_found(name):
    assert unsafe_name_reason(name)
