"""Unusual texts: every character, halves of some, any length."""

from __future__ import annotations

import json

from hypothesis import strategies as st

FOX = "🦊"  # U+1F98A: beyond U+FFFF, where JSON's usual escape is two halves of a character
LONG = 100_000  # bytes


class Long(str):
    """A text whose name in a report is its beginning."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{self[:20]!r} and so on"

    @classmethod
    def of(cls, piece: str) -> Long:
        return cls(piece * (LONG // len(json.dumps(piece)) + 1))


_odd = st.characters(exclude_categories=())
_oddest = st.sampled_from("\x00\t\n\r\x1b\x7f\x80\x85\x9f\xa0\u2028\u2029\ud83e\udd8a\ufeff\ufffe\uffff\"'\\%:,{}&*!🦊")
short_texts = st.text(st.one_of(_odd, _oddest), max_size=30)
texts = st.one_of(short_texts, short_texts.filter(bool).map(Long.of))
