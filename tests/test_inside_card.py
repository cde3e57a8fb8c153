"""A card of what was read inside: a real small model, from the plan to the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import selfscope
from selfscope.api.cards import planned
from selfscope.catalogue import INSIDE
from selfscope.records import id_of
from selfscope.store import read
from selfscope.verdicts.arm_gaps import ARMS, gaps


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> selfscope.Card:
    return selfscope.card(
        "smollm2-135m", tmp_path_factory.mktemp("inside") / "card", phenomena=("next_token_identity",),
        readers=("logit_lens",),
    )  # fmt: skip


def test_every_reading_has_all_of_its_arms_on_the_same_items(card: selfscope.Card) -> None:
    held = read(card.folder, observations=False)
    found = {g.reader: g for g in gaps(held.rows, held.trials, held.truths, parts=held.parts)}
    lens = found["logit_lens"]
    assert set(lens.arms) == set(ARMS)
    assert not lens.missing
    assert lens.layer is not None
    assert {g.items for g in lens.gaps.values()} == {lens.real.items}
    assert lens.real.value > lens.chance, "a late layer knows more of the next word than nothing"
    assert found["ask"].gap is None


def test_the_page_shows_it_and_redraws_to_the_same_bytes(card: selfscope.Card) -> None:
    page = card.page.read_text(encoding="utf-8")
    for words in ("Next word", "Readings and their arms", "another item’s", "text only", "points"):
        assert words in page
    assert "<script" not in page
    assert "inside  Next word" in str(card)
    assert "precision@1" in page
    data = json.loads((card.folder / "card.json").read_text(encoding="utf-8"))
    assert data["card"]["inside"][0]["title"] == "Next word"
    selfscope.redraw(card.folder)
    assert card.page.read_text(encoding="utf-8") == page


def test_a_full_study_reads_every_phenomenon_inside_and_a_quick_one_looks_in() -> None:
    subject = selfscope.load("smollm2-135m")
    full, quick = (planned(subject, profile=p) for p in ("full", "quick"))
    assert [plan.phenomenon.kind for plan in full.plans][-len(INSIDE) :] == list(INSIDE)
    inside = [plan for plan in quick.plans if plan.phenomenon.kind in INSIDE]
    assert [plan.phenomenon.kind for plan in inside] == ["next_token_identity"]
    assert inside[0].arm_readers == ("logit_lens", "centred_lens", "ridge_probe")
    inside_alone = [plan for plan in full.plans if plan.phenomenon.kind in INSIDE]
    read_inside = [plan for plan in inside_alone if getattr(plan.phenomenon, "readers", ())]
    assert [plan.phenomenon.kind for plan in read_inside] == [k for k in INSIDE if k != "injected_concept"]
    for plan in read_inside:
        assert plan.arm_readers
        assert [id_of(c) for c in plan.controls] == ["arms"]
    phantom = planned("phantom", profile="full")
    assert not [plan for plan in phantom.plans if plan.phenomenon.kind in INSIDE], "it has no activations"


def test_a_subject_without_activations_is_told_which_tier_is_missing(tmp_path: Path) -> None:
    with pytest.raises(selfscope.SelfscopeError, match="tier activations"):
        selfscope.card("phantom", tmp_path, phenomena=("hidden_context",))
