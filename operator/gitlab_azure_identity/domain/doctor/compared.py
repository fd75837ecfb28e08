"""Two texts that must be the same to the letter, such as issuers: where they differ, in a form that a person sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from itertools import takewhile


@dataclass(frozen=True)
class Difference:
    """The first place where a text is another one than is needed. `place` counts characters from 0."""

    needed: str
    found: str
    place: int
    words: str

    def lines(self, needed: str, found: str) -> tuple[str, str, str]:
        """Both texts under each other, and a mark under the first difference. `needed` and `found` are their names."""
        width = max(len(needed), len(found)) + 2
        return (
            f"{f'{needed}:':{width}}{_visible(self.needed)}",
            f"{f'{found}:':{width}}{_visible(self.found)}",
            f"{'':{width + len(_visible(self.needed[: self.place]))}}^ {self.words}",
        )


def difference(needed: str, found: str) -> Difference | None:
    """The first difference, or None when the texts are the same."""
    if needed == found:
        return None
    place = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(needed, found, strict=False)))
    return Difference(needed, found, place, _words(needed, found, place))


def fitted(lines: Sequence[str], width: int) -> Iterator[str]:
    """The lines, with each comparison among them cut to a width in columns: of what both texts begin with, so much is `…` that
    the first difference and its words are seen."""
    number = 0
    while number < len(lines):
        three = lines[number : number + 3]
        compared = three[-1].lstrip().startswith("^ ")
        yield from _cut(three, width) if compared else three[:1]
        number += len(three) if compared else 1


def _cut(comparison: Sequence[str], width: int) -> Iterator[str]:
    first, mark = comparison[0], comparison[-1]
    start = len(first) - len(first.partition(":")[2].lstrip())
    same = len(mark) - len(mark.lstrip()) - start
    cut = min(len(mark) + 1 - width, same)
    for line in comparison:
        shown = "…" if line is not mark else " "
        yield f"{line[:start]}{shown}{line[start + cut :]}" if cut > 1 else line


def _words(needed: str, found: str, place: int) -> str:
    rest, other = needed[place:], found[place:]
    if rest == "/" and not other:
        return "the slash at the end is missing"
    if other == "/" and not rest:
        return "there is a slash at the end too many"
    if needed.strip() == found.strip():
        return "a blank at the start or at the end"
    if not other:
        return f"the end is missing: {_visible(rest)}"
    if not rest:
        return f"the end is too much: {_visible(other)}"
    if needed.casefold() == found.casefold():
        return f"{_visible(other[0])} instead of {_visible(rest[0])}: capitals count"
    return f"{_visible(other[0])} instead of {_visible(rest[0])}"


def _visible(text: str) -> str:
    """The text with everything that a terminal would not show, or would show as another letter, as its code point."""
    return "".join(
        each if each.isascii() and each.isprintable() and each != " " else f"<U+{ord(each):04X}>" for each in text
    )


def nearest(name: str, names: Sequence[str]) -> str | None:
    """The name that was most likely meant: the same one but for its case, else the most similar one. None when none is near."""
    same = next((each for each in names if each.casefold() == name.casefold()), None)
    return same or next(iter(get_close_matches(name, names, 1)), None)


def likeness(one: str, other: str) -> float:
    """How much of two texts is the same, from 0 to 1."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
