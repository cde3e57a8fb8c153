"""What a subject knows inside and does not say: phantoms of known dials get their name through the product."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.errors import Unsupported
from selfscope.records import Decoding, Prompt, from_json, to_json
from selfscope.sandbox.self_test import tried
from selfscope.statistics import Estimate
from selfscope.subjects.phantom import Phantom
from selfscope.verdicts import forecasts as room
from selfscope.verdicts.forecasts import Forecast, KnownInside, named
from selfscope.verdicts.selective import PRICES

ASKED = {"phenomena": ["programming_success[test=40,train=11,rollouts=2]"], "readers": ["ask[yesno_lp]"]}
DIALS = {
    "phantom:skill=1": room.NOT_SAID,
    "phantom:skill=1,access=0.95": room.SAID,
    "phantom:access=0.95": room.NOT_KNOWN,
}
CardOf = Callable[[str], selfscope.Card]


@pytest.fixture(scope="module", autouse=True)
def box() -> None:
    try:
        tried()
    except Unsupported as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def card_of(tmp_path_factory: pytest.TempPathFactory) -> CardOf:
    cards: dict[str, selfscope.Card] = {}

    def made(name: str) -> selfscope.Card:
        if name not in cards:
            cards[name] = selfscope.card(name, tmp_path_factory.mktemp("known") / "card", **ASKED)
        return cards[name]

    return made


def first(card: selfscope.Card) -> KnownInside:
    return card.findings.known[0]


@pytest.mark.parametrize("name", DIALS)
def test_a_phantom_of_known_dials_gets_its_name(card_of: CardOf, name: str) -> None:
    card = card_of(name)
    found = first(card)
    assert found.name == DIALS[name]
    assert {k.inside for k in card.findings.known} == {"answer_logprob", "answer_logprob[by=sum]"}
    said, page = card.table(width=200), card.page.read_text(encoding="utf-8")
    for text in (said, page):
        assert f"{found.name.capitalize()}." in text
        for figure in (found.knows, found.says):
            assert f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]" in text
        for other in set(DIALS.values()) - {found.name}:
            assert f"{other.capitalize()}." not in text
    assert found.ahead.value == pytest.approx(found.knows.value - found.says.value)


def test_the_dials_show_in_the_figures(card_of: CardOf) -> None:
    unsaid, said, unknown = (first(card_of(name)) for name in DIALS)
    assert unsaid.knows.low > 0.6
    assert unsaid.says.low < 0.5 < unsaid.says.high
    assert said.says.value > 0.9
    assert unknown.knows.low < 0.5 < unknown.knows.high
    assert unknown.says.low > 0.5, "whose words know what its log-probability does not"


def test_scores_are_those_of_the_rows(card_of: CardOf) -> None:
    card = card_of("phantom:skill=1,access=0.95")
    found = {(f.reader, f.quantity, f.author): f for f in card.findings.forecasts}
    trials, truths = card.contents.trials, card.contents.truths
    for quantity, author in (("passes_before", ""), ("passes_shown", "own"), ("passes_after", "own")):
        own = found["ask[format=yesno_lp]", quantity, author]
        rows = [
            r for r in card.contents.rows
            if r.reader == own.reader and r.control == "plain" and trials[r.trial].split == "test"
            and trials[r.trial].question.quantity == quantity
            and (author in trials[r.trial].coordinates["authors"] or not author)
        ]  # fmt: skip
        stated = np.array([r.reading.distribution[0] for r in rows if r.reading.distribution])
        rate = np.array([truths[r.trial].mean[0] for r in rows])
        assert own.items == len(rows) == len(stated)
        assert own.rate.value == pytest.approx(rate.mean())
        assert own.brier.value == pytest.approx((rate * (1 - stated) ** 2 + (1 - rate) * stated**2).mean())
        assert own.base_brier is not None
        assert own.gain is not None
        assert own.gain.value == pytest.approx(own.base_brier.value - own.brier.value)
        assert [p.price for p in own.payoffs] == list(PRICES)
        assert own.payoffs[1].earned.value == pytest.approx(((2 * rate - 1) * (stated > 0.5)).mean())
        assert (own.within_task is not None) == (quantity == "passes_shown")
    known = found["ask[format=yesno_lp]", "passes_shown", "own"]
    assert known.self_specific is not None
    assert known.self_specific.low > 0, "no rival has what it says"
    assert known.curve is not None
    assert known.curve.area.value < known.curve.failing
    assert from_json(Forecast, to_json(known)) == known


def test_a_page_draws_risk_and_coverage(card_of: CardOf) -> None:
    card = card_of("phantom:skill=1")
    page = card.page.read_text(encoding="utf-8")
    assert page.count('<polyline class="span risk') >= 8
    assert "What acting on it earns" in page
    assert "length, family, difficulty alone" in page
    assert "<script" not in page
    data = json.loads((card.folder / "card.json").read_text(encoding="utf-8"))
    assert data["card"]["sections"][0]["success"]["known"].startswith("Known inside, not said.")
    selfscope.redraw(card.folder)
    assert card.page.read_text(encoding="utf-8") == page


class Dull(Phantom):
    """Writes nothing that passes."""

    def _acts(self, prompt: Prompt, n: int, decoding: Decoding) -> list[str]:
        return ["x = 1"] * n


def test_a_truth_that_does_not_vary_is_one_clear_line(tmp_path: Path) -> None:
    small = {**ASKED, "phenomena": ["programming_success[test=5,train=3,rollouts=2]"]}
    card = selfscope.card(Dull(), tmp_path / "dull", **small)
    line = "Before it writes: none of 5 succeed, so nothing can be told apart."
    assert card.table(width=200).count(line) == 1
    assert line in card.page.read_text(encoding="utf-8")
    assert not card.findings.known
    before = next(f for f in card.findings.forecasts if f.quantity == "passes_before")
    assert not before.varies
    assert (before.across, before.curve, before.self_specific) == (None, None, None)


def of(value: float, half: float, clusters: int = 40) -> Estimate:
    return Estimate(value, value - half, value + half, half / 2, clusters=clusters)


@pytest.mark.parametrize(("knows", "says", "ahead", "name"), [
    (of(0.66, 0.09), of(0.47, 0.10), of(0.19, 0.13), room.NOT_SAID),
    (of(0.90, 0.05), of(0.65, 0.10), of(0.25, 0.11), room.IN_PART),
    (of(0.66, 0.09), of(0.64, 0.09), of(0.02, 0.10), room.SAID),
    (of(0.66, 0.09), of(0.55, 0.10), of(0.11, 0.13), room.OPEN),
    (of(0.58, 0.09), of(0.40, 0.09), of(0.18, 0.10), room.NOT_KNOWN),
    (of(0.90, 0.05, 19), of(0.50, 0.10, 19), of(0.40, 0.10, 19), room.FEW),
])  # fmt: skip
def test_what_two_areas_and_their_difference_are_called(
    knows: Estimate, says: Estimate, ahead: Estimate, name: str
) -> None:
    assert named(knows, says, ahead) == name


def test_confidence_is_scored_by_the_same_parts(tmp_path: Path) -> None:
    card = selfscope.card(
        "phantom:skill=1,access=0.9", tmp_path / "c", phenomena=["confidence[test=30,train=20,rollouts=4]"],
        readers=["ask[yesno_lp]", "answer_logprob", "covariates"],
    )  # fmt: skip
    found = {(f.reader, f.quantity, f.author): f for f in card.findings.forecasts}
    shown = found["answer_logprob", "correct_shown", "given"]
    assert shown.across is not None
    assert shown.across.low > 0.6
    assert found["covariates", "correct_before", ""].items == 30
    assert "As a forecast of success" in card.page.read_text(encoding="utf-8")
    assert "inside: what it computes, and not what it says" in card.page.read_text(encoding="utf-8")


def test_skill_is_a_part_and_moves_no_other_phantom() -> None:
    assert Phantom(skill=0.0).identity == Phantom().identity
    assert Phantom(skill=0.5).identity != Phantom().identity
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(selfscope.SelfscopeError, match="skill"):
            selfscope.load(f"phantom:skill={wrong}")


def test_what_a_machine_cannot_run_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: Any
) -> None:
    from selfscope.api.cards import planned, run

    def kinds(study: selfscope.Study) -> list[str]:
        return [plan.phenomenon.kind for plan in study.plans]

    assert "programming_success" in kinds(planned("phantom", profile="full"))
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("nothing")))
    tried.cache_clear()
    try:
        study = planned("phantom", profile="full")
    finally:
        tried.cache_clear()
    assert "programming_success" not in kinds(study)
    assert "apt install bubblewrap" in study.left_out[0]
    small = [replace(p, phenomenon=replace(p.phenomenon, test=2, train=2, dev=0, rollouts=2)) for p in study.plans[:1]]
    run(replace(study, plans=tuple(small)), tmp_path / "s")
    page = selfscope.redraw(tmp_path / "s").page.read_text(encoding="utf-8")
    assert "Programming success: " in page
    assert "apt install bubblewrap" in page
