"""What a reply asserts of some options: a small grammar of clauses, in which each is asserted, denied or only named.

A reply falls into sentences and clauses. What stands in a question, in a list of several options, behind a condition or
a doubt is *named*; what stands behind (or before) a word of denial in its own clause is *denied* (`denials` says which
words are); what is a whole clause, or follows words that lead to an answer, is *asserted*, and words such as "answer"
or "I choose" make that *explicit*. To deny one option asserts no other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from selfscope.parsing.denials import affirming, denies, denies_outright, without_asides
from selfscope.parsing.mentions import LEADS, QUOTES, TAILS, Mention, form_of, mentions

_FIRST, _MOST, _MANY = 0xE000, 0xFF, "\ue0ff"
_PLACE = "[\ue000-\ue0fe]"
_QUOTED = re.compile(rf"[{re.escape(QUOTES)}]*([\ue000-\ue0ff])[{re.escape(QUOTES)}]*")
_ENTRY = re.compile(rf"^\s*(?:\d+[.)]|[-*•>])\s+(?=.*{_PLACE})", re.MULTILINE)
_THOUGHT = re.compile(
    r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)|\A.*</(?:think|thinking|thought|reasoning)>",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-z][\w-]*>")
_SENTENCE = re.compile(r"([?؟？]+|[.!。！।]+(?=\s|$|[\"'”」)])|\n+|;|；)")
_CLAUSE = re.compile(
    r",(?=\s|$)|:(?!\w)|[，、،：…|()\[\]{}（）=≈→>•\\]|\.(?=\s|$)|\.{2,}|\s-+\s|\s?—\s?|^\s*[-+#]+\s"
    r"|(?<!thing )(?<!all )\bbut\b|\bbecause\b"
)
_JOINED = re.compile(
    rf"{_PLACE}(?:(?:[ \t]|[,/|、،&和与かと]|或者?|\b(?:and|or|nor|und|oder|ou|et|y|или|и|أو|η|या)\b)*{_PLACE})+"
)
_NAMED = re.compile(
    r"\b(?:maybe|perhaps|possibly|might|could|either|if|whether|unless|between|options|choices|said|says|torn)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\W*(?:if|unless|whether|depending)\b(?! i (?:had|have|must)\b| i(?:'m| am) (?:not )?(?:mistaken|wrong)\b)",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"^\s*(?:oh|hmm|oops|no)?\s*\b(?:no|wait|actually|correction|rather|hmm|oops|i meant?|on second thought)\b"
    r"|\bcorrect that\b",
    re.IGNORECASE,
)
_UNSPACED_LEAD = re.compile(r"(?:是|为|為|选择?|選擇?|は|が)$")
_PREDICATE = re.compile(
    r"\s*(?:is|was|would be|will be) (?:what|my|the|right|correct|it|likely|likelier|best)\b", re.IGNORECASE
)
_SPOKEN = "choose pick select say prefer go think believe guess feel use take like answer mean meant estimate expect"
_IS = "is be was it's its that's has have answer option so therefore thus hence predict ist est es e это ειναι है"
_FIRM = "answer final choice choose pick select say prefer go boxed conclusion verdict use take"
_OWN = ("i", "i'd", "i'll", "i'm", "we", "we'd")
_SPEECH, _COPULAS, _EXPLICIT = (frozenset(words.split()) for words in (_SPOKEN, _IS, _FIRM))


class Force(IntEnum):
    """How an option stands in a reply."""

    NAMED = 0
    ASSERTED = 1
    EXPLICIT = 2


@dataclass(frozen=True)
class Said:
    """One option in one clause. turned: words of correction stand between it and what was said before."""

    index: int
    force: Force
    turned: bool


def reply_text(text: str) -> str:
    """A reply without what was thought aloud."""
    return without_asides(re.sub("[\ue000-\ue0ff]", " ", _THOUGHT.sub("\n", text))).strip()


def asserted(text: str, names: Sequence[str]) -> int | None:
    """The index of the one option that a reply asserts; None where it asserts none, or several."""
    plain = form_of(names)(reply_text(text))
    whole = _whole(plain, names)
    return whole if whole is not None else _decided(_said(plain, mentions(plain, names)))


def affirmed(text: str, names: Sequence[str]) -> list[int]:
    """The indices of the options that a text affirms, in order, each once.

    It asserts them and does not take that back; or it names them in any way, and denies them nowhere."""
    stand: dict[int, bool] = {}
    sure: dict[int, bool] = {}
    for place in _standing(text, names):
        asserts = place.force is not None and place.force > Force.NAMED
        if asserts or (place.force is None and place.turned):
            sure[place.index] = asserts
        stand[place.index] = stand.get(place.index, True) and place.force is not None
    return [index for index, named in stand.items() if sure.get(index, named)]


def denied(text: str, names: Sequence[str]) -> list[int]:
    """The indices of the options that a text denies outright ("not true", "true is wrong"), in order, each once."""
    return list(dict.fromkeys(place.index for place in _standing(text, names) if place.outright))


def clauses(text: str) -> list[tuple[str, bool]]:
    """The clauses of a folded text, and whether each stands in a question or a condition."""
    out = []
    pieces = _SENTENCE.split(text)
    for body, end in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        open_ = end[:1] in ("?", "؟", "？") or bool(_CONDITION.match(body))
        out += [(part.strip(), open_) for part in _CLAUSE.split(body)]
    return [(part, question) for part, question in out if part]


def bare(clause: str) -> str:
    """A clause without quotes, marks of emphasis and the words that lead to an answer."""
    words = clause.strip(QUOTES + " .!\t").split()
    while words and words[0].strip(QUOTES) in LEADS:
        words = words[1:]
    return " ".join(words).strip(QUOTES + " .!\t")


def turns(clause: str) -> bool:
    """Whether a clause takes back what was said before it."""
    return bool(_TURN.search(clause))


def _whole(plain: str, names: Sequence[str]) -> int | None:
    """The reply is an option's name and nothing else."""
    for strip in ("", " \t\n", QUOTES + " \t\n", QUOTES + " .!。！।\t\n"):
        hits = [i for i, name in enumerate(names) if plain.strip(strip) == form_of(names)(name)]
        if len(hits) == 1:
            return hits[0]
    return None


def _decided(said: Sequence[Said]) -> int | None:
    """The strongest assertion, unless another option is asserted beside it without a word of correction."""
    top = max((s.force for s in said), default=Force.NAMED)
    chosen: int | None = None
    torn = False
    for s in said:
        if s.force == Force.NAMED or (chosen is None and s.force < top):  # what is explicit outdoes what stood before
            continue
        if chosen is None or s.turned:
            chosen, torn = s.index, False
        torn = torn or s.index != chosen
    return None if torn else chosen


def _said(plain: str, found: Sequence[Mention]) -> list[Said]:
    out: list[Said] = []
    explicit = turned = False
    for clause, question in clauses(_marked(plain, found)):
        clause = affirming(_QUOTED.sub(r"\1", clause))
        turned = turned or (turns(clause) and bool(out))
        places = list(re.finditer(_PLACE, clause))
        if not places:
            words = [w.strip(QUOTES) for w in clause.casefold().split()]
            explicit = bool(_EXPLICIT & set(words)) and len(words) <= 4
            continue
        for place in places:
            force = _force(clause, place, question)
            if force is None:
                continue
            if explicit and force == Force.ASSERTED:
                force = Force.EXPLICIT
            out.append(Said(found[ord(place[0]) - _FIRST].index, force, turned))
            turned = turned and force < Force.ASSERTED
        explicit = False
    return out


def _marked(plain: str, found: Sequence[Mention]) -> str:
    """The text with one sign for each mention, and one for several in a row or in a list of labels."""
    labels = {m.index for m in found if _label(plain, m)}
    signs = [_MANY if len(labels) > 1 and _label(plain, m) else chr(_FIRST + k) for k, m in enumerate(found[:_MOST])]

    def joined(match: re.Match[str]) -> str:
        inside = re.findall(_PLACE, match[0])
        return inside[0] if len({found[ord(c) - _FIRST].index for c in inside}) == 1 else f" {_MANY} "

    return _JOINED.sub(joined, _ENTRY.sub("", _signed(plain, found, signs)))


def _signed(plain: str, found: Sequence[Mention], signs: Sequence[str]) -> str:
    """The text with a sign in the place of each mention; other tags are gone."""
    pieces, at = [], 0
    for mention, sign in zip(found, signs, strict=False):
        pieces += [_TAG.sub(" : ", plain[at : mention.start]), sign]
        at = mention.stop
    return "".join((*pieces, _TAG.sub(" : ", plain[at:])))


def _label(plain: str, mention: Mention) -> bool:
    """Whether it is the label of an entry, as in "B) blue"."""
    return plain[mention.stop : mention.stop + 1] == ")" and plain[mention.start - 1 : mention.start] != "("


def _sides(clause: str, place: re.Match[str]) -> tuple[str, str]:
    return clause[: place.start()].rpartition(_MANY)[2], clause[place.end() :]


def _force(clause: str, place: re.Match[str], question: bool) -> Force | None:
    """How one option stands in its clause; None where it is denied."""
    before, behind = _sides(clause, place)
    if denies(before, behind):
        return None
    if question or _NAMED.search(before):
        return Force.NAMED
    words = [w for w in _UNSPACED_LEAD.sub(" is", before.casefold().rstrip(QUOTES)).split() if w.strip(QUOTES)]
    lead: set[str] = set()
    last = words[-1].strip(QUOTES) if words else ""
    while words and words[-1].strip(QUOTES) in LEADS:
        lead.add(words.pop().strip(QUOTES))
    tail = behind.casefold().split()
    ends = not tail or tail[0].strip(QUOTES) in TAILS or bool(_PREDICATE.match(behind))
    own = bool(lead.intersection(_OWN) and lead & _SPEECH)
    copula = bool(lead & _COPULAS - {"answer"}) and last not in _SPEECH
    if not ends or not (own or copula or not words):
        return Force.NAMED
    explicit = lead & _EXPLICIT and (own or lead & {"answer", "final"})
    return Force.EXPLICIT if explicit else Force.ASSERTED


@dataclass(frozen=True)
class _Place:
    """One mention of an option. force: None where it is denied. turned: as in `Said`. outright: denied directly."""

    index: int
    force: Force | None
    turned: bool
    outright: bool


def _standing(text: str, names: Sequence[str]) -> list[_Place]:
    """How each mention stands, lists not taken together."""
    plain = form_of(names)(reply_text(text))
    found = mentions(plain, names)
    signs = [chr(_FIRST + k) for k in range(min(len(found), _MOST))]
    out: list[_Place] = []
    turned = False
    for clause, question in clauses(_signed(plain, found, signs)):
        clause = affirming(clause)
        turned = turned or (turns(clause) and bool(out))
        for place in re.finditer(_PLACE, clause):
            force = _force(clause, place, question)
            outright = force is None and not question and denies_outright(*_sides(clause, place))
            out.append(_Place(found[ord(place[0]) - _FIRST].index, force, turned, outright))
    return out
