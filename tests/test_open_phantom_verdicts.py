"""What the dials of an open phantom imply comes out of the real phenomena, readers, arms and verdicts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfscope
from selfscope.api.own_rows import findings, rows_of
from selfscope.controls.arms import Arms
from selfscope.phenomena.attribute_extraction import AttributeExtraction
from selfscope.phenomena.entity_resolution import EntityResolution
from selfscope.phenomena.hidden_context import HiddenContext
from selfscope.phenomena.injected_concept import InjectedConcept
from selfscope.phenomena.next_token_identity import NextTokenIdentity
from selfscope.readers.ask import Ask
from selfscope.readers.base import Reader
from selfscope.readers.logit_lens import LogitLens
from selfscope.readers.patchscope import Patchscope, SelfIE
from selfscope.readers.probe import Probe
from selfscope.records import Trial, Truth
from selfscope.report.injections import sentence
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.verdicts.arm_gaps import Gap
from selfscope.verdicts.detection import InjectionFinding, detections
from selfscope.verdicts.injected_choices import ALARM, CONTENT, NOTHING

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))
from injections import bars


def gap(subject: OpenPhantom, phenomenon: Any, reader: Reader) -> Gap:
    """The reader's gaps against its arms on a small study of the phenomenon."""
    trials = phenomenon.pose(subject, 0)
    truths = {t.trial: t for t in phenomenon.truth(trials, phenomenon.observe(subject, trials))}
    train, test = ([t for t in trials if t.split == split] for split in ("train", "test"))
    able = reader.fit(subject, train, [truths[t.id] for t in train])
    asked = [*test, *Arms().apply(test, 0)]
    truths |= {t.id: replace(truths[t.base], trial=t.id) for t in asked}
    readings = {able: able.read(subject, asked)}
    rows = rows_of(readings, asked, list(truths.values()), phenomenon=phenomenon, controls=[Arms()])
    return findings(rows).gaps[0]


@pytest.mark.parametrize("reader", [Probe("means"), Patchscope(layer=3), SelfIE(layer=3)], ids=lambda r: r.id)
def test_a_hidden_context_is_read_where_states_carry_it(reader: Reader) -> None:
    small = HiddenContext(test=6, train=4, dev=0, kinds=("topic",))
    there, gone = (gap(OpenPhantom(carries=carries), small, reader) for carries in (1.0, 0.0))
    assert there.supported, there
    assert there.real.value > 0.7
    assert all(value.value < 0.3 for value in there.arms.values())
    assert not gone.supported
    assert gone.real.value < 0.3
    for arm in ("shuffled", "mean"):
        assert abs(gone.gaps[arm].value) < 0.2, "there is nothing in the states that another item's lack"


@pytest.mark.parametrize(
    ("phenomenon", "reader"),
    [
        (NextTokenIdentity(test=16, train=8, dev=0), Patchscope("identity")),
        (EntityResolution(test=8, train=0, dev=0), Patchscope("description", layer=1)),
        (AttributeExtraction(test=12, train=0, dev=0), Patchscope("attribute", layer=1)),
    ],
    ids=lambda x: getattr(x, "kind", ""),
)
def test_a_patchscope_reads_where_written_vectors_are_read(phenomenon: Any, reader: Reader) -> None:
    reads, blind = (gap(OpenPhantom(reads=r), phenomenon, reader) for r in (1.0, 0.0))
    vectors = ("none", "random", "shuffled", *(["mean"] if phenomenon.train else []))
    assert reads.real.value > 0.9
    assert all(reads.gaps[arm].low > 0.05 for arm in vectors), reads.gaps
    assert reads.arms["shuffled"].value < 0.5, "the vector of another item does not give the right answer"
    assert all(blind.gaps[arm].value == 0 for arm in ("random", "shuffled"))
    assert not blind.supported
    if phenomenon.kind == "next_token_identity":
        assert reads.supported, "the word that was read says less than the state"


def test_the_lens_reads_late_layers_whatever_the_dials() -> None:
    small = NextTokenIdentity(test=16, train=8, dev=0)
    finding = gap(OpenPhantom(carries=0.0, reads=0.0), small, LogitLens())
    assert finding.supported
    assert finding.layer is not None
    assert finding.layer >= 3


POSED: dict[str, tuple[list[Trial], list[Truth]]] = {}
NOTICED: dict[str, InjectionFinding] = {}
SENTENCES = InjectedConcept(test=20, train=0, dev=0, places=4)


def noticed(subject: OpenPhantom) -> InjectionFinding:
    if not POSED:  # its vectors do not depend on the dials that are turned here
        posed = SENTENCES.pose(subject, 0)
        POSED["all"] = posed, SENTENCES.truth(posed, SENTENCES.observe(subject, posed))
    trials, truths = POSED["all"]
    if subject.identity not in NOTICED:
        rows = rows_of({Ask(): Ask().read(subject, trials)}, trials, truths, phenomenon=SENTENCES)
        NOTICED[subject.identity] = detections(rows, rows.trials, rows.truths, rows.parts, draws=200)[0]
    return NOTICED[subject.identity]


@pytest.mark.parametrize("says_yes", [0.0, 1.0])
def test_who_notices_is_found_in_every_task(says_yes: float) -> None:
    finding = noticed(OpenPhantom(notices=1.0, says_yes=says_yes))
    assert finding.detection is not None
    assert finding.detection.notices
    assert all(choice.right.low > choice.chance for choice in finding.choices.values())
    assert all(choice.right.value > 0.9 for choice in finding.choices.values())


def test_who_only_says_yes_is_not_believed() -> None:
    """Naive AUROC is high, the corrected one is at a half (Hahami et al. 2025)."""
    finding = noticed(OpenPhantom(notices=0.0, says_yes=1.0))
    assert finding.detection is not None
    assert finding.detection.naive is not None
    assert finding.detection.naive.auroc.low > 0.8
    for arm in ("clean", "random"):
        assert finding.detection.corrected[arm].auroc.low < 0.5 < finding.detection.corrected[arm].auroc.high
    assert not finding.detection.notices
    assert finding.detection.unrelated["real"].low > 1.5
    for task in ("localisation", "strength", "identification"):
        assert finding.choices[task].right.low < finding.choices[task].chance + 0.1


def test_who_neither_notices_nor_says_yes_is_at_chance() -> None:
    finding = noticed(OpenPhantom(notices=0.0))
    assert finding.detection is not None
    assert not finding.detection.notices
    assert finding.detection.unrelated["real"].low < 0 < finding.detection.unrelated["real"].high


def test_who_finds_any_direction_and_names_none_sounds_an_alarm() -> None:
    """The law of the claim: an alarm with an address, content, or nothing, as the dials say."""
    alarm = noticed(OpenPhantom(names=0.0))
    place = alarm.choices["localisation"]
    assert alarm.supports == ALARM
    assert place.right.value > 0.9
    assert place.arms["random"].value > 0.9
    assert place.over_random is not None
    assert place.over_random.low <= 0
    assert place.arms["against"].value > 0.9
    for arm in ("input", "mismatch"):
        assert place.arms[arm].low <= place.chance
    assert alarm.choices["identification"].right.low < alarm.choices["identification"].chance
    assert noticed(OpenPhantom()).supports == CONTENT
    assert noticed(OpenPhantom(notices=0.0)).supports == NOTHING
    assert OpenPhantom(names=1.0).identity == OpenPhantom().identity != OpenPhantom(names=0.0).identity


def test_an_open_phantom_says_what_was_written() -> None:
    written = noticed(OpenPhantom()).written
    assert written is not None
    assert written.medians == SENTENCES.strength
    assert written.natural > 0


def test_answers_about_injections_are_replies_too() -> None:
    noticed(OpenPhantom())
    one = next(t for t in POSED["all"][0] if t.question.quantity == "identification" and t.arm == "real")
    truth = next(t for t in POSED["all"][1] if t.trial == one.id)
    reading = Ask("free").read(OpenPhantom(), [one])[0]
    assert reading.distribution == truth.mean


@pytest.mark.parametrize("carries", [1.0, 0.0])
def test_a_card_says_of_its_states_what_they_carry(carries: float, tmp_path: Path) -> None:
    """With the rivals in it: where a hidden context is carried something reads it, and else nothing does."""
    small = HiddenContext(test=8, train=4, dev=0, kinds=("topic",))
    subject = OpenPhantom(carries=carries)
    card = selfscope.card(subject, tmp_path / "card", phenomena=[small], readers=["probe[method=means]"])
    found = {g.reader: g for g in card.findings.gaps if g.gap is not None}
    assert set(found) == {"probe[method=means]", "centred_lens", "ridge_probe"}
    assert found["probe[method=means]"].rivals["centred_lens"].same
    for one in found.values():
        assert one.supported == (carries == 1.0), one
        assert not one.missing
    assert found["centred_lens"].claimed == (carries == 1.0)
    assert not found["probe[method=means]"].claimed, "its states are sums of the directions of words"
    says = "reads it from the activations" if carries else "Not supported: no reading beats all of its arms"
    assert says in " ".join(str(card).split())


def test_the_card_says_which_it_is() -> None:
    said = {names: sentence([noticed(OpenPhantom(names=names))]) for names in (0.0, 1.0)}
    assert "An alarm with an address, not content" in said[0.0]
    assert "which concept it was (" not in said[0.0]
    assert "Content: it can say which concept was written" in said[1.0]
    assert "alarm" not in sentence([noticed(OpenPhantom(notices=0.0))])


def test_the_bars_of_the_study_go_by_what_was_found() -> None:
    def passed(subject: OpenPhantom, damage: str = "") -> dict[str, bool | None]:
        found = replace(noticed(subject), phenomenon=InjectedConcept(test=100, places=2).id)
        return {bar.name: bar.passed for bar in bars([found], damage)}

    good, none = passed(OpenPhantom(names=0.0)), passed(OpenPhantom(notices=0.0))
    for bar in ("2 places, all held out", "2 places, shipped wording"):
        assert good[bar]
        assert not none[bar]
    assert none["a random direction"] is None
    for harm, ok in (("0.050", True), ("0.110", False)):
        told = f"KL of the first token {harm} nats [0, 1], the same likeliest token on 95 % [9, 9]"
        assert passed(OpenPhantom(), told)["ordinary answers"] is ok
