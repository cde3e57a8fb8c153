"""`fit`, end to end on a tiny model: an adapter on disk, the same answers in another process, what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfscope.api.artifacts import artifacts, check, export
from selfscope.api.fit import Fitted, fit
from selfscope.cli.training import Training
from selfscope.controls.vector_state import CARRIERS
from selfscope.errors import BadInput, BadModel, StoreError, Unsupported
from selfscope.phenomena.own_choice import OwnChoice
from selfscope.readers.ask import elicit
from selfscope.records import TEMPLATES
from selfscope.subjects.adapter_files import SIDECAR, load_adapter
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.subjects.phantom import Phantom
from selfscope.training.damage import damage, ordinary_prompts
from selfscope.training.loop import mean_loss, train
from selfscope.training.objectives import OBJECTIVES, unit_of
from selfscope.training.replay import replay_examples
from selfscope.training.schedule import Schedule
from selfscope.training.states import SENTENCES, StateLesson
from selfscope.wording import phrase
from tiny import build
from worn_adapters import noisy

LESSON = StateLesson(objects=8, persons=1)
ABOUT = OwnChoice(test=4, train=4, dev=0)
QUICK = Schedule(groups=4, at_once=4, rate=1e-2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    target = tmp_path_factory.mktemp("out") / "reporter"
    return fit(load(str(folder)), target, LESSON, phenomenon=ABOUT, schedule=QUICK)


@pytest.fixture
def local(folder: Path) -> Local:
    return load(str(folder))


def lessons(local: Local, lesson: StateLesson = LESSON) -> list:
    trials = [t for t in ABOUT.pose(local, 0) if t.split == "train"]
    return lesson.examples(local, trials, lambda some: ABOUT.truth(some, ABOUT.observe(local, some)), 0)


def answers(subject: Local) -> list:
    trials = [t for t in ABOUT.pose(subject, 0) if t.split == "test"]
    return [r.distribution for r in elicit(subject, trials, "choice_lp")]


PROGRAM = """
import json, sys
from selfscope.subjects.local import load
from selfscope.phenomena.own_choice import OwnChoice
from selfscope.readers.ask import elicit
subject = load(sys.argv[1], adapter=sys.argv[2])
trials = [t for t in OwnChoice(test=4, train=4, dev=0).pose(subject, 0) if t.split == "test"]
print(json.dumps([subject.identity, [r.distribution for r in elicit(subject, trials, "choice_lp")]]))
"""


def test_an_adapter_gives_the_same_answers_in_another_process(local: Local, made: Fitted, folder: Path) -> None:
    here = local.adapted(load_adapter(local, made.folder))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(made.folder)], capture_output=True, text=True, check=True
    )
    identity, said = json.loads(done.stdout)
    assert identity == here.identity != local.identity
    assert said == [list(d) for d in answers(here)]
    assert answers(here) != answers(local)
    assert made.sidecar.made["examples"] == 3 * LESSON.objects
    assert "same likeliest token on 100 %" in made.sidecar.made["damage"]  # switched: nothing is asked there
    assert not made.folder.with_name("reporter.run").exists()
    assert "carried switched" in str(made)


def test_the_lesson_asks_in_words_that_no_card_asks_in(local: Local) -> None:
    examples = lessons(local)
    asked = {e.prompt.asked for e in examples}
    shipped = set()
    for trial in ABOUT.pose(local, 0):
        for template in range(TEMPLATES):
            for person in ("self", "typical", "named"):
                question = replace(trial.question, template=template, person=person)
                shipped.add(phrase(replace(trial, question=question), "choice_lp").prompt.asked)
    assert not asked & shipped
    assert len({tuple(sorted(t.coordinates["replies"])) for t in ABOUT.pose(local, 0) if t.split == "test"}) == 8
    test_words = {w for t in ABOUT.pose(local, 0) if t.split == "test" for w in t.coordinates["replies"]}
    train_kinds = {t.cluster for t in ABOUT.pose(local, 0) if t.split == "train"}
    assert train_kinds.isdisjoint({t.cluster for t in ABOUT.pose(local, 0) if t.split == "test"})
    assert test_words
    assert not set(SENTENCES) & set(CARRIERS)  # the vectors are of another making


def test_what_the_lesson_wants(local: Local) -> None:
    """The report says what is done under the vector, the third person what is done without it, the words their own."""
    groups: dict[str, dict[str, object]] = {}
    for e in lessons(local, replace(LESSON, still=0.0)):
        groups.setdefault(e.group, {})[e.kind] = e
    moved = 0
    for own in groups.values():
        report, person, words = own["report"], own["person"], own["words"]
        assert report.prompt.interventions == person.prompt.interventions == words.prompt.interventions != ()
        moved += max(abs(a - b) for a, b in zip(report.target, person.target, strict=True)) > 1e-4
        assert sorted(words.target) == [0, 0, 0, 1]
        assert "you" in f"{report.prompt.messages}"
    assert moved > len(groups) / 2
    still = lessons(local, replace(LESSON, still=1.0))
    assert all(e.prompt.interventions == () for e in still)
    twin = lessons(local, replace(LESSON, still=0.0, shuffled=True))
    plain = lessons(local, replace(LESSON, still=0.0))
    reports = [(a, b) for a, b in zip(plain, twin, strict=True) if a.kind == "report"]
    assert all(a.target == b.target for a, b in reports)  # told of one vector, shown another
    assert all(a.prompt.interventions != b.prompt.interventions for a, b in reports)


def test_a_run_that_was_stopped_goes_on(
    local: Local, tmp_path: Path, made: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    class Told:
        def plan(self, total: float) -> None: ...

        def step(self, what: str, work: float) -> None:
            if what.startswith("step 1 "):
                raise Stop

    target, schedule = tmp_path / "again", replace(QUICK, save_every=0.0)
    with pytest.raises(Stop):
        fit(local, target, LESSON, phenomenon=ABOUT, schedule=schedule, progress=Told())
    assert not target.exists()
    with pytest.raises(StoreError, match="--resume"):
        fit(local, target, LESSON, phenomenon=ABOUT, schedule=schedule)
    with pytest.raises(StoreError, match="another configuration"):
        fit(local, target, replace(LESSON, still=0.5), phenomenon=ABOUT, schedule=schedule, resume=True)
    early = tmp_path / "early"  # before its first checkpoint it is known as well
    with pytest.raises(Stop):
        fit(local, early, LESSON, phenomenon=ABOUT, schedule=QUICK, progress=Told())
    for other in ({"schedule": replace(QUICK, groups=2)}, {"shape": LoraShape(2)}, {"carry": "always"}):
        with pytest.raises(StoreError, match="another configuration"):
            fit(local, early, LESSON, phenomenon=ABOUT, **{"schedule": QUICK, **other}, resume=True)
    monkeypatch.setattr(OwnChoice, "observe", None)  # nothing is measured again: another sitting may round otherwise
    done = fit(local, target, LESSON, phenomenon=ABOUT, schedule=schedule, resume=True)
    assert done.sidecar.identity == made.sidecar.identity
    with pytest.raises(StoreError, match="there already"):
        fit(local, target, LESSON, phenomenon=ABOUT, schedule=schedule)


def test_a_loss_is_told_in_the_unit_of_its_objective(made: Fitted) -> None:
    assert " nats\n" in str(made)
    for name in OBJECTIVES:
        own = replace(made.sidecar, made={**made.sidecar.made, "schedule": {"objective": name}, "damage": ""})
        told = str(replace(made, sidecar=own))
        assert (" nats\n" in told) == (name != "brier" and not name.startswith("rl_")), told
        assert unit_of(name) in told


def test_what_does_not_fit_is_refused(made: Fitted, tmp_path: Path, folder: Path) -> None:
    other = load(str(build("gpt2", tmp_path / "gpt2", deep=True, roomy=True)))
    with pytest.raises(BadInput, match="was made on"):
        load_adapter(other, made.folder)
    with pytest.raises(Unsupported, match="tier weights"):
        fit(Phantom(), tmp_path / "x")
    copy = tmp_path / "copy"
    for change, error, match in (
        (lambda s: s.pop("carry"), BadModel, "lacks 'carry'"),
        (lambda s: s.update(carry="off"), BadModel, "carried"),
        (lambda s: s.update(schema=9), BadModel, "schema"),
        (lambda s: s.update(identity="0" * 32), BadModel, "not those"),
        (lambda s: s.update(shape={"rank": 8}), BadModel, "shape"),
        (lambda s: s["shape"].update(rank=4), BadInput, "shape"),
    ):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(made.folder, copy)
        held = json.loads((copy / SIDECAR).read_text())
        change(held)
        (copy / SIDECAR).write_text(json.dumps(held))
        with pytest.raises(error, match=match):
            load(str(folder), adapter=str(copy))
    (copy / "adapter_model.safetensors").write_bytes(b"\x00" * 9)
    (copy / SIDECAR).write_text((made.folder / SIDECAR).read_text())
    with pytest.raises(BadModel, match="cannot be read"):
        load(str(folder), adapter=str(copy))


def test_artifacts_are_listed_checked_and_given_away(made: Fitted, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(made.folder, tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / SIDECAR).write_text("{")
    found = artifacts(tmp_path)
    assert [a.folder.name for a in found.items] == ["one", "two"]
    assert found.items[1].fault
    assert "states[objects=8]" in found.items[0].cells()
    assert "whole" in check(tmp_path / "one", str(folder))
    with pytest.raises(BadInput, match="switched"):
        export(made.folder, tmp_path / "out")


def test_one_that_always_acts_is_what_peft_makes_of_it(local: Local, folder: Path, tmp_path: Path) -> None:
    """Beside the weights or merged into them by peft from the exported folder: the same numbers, within rounding."""
    done = fit(local, tmp_path / "always", LESSON, phenomenon=ABOUT, carry="always", schedule=QUICK)
    assert "KL" in done.sidecar.made["damage"]
    live = load(str(folder), adapter=str(done.folder))
    merged = load(str(folder), adapter=str(export(done.folder, tmp_path / "plain")))
    assert merged.environment["adapter"] == str(tmp_path / "plain")
    for a, b in zip(answers(live), answers(merged), strict=True):
        assert a == pytest.approx(b, abs=1e-4)
    assert answers(live) != answers(local)


def test_a_guard_holds_ordinary_answers(local: Local) -> None:
    """Distributions of its own, behind messages that damage is not measured on: beside a lesson they stay nearer."""
    kept = replay_examples(local, 24, 0)
    assert replay_examples(local, 24, 0) == kept
    assert {e.kind for e in kept} == {"replay"}
    assert {bool(e.prompt.prefix) for e in kept} == {True, False}
    measured = {p.messages[0].content for p in ordinary_prompts(local)}
    assert not measured & {e.prompt.messages[0].content for e in kept}
    examples, far = lessons(local), []
    for own in (examples, examples + kept):
        adapter = local.new_adapter(LoraShape(4))
        train(local, adapter, own, Schedule(epochs=8 * len(examples) / len(own), groups=8, at_once=8, rate=1e-2))
        far.append(mean_loss(local, [adapter], kept, "soft_labels") - mean_loss(local, [], kept, "soft_labels"))
    assert far[0] > 0.1
    assert far[1] < 0.5 * far[0]
    with pytest.raises(BadInput, match="guard"):
        replay_examples(local, -1, 0)


def test_damage_is_the_divergence_of_the_first_token(local: Local) -> None:
    adapter = noisy(local.new_adapter(LoraShape(4)))
    changed = local.adapted(adapter)
    prompts = ordinary_prompts(local)[:6]
    found = damage(local, changed, prompts)
    every = range(local.engine.vocabulary)
    before, after = ([np.array(d.logprobs) for d in s.next_token(prompts, ids=every)] for s in (local, changed))
    exact = [float((np.exp(p) * (p - q)).sum()) for p, q in zip(before, after, strict=True)]
    assert found.divergence.value == pytest.approx(float(np.mean(exact)), rel=1e-3)
    same = [p.argmax() == q.argmax() for p, q in zip(before, after, strict=True)]
    assert found.same.value == pytest.approx(float(np.mean(same)))
    wanted = local.encode(replace(prompts[0], prefix="Well,"))[len(local.encode(prompts[0]))]
    left = [float((np.exp(p) * (p - q)).sum()) for p, q in (  # the planted beginning left out, the rest made shares
        (np.delete(x, wanted) - np.log1p(-np.exp(x[wanted])) for x in pair) for pair in zip(before, after, strict=True)
    )]  # fmt: skip
    beside = damage(local, changed, prompts, beside="Well,").divergence.value
    assert beside == pytest.approx(float(np.mean(left)), rel=1e-4)
    assert beside != pytest.approx(found.divergence.value, rel=4e-4)
    assert damage(local, local, prompts).divergence.value == 0
    with pytest.raises(BadInput, match="two prompts"):
        damage(local, changed, prompts[:1])


def test_a_lesson_of_decoders_is_no_lesson_of_reports(tmp_path: Path, local: Local) -> None:
    with pytest.raises(BadInput, match="fit_decoder"):
        fit(local, tmp_path / "x", "decoder")


@pytest.mark.parametrize(("given", "message"), [
    ({"layers": "29-6"}, "from the lower to the higher"), ({"layers": "a-b"}, "is written 6-29"),
    ({"rate": 0.0}, "rate"), ({"groups": 0}, "groups"), ({"at_once": 0}, "at_once"),
])  # fmt: skip
def test_what_was_given_is_what_is_used(given: dict[str, Any], message: str) -> None:
    """Nothing that was asked for is taken for what was not."""
    one = Training(**given)
    with pytest.raises(BadInput, match=message):
        one.shape() if "layers" in given else one.schedule(0)
    chosen = Training(groups=4).schedule(1)
    assert (chosen.groups, chosen.at_once, chosen.rate, chosen.seed) == (4, 4, 1e-3, 1)
    assert Training(at_once=2).schedule(0).groups == 8
