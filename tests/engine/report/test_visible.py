"""Text that others wrote can be read as what it is."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.report.visible import Piece, cut, pieces, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("", []),
        ("whoami /all", [Piece("whoami /all", escaped=False)]),
        ("a\u202eb", [Piece("a", escaped=False), Piece(r"\u202e", escaped=True), Piece("b", escaped=False)]),
        (r"C:\u202e", [Piece(r"C:\u202e", escaped=False)]),
        ("\x1b[2J", [Piece(r"\x1b", escaped=True), Piece("[2J", escaped=False)]),
        ("\0\r\n\t", [Piece(r"\x00\r\n\t", escaped=True)]),
        ("\ud800", [Piece(r"\ud800", escaped=True)]),
        ("net\xa0user", [Piece("net", escaped=False), Piece(r"\xa0", escaped=True), Piece("user", escaped=False)]),
        ("\u3164\u200b\ufe0f\u2800", [Piece(r"\u3164\u200b\ufe0f\u2800", escaped=True)]),
        ("Übersicht 日本 \U0001f415", [Piece("Übersicht 日本 \U0001f415", escaped=False)]),
    ],
)
def test_invisible_characters_become_escapes(written, shown) -> None:
    assert list(pieces(written)) == shown


@given(ANY_TEXT)
def test_what_is_shown_can_be_seen_and_encoded(written) -> None:
    assert visible(written).isprintable()
    assert visible(written).encode().decode() == visible(written)


@given(ANY_TEXT)
@example("\udbff\udfff")
def test_nothing_is_lost(written) -> None:
    shown = [piece.text.encode().decode("unicode_escape") if piece.escaped else piece.text for piece in pieces(written)]
    assert "".join(shown) == written


@pytest.mark.parametrize(
    ("written", "most", "left"),
    [
        ("whoami", 6, ("whoami", 0)),
        ("whoami", 3, ("who", 3)),
        ("whoami", 0, ("", 6)),
        ("a\u202eb", 7, ("a\u202e", 1)),
        ("a\u202eb", 6, ("a", 2)),
        ("\U000e0001b", 9, ("", 2)),
    ],
)
def test_a_cut_counts_what_is_shown_and_says_what_is_gone(written, most, left) -> None:
    assert cut(written, most) == left


@given(ANY_TEXT, st.integers(0, 40))
def test_a_cut_keeps_the_beginning_within_its_bounds(written, most) -> None:
    kept, rest = cut(written, most)
    assert written.startswith(kept)
    assert len(kept) + rest == len(written)
    assert len(visible(kept)) <= most
