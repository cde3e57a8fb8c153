"""Laws of text and positions (whitebox B4), for every kind of tokenizer: prompt to ids, text to positions.

The yardstick is the tokenizer's own decoding of the ids that the model is given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from selfscope.errors import BadInput
from selfscope.records import Message, Prompt
from selfscope.subjects import bundled_models
from selfscope.subjects.continuation import continuation
from selfscope.subjects.render import positions_of_text, render, rendered, spans
from selfscope.subjects.tokenizer_checks import placeholder
from tiny import TEMPLATE, TEXTS, tokenizer

HEADED = "<s>" + TEMPLATE
MIXED = "Ça va, naïve Zoë? 日本語 costs 5 €. A 👩‍🚀 and a 🙂🙂 met Łódź. The end of the river"
ENTITIES = ["naïve", "Zoë", "日本語", "5 €", "👩‍🚀", "🙂🙂", "Łódź", "The end", "river", "Ça", "?", "va, n"]


def byte_level() -> PreTrainedTokenizerFast:
    return _chat(tokenizer())


def metaspace() -> PreTrainedTokenizerFast:
    """As Llama 2's: a space before every text, spaces inside of tokens, single bytes for what it does not know."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<s>", "</s>", "<unk>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    every = special + [f"<0x{k:02X}>" for k in range(256)]
    made.train_from_iterator(TEXTS * 2, trainers.BpeTrainer(vocab_size=420, special_tokens=every, show_progress=False))
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    words = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return _chat(PreTrainedTokenizerFast(tokenizer_object=made, **words))


def merging() -> PreTrainedTokenizerFast:
    """A byte-level BPE that was taught to merge runs of marks and a mark with what stands beside it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )  # fmt: skip
    made.train_from_iterator([*TEXTS, "_ _ _ _ _ ? ? ? ? __ ____ x x x x, x; (x) xx" * 4], trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return _chat(PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>"))


def _chat(words: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    words.chat_template = HEADED
    return words


MADE = {"byte-level": byte_level, "metaspace": metaspace, "merging": merging}


FETCHED = () if bundled_models.path("gemma3-270m") else (pytest.mark.slow,)
"""Its file is large to fetch and to convert: by default where that was done before."""


@pytest.fixture(scope="module", params=[*MADE, "smollm2-135m", pytest.param("gemma3-270m", marks=FETCHED)])
def words(request: pytest.FixtureRequest) -> Any:
    if request.param in MADE:
        return MADE[request.param]()
    return AutoTokenizer.from_pretrained(str(bundled_models.get(request.param)))


def asked(user: str, system: str | None = None) -> Prompt:
    first = () if system is None else (Message("system", system),)
    return Prompt(messages=(*first, Message("user", user)))


def forms(words: Any, text: str) -> list[Prompt]:
    """The text in every form in which a prompt can hold it."""
    found = [Prompt(text=text), asked(text), asked(text, "Be brief."), replace(asked("Go on."), prefix=text)]
    return [*found, Prompt(ids=render(words, found[1]))]


def decoded(words: Any, prompt: Prompt, positions: Any) -> str:
    ids = render(words, prompt)
    return str(words.decode([ids[c] for c in positions]))


def test_there_is_exactly_one_bos_at_the_head(words: Any) -> None:
    for prompt in forms(words, "Name a colour."):
        ids = render(words, prompt)
        head = next((k for k, i in enumerate(ids) if i != words.bos_token_id), len(ids))
        adds = words("x")["input_ids"][0] == words.bos_token_id
        written = prompt.text is None and words.chat_template is not None
        assert head == (1 if adds or written else 0), "SmolLM2 has no BOS of its own before running text"
        if words.bos_token != "<|im_start|>":  # which marks every turn too
            assert ids.count(words.bos_token_id) == 1


def test_a_template_is_written_with_and_without_a_system_message_and_opens_the_reply(words: Any) -> None:
    without, given = asked("Name a colour."), asked("Name a colour.", "Be brief.")
    text, told = rendered(words, without)[0], rendered(words, given)[0]
    assert "Be brief." in told
    assert "Be brief." not in text
    assert "Name a colour." in text
    if words.chat_template is not None:
        for one, prompt in ((text, without), (told, given)):
            messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
            closed = words.apply_chat_template(messages, tokenize=False, add_generation_prompt=False)
            assert one.startswith(closed)
            assert len(one) > len(closed), "the reply is opened"
            assert list(render(words, prompt)) == words(one, add_special_tokens=False)["input_ids"]


def test_a_prefix_continues_the_reply(words: Any) -> None:
    """Nothing closes the turn behind it; the ids before it are those of the prompt without it, up to a merge."""
    plain, begun = asked("Name a colour."), replace(asked("Name a colour."), prefix="The colour is")
    assert rendered(words, begun)[0] == rendered(words, plain)[0] + "The colour is"
    ids, longer = render(words, plain), render(words, begun)
    assert longer[: len(ids) - 1] == ids[:-1]
    positions = positions_of_text(words, begun, "The colour is")
    assert positions[-1] == len(longer) - 1
    assert decoded(words, begun, positions).strip() == "The colour is"


def test_spans_tile_the_text(words: Any) -> None:
    """Every character belongs to a token, tokens stand in order, and only special ones are empty."""
    for prompt in forms(words, MIXED):
        text, offsets = spans(words, prompt)
        assert len(offsets) == len(render(words, prompt))
        covered = {k for a, b in offsets for k in range(a, b)}
        assert covered == set(range(len(text)))
        starts = [a for a, b in offsets if b > a]
        assert starts == sorted(starts)


def test_columns_of_a_text_hold_it_and_no_column_is_idle(words: Any) -> None:
    """What they decode to contains the text; without the first or the last of them it does not."""
    for prompt in forms(words, MIXED):
        for entity in ENTITIES:
            positions = positions_of_text(words, prompt, entity)
            assert list(positions) == list(range(positions[0], positions[-1] + 1))
            assert entity in decoded(words, prompt, positions), entity
            for fewer in (positions[1:], positions[:-1]):
                assert entity not in decoded(words, prompt, fewer), entity


def test_the_last_token_of_an_entity_ends_it(words: Any) -> None:
    """For entities whose end is the end of a token: decoding that token gives a suffix of the entity."""
    checked = 0
    for prompt in forms(words, "We went to Reykjavik and then met Okonkwo near Wollongong, or so it seems."):
        for entity in ("Reykjavik", "Okonkwo", "Wollongong"):
            positions = positions_of_text(words, prompt, entity)
            text, offsets = spans(words, prompt)
            stop = text.rindex(entity) + len(entity)
            if offsets[positions[-1]][1] == stop:
                last = decoded(words, prompt, positions[-1:]).strip()
                assert last
                assert entity.endswith(last)
                checked += 1
    assert checked >= 10


def test_bytes_of_one_character_belong_to_it_together(words: Any) -> None:
    prompt = Prompt(text="a 𓀀 b")  # no vocabulary has it whole
    positions = positions_of_text(words, prompt, "𓀀")
    assert len(positions) > 1
    assert decoded(words, prompt, positions).strip() == "𓀀"


def test_occurrences_are_counted_from_both_ends(words: Any) -> None:
    prompt = asked("the red cat saw the red dog and the red fox")
    found = [positions_of_text(words, prompt, "red", k) for k in range(3)]
    assert found == sorted(found)
    assert len(set(found)) == 3
    assert found == [positions_of_text(words, prompt, "red", k) for k in (-3, -2, -1)]
    assert positions_of_text(words, prompt, "red") == found[2]
    for k in (3, -4):
        with pytest.raises(BadInput, match="'red' occurs 3 times in the prompt; asked for number"):
            positions_of_text(words, prompt, "red", k)
    for text in ("", "green"):
        with pytest.raises(BadInput, match="occurs 0 times"):
            positions_of_text(words, prompt, text)


@pytest.mark.parametrize("times", [1, 2, 17, 300])
def test_a_run_of_marks_is_found_whole_beside_the_same_mark(words: Any, times: int) -> None:
    """The mark stands in the question too; a tokenizer that merges gives fewer positions, which hold all marks."""
    for mark in (" ?", " x", "_"):
        prompt = asked(f"Layer 3:{mark * times}\nIs it one ?, an x or a _ here?")
        run = f":{mark * times}\n"
        positions = positions_of_text(words, prompt, run)
        assert run in decoded(words, prompt, positions)
        text, offsets = spans(words, prompt)
        start = text.index(run) + 1
        inside = [c for c in positions if offsets[c][0] >= start and offsets[c][1] <= start + times * len(mark)]
        assert len(inside) <= max(times * len(mark), 1)
        ids = [render(words, prompt)[c] for c in inside]
        assert words.decode(ids).count(mark.strip()) <= times
        found = placeholder(words, mark, times=times)
        if found.usable:  # as the doctor says: the same id, k times, one after the other
            assert ids == [found.id] * times
            assert inside == list(range(inside[0], inside[0] + times))


def test_a_merge_with_a_neighbour_is_seen() -> None:
    """'(x)' is one token here: the positions of x are the position of all three characters."""
    words = merging()
    prompt = Prompt(text="a (x) b")
    positions = positions_of_text(words, prompt, "x")
    assert len(positions) == 1
    assert "x" in decoded(words, prompt, positions)
    assert decoded(words, prompt, positions) != "x"


def test_ids_have_the_columns_of_their_text(words: Any) -> None:
    """Exact ids are read as what they decode to: each entity has the positions that it has in the text's prompt."""
    for prompt in (Prompt(text=MIXED), asked(MIXED)):
        ids = Prompt(ids=render(words, prompt))
        for entity in ENTITIES:
            assert positions_of_text(words, ids, entity) == positions_of_text(words, prompt, entity), entity


def test_nothing_is_cut_off(words: Any) -> None:
    """Not by a limit of the tokenizer, not by one that was saved with it."""
    long = "the river and the bridge " * 400 + "END"
    limit, words.model_max_length = words.model_max_length, 16
    inner = words.backend_tokenizer
    inner.enable_truncation(max_length=16)
    try:
        for prompt in (Prompt(text=long), asked(long)):
            ids = render(words, prompt)
            assert len(ids) > 1600
            assert long.strip() in words.decode(ids)
            assert positions_of_text(words, prompt, "END")[-1] > 1600
            assert len(continuation(words, long)) > 1600
    finally:
        words.model_max_length = limit
        inner.no_truncation()


def test_a_continuation_is_what_stands_behind_the_prompt(words: Any) -> None:
    for text in (" yes", "yes", " naïve", "日本", " 🙂"):
        ids = continuation(words, text)
        before = render(words, Prompt(text="It was red"))
        assert words.decode([*before, *ids]) == words.decode(before) + text
