"""Where a text names which of some options: the longest name wins, and part of a word, number or symbol is no name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

_UNSPACED = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Scripts that put no spaces between words: Chinese, Japanese, and Korean endings."""
QUOTES = "\"'`*_“”‘’«»„$~「」『』"
"""Marks of quotation and emphasis."""
_NUMBER = re.compile(r"(?<![\w.,/+-])[-+]?\d+(?:[.,]\d+)*(?![\w/%]|-\d|[.,]\d)")
_LEADS = """the my our a an this that it its it's that's i i'd i'll i'm we we'd is be was are am will would should must
has have had so therefore thus hence then and to for with as of here definitely certainly probably likely surely
clearly obviously absolutely almost course simply just well ok okay sure very most about around
approximately roughly answer answers choice option final correct right best short letter choose pick select
say prefer go think believe guess feel use take like result reply response verdict conclusion probability
chance boxed answer's there mean meant estimate expect predict ist est es e это ειναι है"""
_TAILS = """because since as that for from by in though although rather instead over more and with words word here too
的 again now then today overall it's i most of"""
_AND = "and or nor but not either neither between than over thought isn't no yes wait maybe perhaps"
_GOES_ON = "is isn't was would and or nor but not yes no i to"
LEADS = frozenset(_LEADS.split())
"""Words that may lead to an answer."""
TAILS = frozenset(_TAILS.split())
"""Words with which a clause may go on behind an answer."""
_BESIDE, _BEHIND = frozenset(_AND.split()), frozenset(_GOES_ON.split()) | (TAILS - {"for"})
_LAST = re.compile(r"(\S+)[ \t]+$")
_NEXT = re.compile(r"[ \t]+([^\s.,;:!?]+)")


@dataclass(frozen=True)
class Mention:
    """One place where a text names an option. start, stop: in the text."""

    index: int
    start: int
    stop: int


_PLAIN: dict[int, str | None] = {
    ord(wide): plain
    for wide, plain in {
        "’": "'", "‘": "'", "−": "-", "–": "-", "﹣": "-", "\ufe0f": None, "\u200b": None,
        "，": ", ", "：": ": ", "；": "; ", "？": "? ", "！": "! ", "（": " (", "）": ") ",
    }.items()
}  # fmt: skip


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """Case-folded, with plain digits, marks and quotes, Latin and Greek letters without accents."""
    kept, base = [], ""
    for char in unicodedata.normalize("NFKD", text.translate(_PLAIN).casefold()):
        accent = unicodedata.combining(char)
        if accent and base and ord(base) < 0x400:
            continue
        base = base if accent else char
        kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def form_of(names: Sequence[str]) -> Callable[[str], str]:
    """How texts are compared with these names: folded, or as they stand where names differ in case or accents alone."""
    return folded if len({folded(name) for name in names}) == len(set(names)) else str.strip


def mentions(text: str, names: Sequence[str]) -> list[Mention]:
    """Every place where a text (in the form of the names) names one of the options, left to right; none overlap.

    Of two names at one place the longer stands. A number is compared by its value, so "1" does not stand in "1.5", "31"
    or "-1". A name of one letter, and the words yes, no and even, count only where they stand alone: between marks, or
    after words that lead to an answer ("A nice day" and "no idea" name nothing)."""
    form = form_of(names)
    keys = [form(name) for name in names]
    found = [Mention(i, a, b) for i, key in enumerate(keys) if key for a, b in _places(text, key)]
    found.sort(key=lambda m: (m.start, m.start - m.stop, m.index))
    kept: list[Mention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].stop:
            kept.append(mention)
        elif mention.stop - mention.start > kept[-1].stop - kept[-1].start:
            kept[-1] = mention
    return kept


def value(text: str) -> float | None:
    """The number that a text is, with a decimal point or comma; None where it is none, or may be two (1,000)."""
    if not re.fullmatch(r"[-+]?\d+(?:[.,]\d+)?", text) or re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", text):
        return None
    return float(text.replace(",", "."))


def short(name: str) -> bool:
    """Whether a name is so short that it is mostly something else: one letter, or yes, no and even."""
    return (len(name) == 1 and name.isalpha()) or folded(name) in ("yes", "no", "even")


def _places(text: str, key: str) -> list[tuple[int, int]]:
    wanted = value(key)
    if wanted is not None:
        return [m.span() for m in _NUMBER.finditer(text) if m[0] == key or value(m[0]) == wanted]
    places = [m.span() for m in re.finditer(_pattern(key), text)]
    return [(a, b) for a, b in places if _alone(text, a, b)] if short(key) else places


@lru_cache(maxsize=4096)
def _pattern(key: str) -> str:
    """A word ends where another character than a letter, digit, or a mark that belongs to it (C++, C#, 5%) follows."""
    spaced = r"\s+".join(re.escape(part) for part in key.split())
    before = after = ""
    if re.match(rf"[^\W{_UNSPACED}]", key):
        before = r"(?<![\w+#@&])(?<!\w[-'])"
    elif re.match(r"[-+]", key):
        before = r"(?<!\w)"
    if re.search(rf"[^\W{_UNSPACED}]$", key):
        after = r"(?![\w+#@&]|[-'](?=\w)|--)"
    return before + spaced + after


def _alone(text: str, start: int, stop: int) -> bool:
    if text[stop : stop + 1] == ")":
        return not text[start - 1 : start].isalnum()
    before, behind = _LAST.search(text[max(0, start - 40) : start]), _NEXT.match(text, stop)
    led = before is None or not before[1][-1].isalnum() or before[1].strip(QUOTES).casefold() in LEADS | _BESIDE
    open_ = start == 0 or not text[start - 1].isalnum()
    ends = stop == len(text) or not text[stop].isalnum() or text[stop] == "的"
    after = "" if behind is None else behind[1].strip(QUOTES).casefold()
    return open_ and ends and led and (after in _BEHIND or not behind or not behind[1].isalpha())
