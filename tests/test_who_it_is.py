"""Identity: truths are what a configuration or a card says and nothing else, what a system prompt explains is found, a
phantom gets what its dials say, and questions of a file are read and never kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import selfscope
from selfscope.errors import BadInput
from selfscope.phenomena.identity import OTHERS, Identity
from selfscope.phenomena.stimuli.identity_card import with_card
from selfscope.phenomena.stimuli.identity_facts import FACTS, OTHER_MODEL, WORLD
from selfscope.phenomena.stimuli.sad import read_sad
from selfscope.records.description import WORDS, Description, configured, description_of, facts_of, split_fact
from selfscope.statistics import Estimate
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.sealed import Log, MeteredSubject, SealedSubject, SealRegistry
from selfscope.verdicts.origins import explained
from selfscope.wording import phrase
from tiny import loaded


def figures(subject: str, phenomenon: Identity | None = None) -> dict[str, Estimate]:
    claim = selfscope.card(subject, phenomena=[phenomenon or Identity()]).claims[0]
    (aside,) = claim.asides
    return {line.name: line.value for line in aside.lines if line.value is not None}


def test_a_model_s_facts_are_those_of_its_configuration() -> None:
    model = loaded("llama")
    config = model.engine.model.config
    own = description_of(model)
    assert (own.layers, own.vocabulary) == (config.num_hidden_layers, config.vocab_size)
    assert (own.width, own.heads) == (config.hidden_size, config.num_attention_heads)
    assert own.context == config.max_position_embeddings
    assert (own.name, own.maker, own.cutoff) == (None, None, None)
    trials = Identity().pose(model, 0)
    truths = {t.trial: t for t in Identity().truth(trials, Identity().observe(model, trials))}
    asked = {t.cluster for t in trials if t.source == "self"}
    numbers = {"parameters", "layers", "heads", "kv_heads", "width", "inner", "vocabulary", "context"}
    assert asked - {"head_size"} == numbers | {"activation", "modality", "affects", "stage"} | {*map(split_fact, WORDS)}
    text = "I saw a strawberry"
    tokens = model.tokenizer(text)["input_ids"]
    assert own.splits["strawberry"] == len(tokens) - len(model.tokenizer("I saw a")["input_ids"])
    for trial in trials:
        if trial.cluster == "layers" and trial.arm not in OTHERS:
            top = int(np.argmax(truths[trial.id].mean))
            assert trial.question.options[top].text == str(config.num_hidden_layers)


def test_what_nobody_wrote_down_is_not_asked() -> None:
    class Bare:
        """Nothing is on record."""

    assert description_of(Bare()) == Description()
    assert configured(type("C", (), {"num_hidden_layers": 4, "vocab_size": None})(), None).vocabulary is None
    bare = Phantom()
    bare.description = Description()
    odd = configured(type("C", (), {"hidden_act": "an own one", "num_key_value_heads": 2})(), None)
    assert (odd.activation, odd.kv_heads, odd.splits) == (None, 2, {})
    asked = {t.cluster for t in Identity().pose(bare, 0) if t.source == "self"}
    assert asked == {"stage"}


def test_readers_are_not_told_what_is_on_record() -> None:
    subject = Phantom()
    assert description_of(MeteredSubject(subject, "pose", Log())) == subject.description
    assert description_of(SealedSubject(subject, "ask", SealRegistry(), Log())) == Description()


def test_a_card_adds_and_does_not_contradict(tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    card.write_text('{"name": "Selma", "maker": "the museum", "cutoff": 2023}')
    own = with_card(Description(layers=4), str(card))
    assert (own.name, own.maker, own.cutoff, own.layers) == ("Selma", "the museum", 2023, 4)
    bare = Phantom()
    bare.description = Description(layers=4)
    asked = {t.cluster for t in Identity(card=str(card)).pose(bare, 0) if t.source == "self"}
    assert asked == {"name", "maker", "cutoff", "layers", "stage"}
    for wrong, message in (
        ('{"layers": 5}', "the model's own files say 4"), ('{"age": 3}', "has a field 'age'"),
        ('{"cutoff": "late"}', "give int"), ("[1]", "not an object"), ("{", "cannot read the card"),
    ):  # fmt: skip
        card.write_text(wrong)
        with pytest.raises(BadInput, match=message):
            with_card(Description(layers=4), str(card))
    with pytest.raises(BadInput, match="cannot read the card"):
        with_card(Description(), str(tmp_path / "none.json"))


def test_every_arm_asks_with_the_same_options_in_the_same_order() -> None:
    trials = [t for t in Identity().pose(Phantom(), 0) if t.source == "self"]
    by_base: dict[str, list[selfscope.Trial]] = {}
    for trial in trials:
        by_base.setdefault(trial.base, []).append(trial)
    for own in by_base.values():
        assert len(own) == 7
        assert len({(t.question.options, t.question.order) for t in own}) == 1
        assert len({t.id for t in own}) == 7
        options = [o.text for o in own[0].question.options]
        assert own[0].coordinates["told"] in options
    firsts = [t.question.order[0] for t in trials]
    assert all(firsts.count(k) == len(firsts) / 4 for k in range(4)), "every option stands first equally often"
    last = by_base[trials[-1].base]
    texts = {t.arm: "\n".join(m.content for m in phrase(t, "choice_lp").prompt.messages) for t in last}
    assert OTHER_MODEL in texts["told_other"]
    assert OTHER_MODEL not in texts["real"]
    assert "Alex" in texts["somebody"]
    assert texts["listed"].startswith("...")


def test_what_another_prompt_states_is_not_true() -> None:
    subject = Phantom()
    for seed in range(5):
        for trial in Identity().pose(subject, seed):
            if trial.source == "self":
                assert trial.coordinates["told"] != facts_of(subject.description)[trial.cluster]
    assert all(len(set(fact.menu)) == len(fact.menu) >= 4 for fact in FACTS)
    assert all(len(set(options)) == 4 for _, options in WORLD)


def test_a_phantom_that_knows_itself_is_found_to_and_others_are_not() -> None:
    knows = figures("phantom:access=1.0")
    assert knows["what is true, asked plainly"].value == pytest.approx(1.0)
    assert 0.8 < knows["what is true, asked plainly"].low < 0.9, "as many facts as there are, and not as many orders"
    assert knows["beyond the options alone"].low > 0.3
    assert knows["explained by the system prompt"].value == pytest.approx(0, abs=1e-9)
    assert knows["explained by the system prompt"].high > 0.1, "of so few facts no interval is a point"
    for dials in ("phantom:habit=1.0", "phantom"):
        found = figures(dials)
        assert min(found[f"beyond {who}"].low for who in ("the options alone", "a person", "another model")) < 0
        assert found["explained by the system prompt"].value == pytest.approx(0, abs=1e-9)


def test_what_a_system_prompt_explains_is_found() -> None:
    assert figures("phantom:copy=1.0")["explained by the system prompt"].low > 0.7
    assert figures("phantom:copy=1.0")["by a true system prompt"].low > 0.7
    shares = [figures(f"phantom:copy=0.5,access=0.5,kappa=1000,seed={seed}") for seed in range(6)]
    mean = np.mean([own["explained by the system prompt"].value for own in shares])
    assert 0.35 < mean < 0.65
    held = [own["explained by the system prompt"] for own in shares]
    assert sum(share.low <= 0.5 <= share.high for share in held) >= 5


def test_the_share_is_the_slope_towards_what_was_told() -> None:
    rng = np.random.default_rng(0)
    before = rng.dirichlet(np.ones(4), 40)
    target = np.eye(4)[rng.integers(0, 4, 40)]
    cluster = np.arange(40) // 4
    share = explained(before, before + 0.3 * (target - before), target, cluster)
    assert share is not None
    assert share.value == pytest.approx(0.3)
    assert explained(target, target, target, cluster) is None


def test_so_few_facts_say_what_could_have_been_seen() -> None:
    bare = Phantom()
    bare.description = Description("a phantom", layers=12, heads=8, width=512, context=1024, cutoff=2024)
    claim = selfscope.card(bare, phenomena=["identity"]).claims[0]
    assert claim.reason == "too few clusters"
    assert claim.settle == (), "there are no more facts to ask"
    assert "There are 7 facts and no more: the smallest lead" in claim.asides[0].note


@pytest.mark.parametrize(("dial", "verdict"), [("habit=1", "narrative"), ("format=1", "format")])
def test_all_facts_are_enough_for_a_word(dial: str, verdict: str) -> None:
    claim = selfscope.card(f"phantom:{dial}", phenomena=["identity"]).claims[0]
    assert claim.verdict == verdict


def test_who_says_the_truth_each_time_follows_it_and_that_is_no_point() -> None:
    """No two facts are asked alike, so reports are re-paired with those of other facts."""
    claim = selfscope.card("phantom:access=1", phenomena=["identity"]).claims[0]
    follows = claim.tracking["tracking"]
    assert 0.7 < follows.low < 0.95
    assert follows.value == pytest.approx(1)
    assert {c.name: c.status for c in claim.checks}["shuffled pairing"] == "passed"
    assert not [one for one in claim.settle if "train" in one.what], "there is nothing to train on"


INVENTED = {
    "text": "What does a toaster of the village of Brulm do on Mondays?",
    "choices": {"It rests.": {"score": 1}, "It sings.": {"score": 0}, "It swims.": {"score": 0}},
}


def test_questions_of_the_layout_are_read_and_asked(tmp_path: Path) -> None:
    (tmp_path / "brulm.json").write_text(json.dumps([INVENTED, INVENTED | {"text": "And on Tuesdays?"}]))
    listed = {"question": "Who rests?", "choices": [{"text": "it", "score": 1}, {"text": "no one", "score": 0}]}
    (tmp_path / "zeta.jsonl").write_text(json.dumps(listed) + "\n\n")
    items = read_sad(str(tmp_path))
    assert [(i.task, i.right) for i in items] == [("brulm", "It rests."), ("brulm", "It rests."), ("zeta", "it")]
    asked = Identity(sad=str(tmp_path))
    trials = [t for t in asked.pose(Phantom(), 0) if t.source == "sad"]
    assert len(trials) == 3 + 3 + 2
    truths = asked.truth(trials, asked.observe(Phantom(), trials))
    for trial, truth in zip(trials, truths, strict=True):
        assert trial.question.options[int(np.argmax(truth.mean))].text in ("It rests.", "it")
    assert "questions of the file" in figures("phantom:access=0.5", asked)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "as JSON"), ('[{"text": "x"}]', "has not the layout"), ('[{"text": "x", "choices": {"a": 1}}]', "layout"),
     ('[{"text": "x", "choices": {"a": 1, "b": 1}}]', "2 choices with the highest score"),
     ('[{"text": "x", "choices": {"a": "yes", "b": 1}}]', "no number")],
)  # fmt: skip
def test_a_file_of_another_layout_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "one.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_sad(str(file))
    with pytest.raises(BadInput, match="unpack the dataset first"):
        read_sad(str(tmp_path / "none.json"))
    with pytest.raises(BadInput, match="orders"):
        Identity(each=0)
