"""Several subjects and seeds in one folder: every row is told apart, and what is complete is not asked again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import selfscope
from selfscope.api.card_set import Cards, cards, folder_of
from selfscope.cli import main
from selfscope.errors import SelfscopeError, StoreError
from selfscope.store import read, studies
from selfscope.subjects.phantom import Phantom

MODELS = ("phantom:access=0.8,seed=1", "phantom:habit=0.8,seed=2")
ASKED: dict[str, Any] = {"phenomena": ("self_prediction",), "readers": ("ask[choice_lp]",)}


class Counted(Phantom):
    """Counts what it is asked."""

    calls = 0

    def sample(self, *given: Any, **more: Any) -> Any:
        Counted.calls += 1
        return super().sample(*given, **more)

    def score(self, prompts: Sequence[Any], candidates: Sequence[Sequence[str]]) -> Any:
        Counted.calls += 1
        return super().score(prompts, candidates)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Cards:
    return cards(MODELS, tmp_path_factory.mktemp("studies") / "all", seeds=(0, 1), **ASKED)


def test_there_is_a_card_for_every_subject_and_seed(done: Cards) -> None:
    assert len(done.cards) == 4
    assert all(card.page.exists() for card in done.cards)
    lines = done.lines()
    assert Counter((name, seed) for name, seed, *_ in lines) == {(m, s): 1 for m in MODELS for s in ("0", "1")}
    told = {name: verdict for name, _, _, verdict, *_ in lines}
    assert set(told) == set(MODELS)
    assert not any(v.startswith("access") for v in told.values()), "their state can be changed by text alone"
    assert "<table" in done._repr_html_()
    assert MODELS[0] in str(done)


def test_rows_of_all_studies_keep_their_own_truths(done: Cards) -> None:
    """The same trial is posed to both subjects, and what is true of it is not the same."""
    table = list(done.rows.records())
    assert len(table) == sum(len(card.rows) for card in done.cards)
    truths: dict[tuple[str, int, str], Any] = {}
    for record in table:
        truths[record["subject"], record["seed"], record["trial"]] = record["truth"]
    assert len({key[0] for key in truths}) == 2
    assert len({key[1] for key in truths}) == 2
    for place in studies(done.folder):
        held = read(place)
        identity, seed = held.meta["identity"], held.meta["settings"]["seed"]
        for name, truth in held.truths.items():
            if (identity, seed, name) in truths:
                assert truths[identity, seed, name] == list(truth.mean)
    one, other = (list(read(p).truths.items()) for p in studies(done.folder)[::2])
    both = [(truth.mean, dict(other)[name].mean) for name, truth in one if name in dict(other)]
    assert both
    assert any(a != b for a, b in both)


def test_what_is_complete_costs_nothing_and_the_rest_goes_on(tmp_path: Path) -> None:
    subject = Counted(habit=0.5)
    cards([subject], tmp_path / "s", seeds=(3,), **ASKED)
    first = Counted.calls
    assert first > 0
    with pytest.raises(StoreError, match="--resume"):
        cards([subject], tmp_path / "s", seeds=(3,), **ASKED)
    again = cards([subject], tmp_path / "s", seeds=(3,), resume=True, **ASKED)
    assert Counted.calls == first
    cards([subject], tmp_path / "s", seeds=(3, 4), resume=True, **ASKED)
    assert Counted.calls > first
    assert len(again.cards) == 2


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(SelfscopeError, match="at least one model"):
        cards([], tmp_path)
    with pytest.raises(SelfscopeError, match="phantom is there twice: give each model once"):
        cards(["phantom", "phantom:habit=0.5", "phantom"], tmp_path / "never", **ASKED)
    with pytest.raises(SelfscopeError, match="is there twice"):
        cards([Phantom(), Phantom()], tmp_path / "never", **ASKED)
    assert not (tmp_path / "never").exists(), "before anything was asked"
    with pytest.raises(SelfscopeError, match="take seeds"):
        cards(MODELS, tmp_path, seed=3)
    with pytest.raises(StoreError, match="holds no study"):
        print(Cards(tmp_path).rows)


def test_two_subjects_of_one_name_keep_their_own_folders_and_names(tmp_path: Path) -> None:
    two = [Phantom("same", habit=0.8), Phantom("same", access=0.8)]
    made = cards(two, tmp_path / "s", phenomena=("confidence[test=24,train=8]",), readers=("ask[choice_lp]",))
    assert len(made.cards) == 2
    assert {c.contents.meta["identity"] for c in made.cards} == {subject.identity for subject in two}
    assert {line[0] for line in made.lines()} == {f"same ({subject.identity[:6]})" for subject in two}


def test_folders_are_named_by_subject_and_seed() -> None:
    one, other = Phantom("a/b c:d=1"), Phantom("a/b c:d=1", seed=4)
    assert folder_of(one, 2).startswith("a-b-c-d=1-")
    assert folder_of(one, 2) != folder_of(one, 3)
    assert folder_of(one, 2) != folder_of(other, 2), "what is asked decides, not what it is called"
    assert not set(folder_of(Phantom("../../x"), 0)) & {"/"}
    assert ".." not in folder_of(Phantom("../.."), 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(tmp_path / "s")
    words = ["study", "phantom:habit=0.6", "--seeds", "0,5", "--phenomena", "self_prediction", "--readers",
             "ask[choice_lp]", "-o", where]  # fmt: skip
    main(words)
    said = capsys.readouterr().out
    assert said.count("Own answers") == 2
    assert said.count("index.html") == 2
    main([*words, "--resume", "--json"])
    told: list[Mapping[str, str]] = json.loads(capsys.readouterr().out)
    assert [line["seed"] for line in told] == ["0", "5"]
    main(["report", where])
    assert capsys.readouterr().out == said
    main(["rows", where, "--to", "jsonl", "-o", "-"])
    assert {json.loads(line)["seed"] for line in capsys.readouterr().out.splitlines()} == {0, 5}
    with pytest.raises(SystemExit):
        main([*words[:3], "one", *words[4:], "--resume"])
    assert "selfscope:" in capsys.readouterr().err


def test_the_face_offers_it(tmp_path: Path) -> None:
    assert selfscope.cards is cards
