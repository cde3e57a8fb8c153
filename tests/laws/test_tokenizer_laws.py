"""What is scored is exactly the continuation, for every kind and habit of tokenizers, or it is said that it cannot be.

The yardsticks are the tokenizer's own decoding, and the model's own next-token distribution, step by step.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from selfscope.errors import BadInput
from selfscope.readers.ask import UNWRITTEN, Ask
from selfscope.records import Decoding, Option, Outcome, Prompt, Question, Trial
from selfscope.subjects.continuation import continuation, spoken
from selfscope.subjects.local import Local, load
from selfscope.subjects.render import positions_of_text, render, spans
from selfscope.subjects.sealed import Log, SealedSubject, SealRegistry
from selfscope.wording import phrase
from tested_device import CLOSE, HERE
from tiny import build
from tokenizer_kinds import KINDS, MOST

BEFORE = "Name a colour. Answer:"
OPTIONS = (
    " yes", " no", "yes", "no", " New York", " New", " 1", " 1.5", " Yes", " C++", "-5", " red: no", "\nno", " 🙂",
)  # fmt: skip
NO_SPACES = ("word_piece", "word_level('marks'")
"""Kinds that write no spaces: a text and the same text without its spaces have one spelling."""


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def subject(kind: str, wide: Local) -> Local:
    return replace(wide, tokenizer=KINDS[kind](), _known={})


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A model with a token for every id of every kind."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(build("llama", tmp_path_factory.mktemp("wide"), vocabulary=MOST)), **HERE)
    torch.set_num_threads(threads)


def written(words: Any, ids: Any) -> str:
    text = words.decode(list(ids), clean_up_tokenization_spaces=False)
    return unicodedata.normalize("NFC", text)


def spelled(words: Any, text: str) -> tuple[int, ...] | None:
    try:
        return continuation(words, text)
    except BadInput:
        return None


def test_what_follows_the_prompt_is_the_text_and_nothing_else(kind: str, subject: Local) -> None:
    words = subject.tokenizer
    before = render(words, Prompt(text=BEFORE))
    head = written(words, before)
    can = [text for text in OPTIONS if spelled(words, text) is not None]
    for text in can:
        ids = continuation(words, text)
        assert not set(ids) & set(words.all_special_ids), text
        got = written(words, (*before, *ids))
        if kind.startswith(NO_SPACES):
            assert "".join(got.split()) == "".join((head + text).split())
        else:
            assert got == head + text
    assert {" yes", " no"} <= set(can), "every kind has words with a space before"


def test_law_a_score_is_the_sum_of_next_token_steps(subject: Local) -> None:
    words = subject.tokenizer
    options = [text for text in OPTIONS if spelled(words, text) is not None]
    prompt = Prompt(text=BEFORE)
    scores = subject.score([prompt], [options])[0]
    before = subject.encode(prompt)
    for text, logprobs in zip(options, scores, strict=True):
        ids = continuation(words, text)
        steps = [
            subject.next_token([Prompt(ids=before + ids[:k])], ids=[token])[0].logprobs[0]
            for k, token in enumerate(ids)
        ]
        assert math.fsum(logprobs) == pytest.approx(math.fsum(steps), abs=CLOSE), text


def test_a_prompt_has_its_marks_once_before_and_none_behind(kind: str, subject: Local) -> None:
    words = subject.tokenizer
    ids = render(words, Prompt(text=BEFORE))
    assert (ids[0] == words.bos_token_id) == ("'bos'" in kind)
    assert words.eos_token_id not in ids
    again = render(words, Prompt(text="<s>" + BEFORE))
    assert again.count(words.bos_token_id) == 1, "a text that begins with its BOS gets no other"
    assert render(words, Prompt(text="<s>"))[:2].count(words.bos_token_id) == 1


@pytest.mark.parametrize(
    ("habit", "text"),
    [
        ("byte_level('lower', 'eos')", " Yes"),
        ("unigram('lower', 'eos')", " Yes"),
        ("word_piece('lower', 'bos', 'eos')", "Yes"),
        ("word_level()", "yes"),  # it has no word that begins without a space
        ("word_level()", " maybe"),  # it would be the unknown token
        ("unigram()", " 🙂"),
        ("unigram('eos',)", " ½"),
    ],
)
def test_what_a_tokenizer_cannot_write_is_said(wide: Local, habit: str, text: str) -> None:
    subject = replace(wide, tokenizer=KINDS[habit](), _known={})
    with pytest.raises(BadInput, match=f"cannot write the candidate '{text}': it would be scored as"):
        subject.score([Prompt(text=BEFORE)], [[" no", text]])


def test_a_text_without_a_token_is_said(wide: Local) -> None:
    with pytest.raises(BadInput, match="the candidate '' has no token"):
        wide.score([Prompt(text=BEFORE)], [[""]])


def test_canonically_equal_texts_are_one_text(wide: Local) -> None:
    """Qwen's tokenizers compose accents: a decomposed one is the same text to Unicode."""
    from tokenizers import normalizers

    words = KINDS["byte_level()"]()
    words.backend_tokenizer.normalizer = normalizers.NFC()
    assert continuation(words, " cafe\u0301") == continuation(words, " café")


def test_a_reply_is_what_its_tokens_say_behind_others(kind: str, subject: Local) -> None:
    """SentencePiece's decoders cut the space off the head of a text: a reply has its own."""
    words = subject.tokenizer
    for text in (" yes", "yes", " New York"):
        ids = spelled(words, text)
        if ids is None:
            continue
        said = spoken(words, ids)
        if kind.startswith(NO_SPACES):
            assert said.strip() == text.strip()
        else:
            assert said == text
            assert spelled(words, said) == ids
    for reply in subject.sample([Prompt(text=BEFORE)], 3, Decoding(6, 1.0, 1))[0]:
        assert reply.ids is not None
        before = subject.encode(Prompt(text=BEFORE))
        whole = words.decode([*before, *reply.ids], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        head = words.decode(list(before), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if "\ufffd" not in whole:
            assert whole == head + reply.text


def test_positions_under_every_normaliser(subject: Local) -> None:
    """A token that only puts a space before a text lies on no character of it; a text is found under every habit."""
    words = subject.tokenizer
    for prompt in (Prompt(text="yes, no, New York"), Prompt(text="New York, yes")):
        _, offsets = spans(words, prompt)
        ids = render(words, prompt)
        assert len(offsets) == len(ids)
        for wanted in ("yes", "New York"):
            positions = positions_of_text(words, prompt, wanted)
            got = words.decode([ids[c] for c in positions], clean_up_tokenization_spaces=False)
            bare = "".join(got.split()).casefold()
            assert "".join(wanted.split()).casefold() in bare or "<unk>" in got
            assert positions == tuple(range(positions[0], positions[-1] + 1))
            first = ids[positions[0]]
            assert words.decode([first]).strip() not in ("", "<s>"), "a token with nothing of the text in it"


def test_the_same_numbers_as_before_where_nothing_is_put_to_a_text() -> None:
    """Of byte-level and Gemma's kind a continuation is the text alone."""
    for name in ("byte_level()", "byte_level('bos',)", "sentencepiece('bare', 'bos')"):
        words = KINDS[name]()
        for text in OPTIONS:
            assert continuation(words, text) == tuple(words(text, add_special_tokens=False)["input_ids"])


def test_a_question_whose_answers_cannot_be_written_is_unsupported_and_others_are_asked(wide: Local) -> None:
    """Of a tokenizer of lower case: yes and no have a spelling each, "Paris" has none."""
    subject = replace(wide, tokenizer=KINDS["byte_level('lower', 'eos')"](), _known={}, chat=False)
    trials = []
    for texts in (("yes", "no"), ("Paris", "rome")):
        question = Question("custom", tuple(Option(t.lower(), t) for t in texts), {"ask": "Which?"})
        name = texts[0]
        trials.append(Trial(name, "own", "s", name, "t", "test", question, Prompt(text="x"), "x", name))
    for asked in (subject, SealedSubject(subject, "ask", SealRegistry(), Log())):
        said, unsaid = Ask("choice_lp").read(asked, trials)
        assert said.outcome == Outcome.ANSWERED
        assert (unsaid.outcome, unsaid.extra["why"]) == (Outcome.UNSUPPORTED, UNWRITTEN)
        yes_no = Ask("yesno_lp").read(asked, trials[:1])[0]
        assert yes_no.outcome == Outcome.ANSWERED, "' yes' alone stands for yes, not twice"
    scores = subject.score([phrase(trials[0], "yesno_lp", chat=False).prompt], [[" yes", " no"]])[0]
    shares = [math.exp(math.fsum(s)) for s in scores]
    assert yes_no.distribution == pytest.approx([p / sum(shares) for p in shares], abs=1e-6)
