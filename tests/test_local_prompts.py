"""Local subjects: how prompts become tokens, and which prompts are refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

import tiny_llama
from selfscope.errors import BadModel, PromptTooLong
from selfscope.records import Decoding, Message, Prompt
from selfscope.subjects import bundled_models
from selfscope.subjects.base import ScoringSubject, reaches
from selfscope.subjects.continuation import continuation
from selfscope.subjects.local import Local, load
from selfscope.subjects.render import render
from tiny import build, tokenizer
from tiny_llama import ASKED

folder = tiny_llama.folder
subject = tiny_llama.subject


def text_of(subject: Local, prompt: Prompt) -> str:
    return str(subject.tokenizer.decode(list(subject.encode(prompt))))


def test_it_is_a_scoring_subject(subject: Local) -> None:
    assert isinstance(subject, ScoringSubject)
    assert reaches(subject, "logprobs")
    assert reaches(subject, "activations")
    assert reaches(subject, "weights")
    assert subject.chat
    assert subject.environment["scoring"] == "token trees"
    assert subject.environment["dtype"] == "float32"
    assert {"device", "torch", "transformers"} <= subject.environment.keys()


def test_a_text_gets_one_bos_and_exact_ids_none(subject: Local) -> None:
    assert text_of(subject, Prompt(text="The river", prefix=" runs")) == "<s>The river runs"
    assert subject.encode(Prompt(ids=(7, 8, 9))) == (7, 8, 9)


def test_a_template_that_writes_the_bos_gets_no_second(subject: Local) -> None:
    words = tokenizer()
    words.chat_template = "<s>" + words.chat_template
    ids = render(words, replace(ASKED, prefix="Blue"))
    assert ids.count(words.bos_token_id) == 1
    assert words.decode(list(ids)) == "<s><|user|>Name a colour.<|end|>\n<|assistant|>Blue"


def test_a_base_model_reads_a_transcript_behind_its_bos() -> None:
    words = tokenizer(chat=False)
    both = (Message("system", "Be short."), Message("user", "Name a colour."))
    assert words.decode(list(render(words, ASKED))) == "<s>Name a colour.\n"
    text = words.decode(list(render(words, Prompt(messages=both, prefix="Bl"))))
    assert text == "<s>Instructions: Be short.\n\nUser: Name a colour.\n\nAssistant: Bl"


def test_a_template_without_a_system_role_gets_it_in_the_first_user_message() -> None:
    words = tokenizer()
    words.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + words.chat_template
    )
    both = (Message("system", "Be short."), Message("user", "Name a colour."))
    assert "<|user|>Be short.\n\nName a colour.<|end|>" in words.decode(list(render(words, Prompt(messages=both))))
    with pytest.raises(BadModel, match="no system role"):
        render(words, Prompt(messages=both[:1]))


def test_a_continuation_has_no_space_that_is_not_in_it() -> None:
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    marks = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=90, special_tokens=marks, show_progress=False, initial_alphabet=["\n"])
    made.train_from_iterator(["x yes no, yes no yes no x"] * 3, trainer)
    words = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    assert "".join(words.convert_ids_to_tokens(list(continuation(words, "yes")))) == "yes"
    assert "".join(words.convert_ids_to_tokens(list(continuation(words, " yes")))) == "\u2581yes"
    plain = tokenizer()
    assert plain.decode(list(continuation(plain, " yes, later"))) == " yes, later"


def test_too_long_a_prompt_says_both_lengths(subject: Local) -> None:
    long = Prompt(ids=(9,) * 300)
    for call in (
        lambda: subject.sample([long], 1, Decoding(5)),
        lambda: subject.score([long], [["yes"]]),
        lambda: subject.next_token([long]),
        lambda: subject.encode(long),
    ):
        with pytest.raises(PromptTooLong, match=r"300 tokens.*256"):
            call()
    with pytest.raises(PromptTooLong, match="250 tokens and 20 more"):
        subject.sample([Prompt(ids=(9,) * 250)], 1, Decoding(20))


def test_an_empty_candidate_or_prompt_is_refused(subject: Local) -> None:
    with pytest.raises(ValueError, match="has no token"):
        subject.score([ASKED], [["yes", ""]])
    with pytest.raises(ValueError, match="no token"):
        subject.next_token([Prompt(ids=())])


def test_a_folder_without_a_template_is_a_base_model(tmp_path: Path) -> None:
    base = load(str(build("llama", tmp_path, chat=False)), device="cpu")
    assert not base.chat
    assert text_of(base, ASKED) == "<s>Name a colour.\n"


SENTENCES = (
    "The train left the station at seven in the morning and arrived in the capital before noon.",
    "She opened the window because the room was warm, and the noise of the street came in.",
)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A few short rows: a second thread only waits, and on a busy machine for long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def slow_unless_fetched(name: str) -> Callable[[Callable[..., None]], Any]:
    """A test of a packaged model runs by default where the model is on the disk already."""
    return pytest.mark.slow if bundled_models.path(name) is None else lambda test: test


@slow_unless_fetched("gemma3-270m")
def test_gemma_is_given_its_bos(one_thread: None) -> None:
    """Without its BOS Gemma is useless: a perplexity of hundreds instead of ten."""
    gemma = load("gemma3-270m", device="cpu")
    bos = gemma.tokenizer.bos_token_id

    def perplexity(rows: list[tuple[int, ...]], skip: int) -> float:
        texts = [[gemma.tokenizer.decode(list(row[skip:]))] for row in rows]
        scores = gemma.score([Prompt(ids=row[:skip]) for row in rows], texts)
        flat = [x for many in scores for one in many for x in one]
        return math.exp(-sum(flat) / len(flat))

    rows = [gemma.encode(Prompt(text=text)) for text in SENTENCES]
    assert all(row[0] == bos and row.count(bos) == 1 for row in rows)
    spoken = gemma.encode(Prompt(messages=(Message("user", SENTENCES[0]),)))
    assert spoken[0] == bos
    assert spoken.count(bos) == 1
    assert perplexity(rows, 2) < 30
    assert perplexity([row[1:] for row in rows], 1) > 150
