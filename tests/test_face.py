"""What `import selfscope` offers: small, lazy, and shows itself in a notebook."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import selfscope
from selfscope.errors import SelfscopeError, UnknownName


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> selfscope.Card:
    where = tmp_path_factory.mktemp("face") / "card"
    return selfscope.card("phantom:access=0.4,habit=0.2", where, phenomena=("branch_distribution",))


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "import sys, selfscope; "
        "mine = [m for m in sys.modules if m.startswith('selfscope.')]; assert not mine, mine; "
        "heavy = {'torch', 'numpy', 'scipy', 'pydantic', 'rich'} & set(sys.modules); assert not heavy, heavy; "
        "selfscope.load('phantom'); assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_every_name_it_promises_is_there_and_no_other() -> None:
    for name in selfscope.__all__:
        assert getattr(selfscope, name) is not None
    assert dir(selfscope) == selfscope.__all__
    assert sorted(selfscope._WHERE) == sorted(selfscope.__all__)
    with pytest.raises(AttributeError, match="it offers"):
        selfscope.nothing  # noqa: B018


def test_a_card_shows_itself_its_rows_and_its_claims(card: selfscope.Card) -> None:
    shown = card._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "<script" not in shown
    assert "Branches" in str(card)
    assert "<table>" in card.rows._repr_html_()
    assert card.claims[0].phenomenon.startswith("branch_distribution[")
    pytest.importorskip("pandas")
    table = card.rows.to_pandas()
    assert len(table) == len(card.rows) > 500
    assert set(table["reader"]) >= {"prior", "history_baseline", "ask"}


def test_every_score_recomputes_from_what_is_stored(card: selfscope.Card) -> None:
    from selfscope.catalogue import resolve
    from selfscope.scoring import score
    from selfscope.store import read

    held = read(card.folder)
    phenomenon = resolve("phenomenon", "branch_distribution")()
    plain = [t for t in held.trials.values() if held.truths[t.id].grade != "given"]
    again = phenomenon.truth(plain, [held.observations[t.observation] for t in plain])
    assert {t.trial: t for t in again} == {t.id: held.truths[t.id] for t in plain}
    for row in held.rows:
        if row.score is not None:
            assert score(replace(row.reading), held.truths[row.trial]) == row.score


def test_ask_answers_in_one_line() -> None:
    answers = selfscope.ask("phantom", "Tea or coffee?", options=("tea", "coffee"))
    assert "phantom about itself" in str(answers)
    assert "<table>" in answers._repr_html_()
    assert len(answers.answers[0].distribution or ()) == 2


def test_own_objects_need_no_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_of_face.py").write_text(
        "from dataclasses import dataclass\n"
        "from selfscope.records import Outcome, Reading\n"
        "from selfscope.subjects.phantom import Phantom\n"
        "subject = Phantom(name='mine')\n"
        "@dataclass(frozen=True)\n"
        "class First:\n"
        "    kind = 'first'\n"
        "    rung = 'input'\n"
        "    def fit(self, subject, trials, truths): return self\n"
        "    def read(self, subject, trials):\n"
        "        one = [tuple(float(k == 0) for k in range(len(t.question.options))) for t in trials]\n"
        "        return [Reading(Outcome.ANSWERED, d) for d in one]\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    from selfscope.api.cards import planned, run

    assert selfscope.load("mine_of_face:subject").name == "mine"
    study = planned("mine_of_face:subject", phenomena=["token_probability"], readers=["mine_of_face:First"])
    rows = run(study, tmp_path / "s")
    assert {r.reader for r in rows} >= {"first", "prior", "history_baseline"}
    with pytest.raises(UnknownName, match="has no 'Second'"):
        planned("phantom", readers=["mine_of_face:Second"])
    with pytest.raises(SelfscopeError, match="is no subject"):
        selfscope.load("mine_of_face:First")


def test_other_models_take_their_rungs() -> None:
    from selfscope.api.cards import planned

    study = planned("phantom", other="phantom:seed=1", twin="phantom:access=0.1", phenomena=["confidence"])
    rungs = {(r.observer, r.config["k"]): r.rung for r in study.parts().readers.values() if r.observer}
    assert rungs == {
        ("phantom:seed=1", 0): "input", ("phantom:seed=1", 4): "history", ("phantom:access=0.1", 0): "twin",
    }  # fmt: skip
    others = [r for r in study.settings()["parts"].values() if "observer" in r]
    assert {r["observer"]["subject"] for r in others} == {"phantom:seed=1", "phantom:access=0.1"}
    assert {r["format"] for r in others} == {"yesno_lp"}
