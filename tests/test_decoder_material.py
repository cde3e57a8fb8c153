"""What decoders learn from: units of the train split alone, maps that were not fitted on what they are shown, looks at
dev that end a run, and prompts by token ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from decoder_items import LAYER, contexts, world
from selfscope.directions import mapped, prepared
from selfscope.errors import BadInput, UnknownName
from selfscope.records import Prompt
from selfscope.records.contracts import DecoderWords
from selfscope.subjects.activations import BadActivations
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training.bank import contexts as bank_contexts
from selfscope.training.bank import questions
from selfscope.training.cross_fit import cross_fit
from selfscope.training.features import Features, features, readable
from selfscope.training.forms import FORMS, Oracle, Steering, form_of
from selfscope.training.items import bank_items, token_items
from selfscope.training.live_decoder import new_decoder
from selfscope.training.schedule import Schedule
from selfscope.training.token_tasks import own_tokens
from selfscope.wording.decoder_prompts import answers, decoder_prompt, filled_prompt, usable_words
from tiny import build

AT = ((LAYER,),)
SMALL = LoraShape(2, 4.0)
QUICK = Schedule(epochs=2, groups=8, at_once=8, rate=2e-2, objective="soft_labels", save_every=0.0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)), device="cpu")
    torch.set_num_threads(threads)


def test_units_are_those_of_the_train_split_alone(tiny: Local) -> None:
    sources, _ = contexts(tiny, 30, seed=1)
    of = features(tiny, sources, (0, LAYER), (-2, -1), train=range(20))
    raw = tiny.capture([s.prompt for s in sources], [LAYER], [list(s.positions) for s in sources]).at(LAYER)
    last = raw[1::2]
    np.testing.assert_allclose(of.means[LAYER][1], last[:20].mean(0), atol=1e-4)
    np.testing.assert_allclose(of.scales[LAYER][1], last[:20].std(0), atol=1e-4)
    rows = [own[1] for own in of.rows]
    np.testing.assert_allclose(of.raw(LAYER, rows), last, atol=1e-4)
    np.testing.assert_allclose(of.states.at(LAYER)[rows[:20]].mean(0), 0, atol=1e-4)
    assert of.ids[rows[3]] == tiny.encode(sources[3].prompt)[sources[3].positions[-1]]
    with pytest.raises(BadInput, match="train split"):
        features(tiny, sources, (0,), train=[])
    with pytest.raises(BadInput, match="column 7"):
        features(tiny, sources, (0,), (7,), train=[0])


def test_features_come_back_and_are_refused_for_another_subject(tiny: Local, tmp_path: Path) -> None:
    sources, _ = contexts(tiny, 6, seed=1)
    for columns in ((-1,), ()):
        of = features(tiny, sources, (0, LAYER), columns, train=range(4))
        of.save(tmp_path)
        again = Features.load(tmp_path, tiny)
        assert (again.rows, again.ids, again.columns) == (of.rows, of.ids, of.columns)
        np.testing.assert_array_equal(again.raw(LAYER, range(6)), of.raw(LAYER, range(6)))
    with pytest.raises(BadActivations, match="not of"):
        Features.load(tmp_path, "another identity")
    (tmp_path / "features.json").write_text("{")
    with pytest.raises(BadActivations, match="no readable features"):
        Features.load(tmp_path, tiny)


def test_the_controlling_text_is_never_read(tiny: Local) -> None:
    for context in bank_contexts(0, {"train": 12, "t1": 4}):
        for window in ("turn", "visible"):
            found = readable(tiny, context, window)
            if context.hidden:
                hidden = tiny.positions(found.prompt, context.hidden, 0)
                assert not set(hidden) & set(found.positions)
                assert min(found.positions) > max(hidden)
            assert max(found.positions) == len(tiny.encode(found.prompt)) - 1
    with pytest.raises(BadInput, match="no window"):
        readable(tiny, context, "all")


def test_items_of_the_bank_and_of_tokens(tiny: Local) -> None:
    drawn = bank_contexts(0, {"train": 12, "t2": 4})
    items = bank_items(drawn, questions(drawn, 0))
    assert [i.source for i in items] == list(range(16))
    assert all(i.options[i.answer] == c.value for i, c in zip(items, drawn, strict=True))
    rows = [tiny.encode(Prompt(text=f"{word} runs through the old town")) for word in ("The river", "A short answer")]
    tasks = {"Which is it?": own_tokens(rows, skip=(0,))}
    sources, asked = token_items(tiny, rows, tasks, split_of={0: "train", 1: "t1"})
    assert asked
    for item in asked:
        assert item.options[item.answer] == sources[item.source].text == item.value
        assert len({o.casefold() for o in item.options}) == 4


def test_a_map_that_is_fitted_out_of_fold_does_not_leak() -> None:
    """On pure noise: fitted on the items themselves it finds their answers, and out of fold it finds none."""
    rng = np.random.default_rng(0)
    kinds, width = 8, 64
    tokens = rng.standard_normal((kinds, width))
    label = rng.integers(kinds, size=240)
    states = rng.standard_normal((240, width))
    fit = cross_fit(states, tokens[label], [f"m{k // 2}" for k in range(240)], [str(x) for x in label], penalty=1e-3)
    inside = states @ fit.map_DE + fit.bias_E

    def found(given: np.ndarray) -> float:
        return float((((given[:, None] - tokens) ** 2).sum(-1).argmin(1) == label).mean())

    assert found(inside) > 0.35
    assert found(fit.held_out_NE) < 0.2
    # and where something is there, it is found out of fold as well, of values never met too
    told = tokens[label] @ rng.standard_normal((width, width)) / 8 + 0.1 * states
    fit = cross_fit(told, tokens[label], [f"m{k // 2}" for k in range(240)], [str(x) for x in label], length=3.0)
    assert found(fit.held_out_NE) > 0.4
    assert np.median(np.linalg.norm(fit.held_out_NE - fit.bias_E, axis=1)) == pytest.approx(3.0, rel=1e-4)
    with pytest.raises(BadInput, match="two messages"):
        cross_fit(states, tokens[label], ["m"] * 240, [str(x) for x in label])


def test_what_is_written_is_the_same_of_arrays_and_of_tensors() -> None:
    rng = np.random.default_rng(0)
    state = prepared(rng.standard_normal((3, 16)), "standard", rng.standard_normal(16), 1 + rng.random(16))
    assert np.linalg.norm(state, axis=1) == pytest.approx(4.0, rel=1e-5)
    assert not prepared(np.zeros((1, 16)), "unit").any()
    made = {name: rng.standard_normal(16) for name in ("scale.0", "bias.0", "bias.2")}
    made["map.1"] = rng.standard_normal((16, 16))
    tensors = {k: torch.from_numpy(v) for k, v in made.items()}
    for place in ("0", "1", "2", "3"):
        there = mapped(torch.from_numpy(state.astype(np.float64)), tensors, place).numpy()
        np.testing.assert_allclose(mapped(state.astype(np.float64), made, place), there)
    np.testing.assert_allclose(mapped(state, made, "2"), np.broadcast_to(made["bias.2"], (3, 16)))


def test_placeholders_are_single_tokens_in_a_row(tiny: Local) -> None:
    words = usable_words(tiny, DecoderWords(run="Layer: {layer}\n{slot} \n"), [1, 2])
    slotted = decoder_prompt(tiny, words, "Which ? is it?", ("red", "blue"), [(1, 3), (2, 2)])
    mark = {slotted.ids[p] for slot in slotted.slots for p in slot}
    assert len(mark) == 1
    assert [len(slot) for slot in slotted.slots] == [3, 2]
    text = tiny.tokenizer.decode(slotted.ids)
    assert text.startswith("<s>Layer: 1\n" + words.placeholder * 3)
    assert text.endswith("Which ? is it? One of red, blue:")
    one = decoder_prompt(tiny, words, "Which ? is it?", ("red", "blue"), [(1, 1), (2, 1)])
    assert one.ids == tiny.encode(Prompt(text=tiny.tokenizer.decode(one.ids[1:]))), "with one each nothing is spliced"
    filled = slotted.filled([[10, 11, 12, 13], [14]])
    assert len(filled.ids or ()) == len(slotted.ids)
    assert [t for t in filled.ids or () if 10 <= t <= 14][:5] == [10, 11, 12, 13, 14]
    assert "the town" in str(filled_prompt(words, "the town", "Which?", ()).text)
    with pytest.raises(BadInput, match="not one token"):
        decoder_prompt(tiny, replace(words, placeholder=" river town"), "Which?", (), [(1, 1)])
    with pytest.raises(BadInput, match="slot"):
        DecoderWords(run="nothing")


def test_a_chat_with_a_turn_in_between(tiny: Local) -> None:
    words = usable_words(tiny, DecoderWords(chat=True, lead="I have looked."), [1])
    slotted = decoder_prompt(tiny, words, "Which?", ("red", "blue"), [(1, 2)])
    text = tiny.tokenizer.decode(slotted.ids)
    assert "<|assistant|>I have looked.<|end|>" in text
    assert text.endswith("<|user|>Which? One of red, blue:<|end|>\n<|assistant|>")
    assert answers(words, ("red", "blue")) == ("red", "blue")
    assert answers(DecoderWords(), ("red", "blue")) == (" red", " blue")


def test_forms_by_name(tiny: Local) -> None:
    assert list(FORMS) == ["bias", "affine", "ridge", "joint", "steering", "rank1", "oracle", "latentqa"]
    with pytest.raises(UnknownName):
        form_of("orcale")
    with pytest.raises(BadInput, match="at least one layer"):
        Oracle(())
    assert Oracle(AT).places == ("2.0",)
    assert Oracle(((1, 2),), columns=(-2, -1)).places == ("1.0", "1.1", "2.0", "2.1")
    of, _ = world(tiny, contexts(tiny, 4, seed=1))
    live = new_decoder(tiny, Steering(AT), of)
    before, version = live.identity, live.version
    with torch.no_grad():
        live.parameters()[0].add_(1.0)
    assert (live.identity != before, live.version > version) == (True, True)
    with pytest.raises(BadInput, match="another decoder"):
        live.set_state({})
