import pytest

from common.errors import InputError
from common.names import unreadable_name_reason, unsafe_name_reason

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
