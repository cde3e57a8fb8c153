"""Local subjects: how prompts become tokens, what is refused and in which words."""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from selfscope.errors import BadModel, PromptTooLong, UnknownName
from selfscope.records import Decoding, Message, Prompt
from selfscope.subjects import bundled_models
from selfscope.subjects.base import ScoringSubject, reaches
from selfscope.subjects.decode import prefix_groups
from selfscope.subjects.gumbel_sampling import gumbels
from selfscope.subjects.local import Local, load
from selfscope.subjects.prefix_trees import ROW, grow, rows_of
from selfscope.subjects.render import continuation, render
from selfscope.subjects.rollout import compact_order
from tiny import build, tokenizer

ASKED = Prompt(messages=(Message("user", "Name a colour."),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def subject(folder: Path) -> Local:
    return load(str(folder), device="cpu")


def text_of(subject: Local, prompt: Prompt) -> str:
    return str(subject.tokenizer.decode(list(subject.encode(prompt))))


def test_it_is_a_scoring_subject(subject: Local) -> None:
    assert isinstance(subject, ScoringSubject)
    assert reaches(subject, "logprobs")
    assert reaches(subject, "activations")
    assert not reaches(subject, "weights")
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


def test_replies_end_at_the_end_of_a_turn_and_at_stop_strings(subject: Local) -> None:
    free = subject.sample([ASKED], 40, Decoding(30, 1.5, seed=2))[0]
    ended = [r for r in free if r.finish == "stop"]
    assert ended
    assert all(not set(r.ids or ()) & set(subject.engine.stop_ids) for r in free)
    assert all(len(r.ids or ()) == 30 for r in free if r.finish == "length")
    assert all("<|end|>" not in r.text and "</s>" not in r.text for r in free)
    stop = sorted({c for r in free for c in r.text if r.text.count(c) == 1 and 2 < r.text.index(c) < 20})[0]
    cut = subject.sample([ASKED], 40, Decoding(30, 1.5, seed=2, stop=(stop,)))[0]
    for long, short in zip(free, cut, strict=True):
        assert short.text == long.text.split(stop)[0]
        assert short.finish == ("stop" if stop in long.text else long.finish)
        assert (short.ids or ()) == (long.ids or ())[: len(short.ids or ())]


def test_greedy_replies_are_copies_and_costs_add_up(subject: Local) -> None:
    fresh = replace(subject)
    before = fresh.spent
    done: list[int] = []
    asked = [ASKED, ASKED, Prompt(text="The")]
    twice = fresh.sample(asked, 3, Decoding(5, 0), lambda i, replies: done.append(len(replies)))
    assert [len(many) for many in twice] == [3, 3, 3] == done
    assert len({(r.text, r.ids) for r in twice[0] + twice[1]}) == 1
    length = len(fresh.encode(ASKED))
    assert fresh.spent.calls - before.calls == 3
    assert fresh.spent.prompt_tokens - before.prompt_tokens == length + len(fresh.encode(Prompt(text="The")))
    assert [sum(r.cost.prompt_tokens for r in many) for many in twice[:2]] == [length, 0]
    assert twice[0][0].cost.seconds > 0
    assert len(twice[0][0].logprobs or ()) == len(twice[0][0].ids or ())


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


def test_unknown_names_list_what_exists(tmp_path: Path) -> None:
    for name in ("smollm2-135", "./nowhere", str(tmp_path / "gone")):
        with pytest.raises(UnknownName, match="smollm2-135m"):
            load(name)
    with pytest.raises(UnknownName, match="Did you mean 'smollm2-135m'"):
        load("smollm2-135")


def test_a_folder_without_tokenizer_or_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    bare = build("llama", tmp_path / "bare", with_tokenizer=False)
    with pytest.raises(BadModel, match="no tokenizer"):
        load(str(bare))
    pickled = tmp_path / "pickled"
    shutil.copytree(folder, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(BadModel, match=r"no safetensors weights.*pytorch_model.bin"):
        load(str(pickled))
    with pytest.raises(BadModel, match=r"not \.gguf"):
        load(str(pickled / "pytorch_model.bin"))


def test_a_folder_without_a_template_is_a_base_model(tmp_path: Path) -> None:
    base = load(str(build("llama", tmp_path, chat=False)), device="cpu")
    assert not base.chat
    assert text_of(base, ASKED) == "<s>Name a colour.\n"


def test_broken_weights_are_refused_not_invented(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for case in ("cut", "missing", "config"):
        shutil.copytree(folder, tmp_path / case)
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(BadModel, match="cannot be loaded"):
        load(str(tmp_path / "cut"))
    # transformers fills in random numbers for what a file lacks; a subject must not be made of them
    held = load_file(tmp_path / "missing" / "model.safetensors")
    gone = sorted(k for k in held if "layers.1" in k)[0]
    kept = {k: v for k, v in held.items() if k != gone}
    save_file(kept, tmp_path / "missing" / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadModel, match=gone):
        load(str(tmp_path / "missing"))
    (tmp_path / "config" / "config.json").write_text(json.dumps({"model_type": "nothing-that-exists"}))
    with pytest.raises(BadModel):
        load(str(tmp_path / "config"))


def test_unknown_dtype_and_device(folder: Path) -> None:
    with pytest.raises(UnknownName, match="float32"):
        load(str(folder), dtype="fp32")
    with pytest.raises(BadModel, match="device 'gpu7'"):
        load(str(folder), device="gpu7")


def test_an_adapter_changes_the_subject_and_its_identity(folder: Path, subject: Local, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    settings = LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    with warnings.catch_warnings():  # peft asks transformers for names that it is about to drop
        warnings.simplefilter("ignore", FutureWarning)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), settings)
    model.save_pretrained(tmp_path)
    adapted = load(str(folder), adapter=str(tmp_path), device="cpu")
    assert adapted.identity != subject.identity
    assert adapted.environment["adapter"] == str(tmp_path)
    ids = (9, 30, 12, 40)
    with torch.inference_mode():
        wanted_V = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    got = adapted.next_token([Prompt(ids=ids)], ids=[5, 50])[0].logprobs
    assert got == pytest.approx(wanted_V[[5, 50]].tolist(), abs=1e-4)
    assert got != pytest.approx(subject.next_token([Prompt(ids=ids)], ids=[5, 50])[0].logprobs, abs=1e-2)
    with pytest.raises(BadModel, match="adapter"):
        load(str(folder), adapter=str(tmp_path / "nowhere"))


def test_rows_that_go_on_move_as_little_as_possible() -> None:
    assert compact_order([0, 1, 2]) == [0, 1, 2]
    assert compact_order([0, 2, 5, 6]) == [0, 5, 2, 6]
    assert compact_order([5]) == [5]


def test_common_beginnings_are_computed_once() -> None:
    trunk = tuple(range(20, 40))
    prompts = [trunk + (1, 2), trunk + (1, 3), trunk + (1, 2), (7, 8, 9)]
    trees = grow(prompts, [[(4, 5), (4, 6)], [(4,)], [(4, 5)], [(1, 2, 3)]], 0, range(4))
    assert sorted(len(t.ids) for t in trees) == [5, 24]
    assert [len(t.ids) for t in rows_of(trees)] == [29], "short trees stand in one row"
    [rooted] = grow(prompts[:2], [[], []], 20, range(2))
    assert (rooted.ids, rooted.parent) == ([1, 2, 3], [-1, 0, 0])


def test_trees_are_cut_where_it_costs_least() -> None:
    # Six prompts with a long trunk between prompts that share ten tokens: a trunk is never cut in two.
    start, trunk = tuple(range(20, 30)), tuple(range(40, 40 + ROW // 2))
    prompts = [(*start, i, *range(60, 120)) for i in range(3)] + [(*start, *trunk, 200 + i) for i in range(6)]
    trees = grow(prompts, [()] * len(prompts), 0, range(len(prompts)))
    whole = [t for t in trees if any(i >= 3 for i in t.ends)]
    assert len(whole) == 1
    assert set(range(3, 9)) <= set(whole[0].ends)
    assert all(len(t.ids) <= ROW for t in trees)
    assert sorted(i for t in trees for i in t.ends) == list(range(9))


def forest() -> list[tuple[int, ...]]:
    """Three families of 20 rows behind a common beginning of 10 tokens, and three rows that go on alone."""
    start = tuple(range(10, 20))
    rows = [(*start, *range(30 + 40 * f, 60 + 40 * f), 200 + i, 7 + f) for i in range(20) for f in range(3)]
    return [*rows, (*start, 3, 4), (*start, 3, 5, 6), (*start, 9)]


def test_families_hold_every_row_once_and_share_their_beginning() -> None:
    rows = forest()
    found = prefix_groups(rows)
    assert sorted(i for _, members in found for i in members) == list(range(len(rows)))
    assert sorted((cut, len(members)) for cut, members in found) == [(10, 3), (40, 20), (40, 20), (40, 20)]
    for cut, members in found:
        assert len({rows[i][:cut] for i in members}) == 1
        assert all(len(rows[i]) > cut for i in members), "every row keeps a token of its own"
    assert prefix_groups([]) == []
    assert prefix_groups([(5, 6)]) == [(0, [0])]
    assert prefix_groups([(5, 6)] * 40) == [(0, list(range(40)))], "too short to be worth it"
    same = [tuple(range(60))] * 40
    assert prefix_groups(same) == [(59, list(range(40)))]


def test_families_change_no_score_and_no_draw(subject: Local) -> None:
    rows = forest()
    prompts = [Prompt(ids=row) for row in rows]
    words = [(" red", " seven or eleven")] * len(rows)
    together, drawn = subject.score(prompts, words), subject.sample(prompts, 2, Decoding(4, 1.0, 5))
    for i in (0, 1, 25, 59, 60, 62):
        [alone] = subject.score([prompts[i]], [words[i]])
        assert [x for many in alone for x in many] == pytest.approx([x for many in together[i] for x in many], abs=1e-4)
        [again] = subject.sample([prompts[i]], 2, Decoding(4, 1.0, 5))
        assert [r.ids for r in again] == [r.ids for r in drawn[i]]


def test_noise_is_keyed_and_gumbel() -> None:
    drawn = gumbels([3, 4], 20_000)
    assert (gumbels([4], 20_000)[0] == drawn[1]).all()
    assert (gumbels([3], 10)[0] == drawn[0, :10]).all()
    assert drawn.mean() == pytest.approx(0.5772, abs=0.03)
    assert drawn.var() == pytest.approx(math.pi**2 / 6, abs=0.06)
    assert abs(float((drawn[0] * drawn[1]).mean()) - float(drawn[0].mean() * drawn[1].mean())) < 0.05


@pytest.mark.slow
def test_the_packaged_gguf_file_loads_as_its_converted_copy() -> None:
    converted = load("smollm2-135m", device="cpu")
    direct = load(str(bundled_models.gguf("smollm2-135m")), device="cpu")
    assert direct.chat
    assert direct.encode(ASKED) == converted.encode(ASKED)
    one, other = (s.next_token([ASKED], top=20)[0] for s in (converted, direct))
    assert one.ids == other.ids
    assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


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
