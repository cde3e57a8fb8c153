"""The control of masked turns: its trials, and that behaviour and reports of each are asked for under its mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from posed_trials import SMALL, posed
from selfscope.controls.base import movable
from selfscope.controls.masked import MaskedTurns
from selfscope.controls.states import Changed
from selfscope.errors import Unsupported
from selfscope.phenomena.base import Phenomenon
from selfscope.readers.ask import Ask
from selfscope.readers.behaviour_ceiling import BehaviourCeiling
from selfscope.records import NOTHING, Decoding, Message, Outcome, Prompt, Trial, control_part
from selfscope.study.sampling import one_in_each_cluster
from selfscope.subjects.local import Local, load
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.sealed import Log, MeteredSubject, SealedSubject, SealRegistry
from selfscope.wording import phrase
from tiny import build

each = pytest.mark.parametrize("phenomenon", SMALL, ids=lambda p: p.kind)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(build("llama", tmp_path_factory.mktemp("llama"), roomy=True)), device="cpu")
    torch.set_num_threads(threads)


def some(trials: Sequence[Trial]) -> list[Trial]:
    return [t for t in one_in_each_cluster(trials) if t.split == "test" and movable(t)][:4]


@each
def test_its_turns_are_those_of_changed(phenomenon: Any) -> None:
    plain = {t.id: t for t in posed(phenomenon) if movable(t)}
    got, changed = MaskedTurns(1).apply(list(plain.values()), 3), Changed(1).apply(list(plain.values()), 3)
    same = {t.base: t for t in changed}
    assert Counter(t.arm for t in got) == dict.fromkeys(MaskedTurns.conditions, len(plain))
    for t in got:
        about = plain[t.base].prompt.messages[-1].content
        if t.arm in ("words", "person"):
            assert t.prompt == plain[t.base].prompt
            continue
        masked = NOTHING if t.arm == "positions" else about
        assert t.prompt == replace(same[t.base].prompt, masked=masked)
        assert (t.state, t.public) == (same[t.base].state, same[t.base].public)
        asked = phrase(t, phenomenon.formats[0]).prompt
        assert asked.masked == masked
        assert any(about in m.content for m in asked.messages if not m.secret)
    keys = [{t.observation for t in part} for part in (plain.values(), got, changed)]
    assert [len(own - keys[0]) for own in keys] == [0, 2 * len(keys[0]), len(keys[0])]
    assert len(set.union(*keys)) == 4 * len(keys[0]), "each state has its own observation"


def test_an_object_of_several_turns_is_left_out() -> None:
    talk = (Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "Name a tree."))
    trial = next(t for t in posed(SMALL[0]) if movable(t))
    several = replace(trial, prompt=Prompt(messages=talk))
    assert MaskedTurns().apply([several], 0) == []
    shown = replace(trial, prompt=Prompt(messages=talk, context=2))
    assert {t.prompt.masked for t in MaskedTurns().apply([shown], 0)} == {"Name a tree.", NOTHING, ""}
    assert control_part(MaskedTurns()).role == "masked_state"


@each
def test_behaviour_reports_and_ceiling_are_asked_for_under_the_mask(
    phenomenon: Phenomenon, subject: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    for name in ("sample", "score", "next_token"):
        own = getattr(Local, name)

        def noted(self: Local, prompts: Sequence[Prompt], *args: Any, own: Any = own, **more: Any) -> Any:
            given.extend(p.masked for p in prompts)
            return own(self, prompts, *args, **more)

        monkeypatch.setattr(Local, name, noted)
    trials = MaskedTurns().apply(some(posed(phenomenon)), 0)
    measured = [t for t in trials if "answer" not in t.coordinates]
    observations = phenomenon.observe(MeteredSubject(subject, "observe", Log()), measured)
    assert {o.key for o in observations} == {t.observation for t in measured}
    registry, log = SealRegistry(), Log()
    hidden = registry.hide(trials)
    reader = Ask(phenomenon.formats[0])  # type: ignore[attr-defined]
    readings = reader.read(SealedSubject(subject, "ask", registry, log), hidden)
    assert {r.outcome for r in readings} == {Outcome.ANSWERED}
    assert set(given) == {t.prompt.masked for t in trials}
    given.clear()
    BehaviourCeiling(rollouts=2).read(SealedSubject(subject, "ceiling", registry, log, rung="behaviour"), hidden)
    assert set(given) == {t.prompt.masked for t in trials}


def test_who_takes_no_mask_says_so() -> None:
    masked = Prompt(messages=(Message("user", "Hi", secret=True), Message("user", "Name a tree.")), masked=NOTHING)
    for able in (Phantom(), OpenPhantom(), OpenPhantom(access=0.5)):
        for call in (lambda s: s.sample([masked], 1, Decoding(4)), lambda s: s.score([masked], [["oak"]])):
            with pytest.raises(Unsupported, match="takes no masked prompts"):
                call(able)
