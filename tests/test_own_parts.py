"""A user's own phenomenon, control and reader go all the way to the card, by objects and without a fork."""

from __future__ import annotations

from pathlib import Path

import pytest

import selfscope
from own_parts import Favourite, Fruits, Nearest, Skies, Whisper
from selfscope.errors import Unsupported
from selfscope.records import to_jsonable
from selfscope.store import read
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.phantom import Phantom


def page_of(card: selfscope.Card) -> str:
    return card.page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> selfscope.Card:
    return selfscope.card(
        Phantom(access=0.5, habit=0.3), tmp_path_factory.mktemp("own") / "card", phenomena=[Fruits()],
        readers=["ask", Favourite(), Favourite(sure=0.9)], controls=[Whisper(), Whisper(times=2)],
    )  # fmt: skip


def test_a_phenomenon_of_ones_own_is_judged_and_shown(card: selfscope.Card) -> None:
    (claim,) = (c for c in card.claims if c.primary)
    assert claim.phenomenon == "fruits"
    assert claim.shares
    assert {"prior", "history_baseline"} <= set(claim.rivals), "the usual rivals are there in any case"
    assert claim.numbers["items"] == 24
    assert "Fruits of mine" in str(card)
    assert "Which fruit would it name?" in page_of(card)


def test_a_reader_of_ones_own_stands_on_its_rung_under_its_title(card: selfscope.Card) -> None:
    claim = card.claims[0]
    rungs = {step.reader: step.rung for step in claim.ladder}
    assert rungs["favourite"] == rungs["favourite[sure=0.9]"] == "input"
    assert {"favourite", "favourite[sure=0.9]"} <= set(claim.rivals)
    page = page_of(card)
    assert "a guess of mine" in page
    assert "a guess of mine [sure=0.9]" in page, "two configurations are told apart"
    part = read(card.folder).parts.readers["favourite[sure=0.9]"]
    assert (part.kind, part.source, part.config) == ("favourite", "own_parts:Favourite", {"sure": 0.9})


def test_a_control_of_ones_own_is_asked_and_shown_under_its_title(card: selfscope.Card) -> None:
    assert {"whisper", "whisper[times=2]"} <= set(card.claims[0].conditions)
    changes = to_jsonable(card.claims[0].conditions)
    assert [changes[name]["change"]["value"] for name in ("whisper", "whisper[times=2]")] == [0, 0]
    page = page_of(card).casefold()
    assert "asked in a whisper" in page
    assert "asked in a whisper [times=2]" in page
    assert read(card.folder).parts.role("whisper") == "wording"


@pytest.fixture(scope="module", params=["open phantom", "a tiny model"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> selfscope.Subject:
    if request.param == "open phantom":
        return OpenPhantom()
    from selfscope.subjects.local import load
    from tiny import build

    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)), device="cpu")


def test_activations_of_ones_own_phenomenon_are_read_under_every_arm(
    subject: selfscope.Subject, tmp_path: Path
) -> None:
    card = selfscope.card(subject, tmp_path / "card", phenomena=[Skies()], readers=["probe[method=means]", Nearest()])
    gaps = {gap.reader: gap for gap in card.findings.gaps}
    assert set(gaps["probe[method=means]"].arms) == {"none", "random", "shuffled", "mean", "text"}
    assert set(gaps["nearest"].arms) == {"shuffled"}
    assert gaps["nearest"].rung == "probe"
    assert set(gaps["nearest"].missing) == {"none", "random", "mean", "text"}
    assert not gaps["nearest"].supported, "arms that were not run support nothing"
    assert card.claims == (), "it is no self-report"
    if isinstance(subject, OpenPhantom):  # its states carry the system message
        assert gaps["nearest"].real.value == 1.0
        assert gaps["probe[method=means]"].real.value > 0.8
    page = page_of(card)
    for words in ("Skies of mine", "Which weather does it hold?", "nearest mean of mine", "another item’s"):
        assert words in page


def test_its_usual_readers_are_those_that_it_names(tmp_path: Path) -> None:
    card = selfscope.card(OpenPhantom(), tmp_path / "card", phenomena=[Skies(test=6, train=6)])
    rivals = {"centred_lens", "ridge_probe"}
    assert {row.reader for row in card.rows} == {"prior", "probe[method=means]", "ask"} | rivals


def test_who_has_no_activations_is_told_so_and_no_folder_is_left(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="skies needs the tier activations, and phantom gives only logprobs"):
        selfscope.card(Phantom(), tmp_path / "card", phenomena=[Skies()])
    assert not (tmp_path / "card").exists()
