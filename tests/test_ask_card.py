"""A card beside an answer: what was measured of such questions, or that others were; and what the model then does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import selfscope
from selfscope.cli import main
from selfscope.errors import BadInput, StoreError
from selfscope.verdicts import VERDICTS

MODEL = "phantom:habit=0.8"
COLOURS = ("red", "black")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card of questions that the package ships."""
    where = tmp_path_factory.mktemp("ask") / "usual"
    selfscope.card(MODEL, where, phenomena=["confidence[test=24,train=8]"], readers=["ask"])
    return where


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card of a user's own questions."""
    where = tmp_path_factory.mktemp("ask")
    lines = [{"prompt": f"Card {i}: red or black?", "options": COLOURS} for i in range(50)]
    (where / "mine.jsonl").write_text("\n".join(map(json.dumps, lines)))
    selfscope.card(MODEL, where / "own", phenomena=["items"], items=where / "mine.jsonl", readers=["ask"])
    return where / "own"


def test_a_card_of_other_kinds_of_question_says_so_and_lists_them(usual: Path) -> None:
    answers = selfscope.ask(MODEL, "Are you sure?", options=("yes", "no"), card=usual)
    shown = " ".join(str(answers).split())
    assert "measured other kinds of question, so nothing is known of this one" in shown
    assert f"Confidence: {answers.measured[0].verdict}" in shown
    assert [(m.question, m.same) for m in answers.measured] == [("Confidence", False)]


def test_a_card_of_this_kind_of_question_gives_its_verdict_share_and_calibration(own: Path) -> None:
    answers = selfscope.ask(MODEL, "Which colour?", options=COLOURS, about="Card 80: red or black?", card=own)
    [found] = answers.measured
    assert found.same
    assert found.verdict in VERDICTS
    assert found.follows.startswith("goes with what it does: ")
    assert "moves with hidden turns, which are text: " in found.follows
    assert found.calibration.startswith("where it stated about ")
    shown = " ".join(str(answers).split())
    for part in (found.sentence, found.follows, found.calibration, "measured such questions (Your questions)"):
        assert " ".join(part.split()) in shown
    about_nothing = selfscope.ask(MODEL, "Which colour?", options=COLOURS, card=own)
    assert not about_nothing.measured[0].same, "a card measures what a model does with a prompt"


def test_a_card_of_another_subject_is_refused_in_one_line(usual: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput, match=r"holds a card of phantom:habit=0\.8 \(\w{6}\), not of phantom \(\w{6}\)$"):
        selfscope.ask("phantom", "Sure?", card=usual)
    with pytest.raises(StoreError, match="there is no folder"):
        selfscope.ask("phantom", "Sure?", card=usual / "nothing")
    with pytest.raises(SystemExit):
        main(["ask", "phantom", "Sure?", "--card", str(usual)])
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit):
        main(["ask", "open-phantom", "x?", "--about", "A ship.", "--reader", "patchscope", "--card", str(usual)])
    assert "a card has no verdict on that" in capsys.readouterr().err


def test_the_command_shows_it(usual: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ask", MODEL, "Sure?", "--options", "yes,no", "--card", str(usual)])
    assert "measured other kinds of question" in " ".join(capsys.readouterr().out.split())
    main(["ask", MODEL, "Sure?", "--options", "yes,no", "--card", str(usual), "--json"])
    assert json.loads(capsys.readouterr().out)["measured"][0]["question"] == "Confidence"


def test_what_it_then_does_is_counted_where_replies_name_an_option() -> None:
    named = selfscope.ask(MODEL, "Red or black?", options=COLOURS, about="Pick a colour: red or black?").answers[-1]
    assert named.rung == "behaviour"
    assert "of 10 replies name an option" in named.who
    assert sum(named.distribution or ()) == pytest.approx(1)
    unnamed = selfscope.ask("open-phantom", "Red or black?", options=("zzq", "qqz"), about="Name a fruit.")
    assert unnamed.answers[-1].distribution is None
    assert "none of 10 replies names an option" in unnamed.answers[-1].who
    assert "No reply names an option" in str(unnamed)
    assert "No reply names an option" not in str(selfscope.ask(MODEL, "Red?", options=COLOURS))
