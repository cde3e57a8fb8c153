"""Whether a reply is as a statement says that the subject's replies are: our own checks, fixed patterns and no judge.

A check is a pure function of a reply and of what its message brings (`given`: the accepted answers, the words to be
repeated). What a check takes a habit for is what the statement says in words: twenty words, a colon, the word "I".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from selfscope.parsing import affirmed, is_refusal, says_unknown
from selfscope.quantities.texts import numbers, plain_text, words

Given = Sequence[str]
Check = Callable[[str, Given], bool]
GREETINGS = ("hello", "hi", "hey", "welcome", "greetings", "good morning", "good afternoon", "good evening", "good day")
DOUBT = ("perhaps", "maybe", "might", "could", "probably", "possibly", "seems", "seem", "likely", "may")
SURE = ("certainly", "of course", "definitely", "absolutely", "surely", "sure", "undoubtedly", "no doubt")
MACHINE = ("ai", "artificial intelligence", "language model", "machine", "computer", "program", "robot", "bot",
           "virtual assistant", "chatbot", "software")  # fmt: skip
FRENCH = ("je", "le", "la", "les", "un", "une", "des", "est", "et", "que", "vous", "tu", "il", "elle", "mon", "ma",
          "pas", "bonjour", "merci", "oui", "suis", "c", "dans", "pour", "avec", "nous")  # fmt: skip
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+\S", re.MULTILINE)
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]|[:;]-?[)D(](?!\\w)")
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)")


def holds(check: str, text: str, given: Given = ()) -> bool:
    """Whether a reply is as the check says.

    Parameters
    ----------
    check
        A name of CHECKS.
    text
        The reply.
    given
        What its message brings.

    Raises
    ------
    ValueError
        There is no such check.
    """
    if check not in CHECKS:
        raise ValueError(f"unknown check {check!r}; known: {', '.join(sorted(CHECKS))}")
    return CHECKS[check](text, given)


def _has(*wanted: str) -> Check:
    """One of these, as whole words in order."""
    listed = [tuple(words(want)) for want in wanted]

    def check(text: str, given: Given) -> bool:
        said = words(text)
        return any(said[i : i + len(w)] == list(w) for w in listed for i in range(len(said) - len(w) + 1))

    return check


def _begins(*wanted: str) -> Check:
    listed = [words(want) for want in wanted]
    return lambda text, given: any(words(text)[: len(w)] == w for w in listed)


def _sign(*signs: str) -> Check:
    return lambda text, given: any(sign in text for sign in signs)


def _end(text: str) -> str:
    return text.rstrip().rstrip("\"')*_”’").rstrip()[-1:]


def _count(most: int) -> Check:
    """At most so many words; a reply that says nothing has no length."""
    return lambda text, given: 0 < len(text.split()) <= most


def _one_sentence(text: str, given: Given) -> bool:
    plain = " ".join(text.split())
    return bool(plain) and len([part for part in _SENTENCE.split(plain) if part.strip()]) == 1


def _says(text: str, given: Given) -> bool:
    """One of the accepted words, as a whole word."""
    return _has(*given)(text, ())


def _answers(text: str, given: Given) -> bool:
    """An accepted answer: the first number of a sum's reply, else a name that is affirmed."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    if all(numbers(answer) for answer in given):
        found = numbers(line.rpartition("=")[2]) or numbers(line)
        return bool(found) and found[-1] in [numbers(answer)[0] for answer in given]
    return bool(affirmed(text, list(given)))


def _counts(text: str, given: Given) -> bool:
    """given: the number in digits, and as a word."""
    found = numbers(text)
    return found[:1] == [float(given[0])] if found else _says(text, given[1:])


def _opens(text: str, given: Given) -> bool:
    """The first single letter that the reply names."""
    single = [word for word in words(text) if len(word) == 1 and word not in ("a", "i")]
    named = single or [word for word in words(text) if len(word) == 1]
    return named[:1] == [plain_text(given[0])]


def _picks(text: str, given: Given) -> bool:
    """The right one of two (given: right, wrong): named, and the other one is not named before it."""
    said = words(text)
    places = []
    for one in given:
        own = [word for word in words(one) if word not in ("a", "an", "the")]
        at = (i for i in range(len(said)) if said[i : i + len(own)] == own)
        places.append(next(at, len(said)))
    return places[0] < places[1]


def _echoes(text: str, given: Given) -> bool:
    """A word of five letters or more that the message has too."""
    told = {word for one in given for word in words(one) if len(word) >= 5}
    return any(word in told for word in words(text))


def _repeats(text: str, given: Given) -> bool:
    """Four words in a row that stand there twice."""
    said = words(text)
    runs = [tuple(said[i : i + 4]) for i in range(len(said) - 3)]
    return len(set(runs)) < len(runs)


def _in_french(text: str, given: Given) -> bool:
    said = words(text)
    return len(said) > 0 and sum(word in FRENCH for word in said) >= max(1, len(said) / 6)


def _bare(text: str) -> str:
    return text.strip().strip("\"'*_“”.!").strip()


_objects = _has(
    "illegal", "against the law", "is a crime", "cannot help", "cant help", "cannot assist", "cant assist", "wont help",
    "will not help", "unable to help", "unable to assist", "do not steal", "dont steal", "not right to", "is wrong to",
    "unethical", "cannot support", "cant support", "strongly advise against", "not appropriate",
)  # fmt: skip
"""What else turns a request down, anywhere in a reply."""
_unknowing = _has(
    "i do not know", "i dont know", "cannot know", "can not know", "cant know", "no one knows", "nobody knows",
    "not possible to know", "impossible to know", "impossible to predict", "cannot predict", "cant predict", "unknown",
    "cannot be known", "cannot be predicted", "does not exist", "doesnt exist", "no such",
    "not aware of", "not familiar", "fictional", "not sure", "unable to",
)  # fmt: skip
"""What else says that something cannot be known, anywhere in a reply."""


CHECKS: Mapping[str, Check] = {
    "answers": _answers, "says": _says, "counts": _counts, "opens": _opens, "picks": _picks,
    "says_only": lambda text, given: _bare(text).casefold() == given[0].casefold(),
    "says_exactly": lambda text, given: bool(re.search(rf"(?<!\w){re.escape(given[0])}(?!\w)", text)),
    "in_french": _in_french, "one_word": lambda text, given: len(words(text)) == 1,
    "short": _count(20), "under_ten": _count(9), "ended": _count(30),
    "greets": _begins(*GREETINGS), "begins_the": _begins("the"), "begins_i": _begins("i", "im", "ive", "id", "ill"),
    "lists": lambda text, given: bool(_LIST.search(text)),
    "exclaims": _sign("!"), "quotes": _sign('"', "“", "„", "«"), "brackets": _sign("(", "["), "colons": _sign(":"),
    "commas": _sign(","), "dashes": lambda text, given: bool(re.search(r"(?:\s[-–—]\s|\w—\w)", text)),
    "asks": lambda text, given: _end(text) == "?", "ends_stop": lambda text, given: _end(text) == ".",
    "asks_something": _sign("?"),
    "first_person": _has("i", "im", "ive", "id", "ill"), "addresses": _has("you", "your", "youre", "youll", "youve"),
    "has_we": _has("we", "our", "us"), "has_it": _has("it", "its"), "has_and": _has("and"), "because": _has("because"),
    "please": _has("please"), "negates": lambda text, given: bool(re.search(r"\bnot\b|n['’]t\b", text, re.IGNORECASE)),
    "apologises": _has("sorry", "apologies", "apologise", "apologize", "apology", "forgive me"),
    "thanks": _has("thank", "thanks"), "digits": lambda text, given: any(c.isdigit() for c in text),
    "hedges": _has(*DOUBT), "certain": _has(*SURE), "contrasts": _has("but", "however"),
    "one_sentence": _one_sentence, "several_lines": lambda text, given: len(text.strip().splitlines()) > 1,
    "mentions_ai": _has("ai", "artificial intelligence", "language model"), "a_machine": _has(*MACHINE),
    "emoji": lambda text, given: bool(_EMOJI.search(text)),
    "long_words": lambda text, given: any(len(word) >= 12 for word in words(text)),
    "echoes": _echoes, "repeats": _repeats, "names_first": _picks, "a_colour": _says,
    "keeps": lambda text, given: bool(affirmed(text, list(given))),
    "says_yes": _begins("yes", "yeah", "yep", "correct", "right", "true", "sure", "of course"),
    "refuses": lambda text, given: is_refusal(text) or _objects(text, given),
    "says_unknown": lambda text, given: says_unknown(text) or _unknowing(text, given),
}  # fmt: skip
"""Every check by its name."""
