"""Texts of strangers do nothing to a terminal, a page or a panel."""

import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.printable import one_line, printable_names


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Zoë's iPhone 15 (顔) 👩‍🎤", "Zoë's iPhone 15 (顔) 👩‍🎤"),
        ("\x1b]0;TITLE\x07\x1b[2J", "\ufffd]0;TITLE\ufffd\ufffd[2J"),
        ("one\r\ntwo\tthree\u2028four\x0bfive\x85six", "one  two three four five six"),
        ("\x9b2J\x7f\x00", "\ufffd2J\ufffd\ufffd"),
        ("\u202egnp.exe\u2066\u200f\ufeff", "\ufffdgnp.exe\ufffd\ufffd\ufffd"),
        ("half \ud83d and \udcff", "half \ufffd and \ufffd"),
    ],
    ids=["names", "terminal", "lines", "C1", "bidi", "surrogates"],
)
def test_controls_are_replaced_and_names_are_kept(text, printed):
    assert one_line(text) == printed
    one_line(text).encode("utf-8")


def test_every_character_comes_out_encodable_and_in_one_line():
    for start in range(0, 0x110000, 0x1000):
        text = one_line("".join(map(chr, range(start, start + 0x1000))))
        assert len(text.splitlines()) == 1 and text.encode("utf-8")
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or 0x202A <= ord(c) <= 0x202E for c in text)


def test_a_limit_cuts_the_text():
    assert one_line("abc\n", 3) == "abc" and one_line("abc", 10) == "abc"


def test_names_that_would_become_alike_stay_different():
    names = printable_names(["a\n", "a ", "a\t", "b"])
    assert len(set(names)) == 4 and names[0] == "a " and names[3] == "b"
    assert printable_names(["a", "b"]) == ("a", "b")


def test_an_error_that_quotes_a_stranger_is_one_line():
    assert str(InnerfaceError("take\n\x1b[2J.csv: no such file")) == "take \ufffd[2J.csv: no such file"
