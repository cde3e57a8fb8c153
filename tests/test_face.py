"""What `import selfscope` offers: small, lazy, and shows itself in a notebook."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfscope
from selfscope.errors import BadInput, SelfscopeError, UnknownName


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
    assert "<table" in card.rows._repr_html_()
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
    assert "<table" in answers._repr_html_()
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


def test_dials_are_read_by_the_types_that_are_declared() -> None:
    from selfscope.subjects.phantom import Phantom

    subject = selfscope.load("phantom:access=1,kappa=10,seed=3,rho=0.25,form=choice")
    assert isinstance(subject, Phantom)
    assert subject.identity == Phantom(access=1.0, kappa=10.0, seed=3, rho=0.25, form="choice").identity
    assert selfscope.load("phantom:kappa=inf").identity == Phantom(kappa=float("inf")).identity
    for name, why in {
        "phantom:acces=0.4": "Did you mean 'access'",
        "phantom:access": "NAME=VALUE",
        "phantom:access=much": "access takes float, not 'much'",
        "phantom:seed=0.5": "seed takes int",
        "phantom:access=0.9,habit=0.9": "at most 1",
        "phantom:form=dist,form=choice": "given twice",
    }.items():
        with pytest.raises(SelfscopeError, match=why):
            selfscope.load(name)


def test_an_open_phantom_is_loaded_by_its_dials() -> None:
    room = pytest.importorskip("selfscope.subjects.open_phantom")
    subject = selfscope.load("open-phantom:seed=3")
    assert isinstance(subject, room.OpenPhantom)
    assert subject.name == "open-phantom:seed=3"
    assert subject.identity != selfscope.load("open-phantom").identity
    with pytest.raises(UnknownName, match="Did you mean 'carries'"):
        selfscope.load("open-phantom:carry=0.5")


def test_a_name_that_nothing_has_is_refused_before_anything_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnknownName, match="Did you mean 'phantom'") as error:
        selfscope.load("phantm")
    assert all(form in str(error.value) for form in ("phantom[:DIAL=VALUE,...]", "api:MODEL@URL", "module:object"))
    with pytest.raises(UnknownName, match="Did you mean 'smollm2-135m'"):
        selfscope.load("smollm-135m")
    with pytest.raises(UnknownName, match="Did you mean 'phantom'"):
        selfscope.load("phantm:access=0.4")
    with pytest.raises(UnknownName, match=r"unknown model '\./nowhere'"):
        selfscope.load("./nowhere")


def test_options_of_the_hardware_are_refused_where_nothing_takes_them() -> None:
    with pytest.raises(SelfscopeError, match="phantom takes no --device"):
        selfscope.load("phantom", device="cpu")
    with pytest.raises(SelfscopeError, match="api takes no --dtype") as error:
        selfscope.load("api:some@http://user:secret@host/v1", dtype="float32")
    assert "secret" not in str(error.value)


OWN = """
from dataclasses import dataclass
from selfscope.subjects.phantom import Phantom

class Shy(Phantom):
    '''A phantom that is quiet.'''

@dataclass(frozen=True)
class Sized:
    size: int = 1
    identity = name = tier = "text"
    chat = True
    environment = {}
    def sample(self, prompts, n, decoding, on_done=None): return [[]] * len(prompts)

def remote(host: str, port: int = 80, device: str = "none"):
    return Phantom(name=f"{host}:{port} on {device}")
"""


def test_a_scheme_of_ones_own_works_in_the_same_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from selfscope import catalogue
    from selfscope.api.loading import forms

    (tmp_path / "schemes_of_mine.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert selfscope.load("schemes_of_mine:Shy:access=0.3").name == "schemes_of_mine:Shy:access=0.3"
    assert selfscope.load("schemes_of_mine:Sized:size=4").size == 4  # type: ignore[attr-defined]
    assert selfscope.load("schemes_of_mine:remote:host=there", device="gpu").name == "there:80 on gpu"
    with pytest.raises(SelfscopeError, match="size takes int"):
        selfscope.load("schemes_of_mine:Sized:size=big")
    with pytest.raises(SelfscopeError, match="missing 1 required positional argument: 'host'"):
        selfscope.load("schemes_of_mine:remote")
    monkeypatch.setitem(catalogue.CATALOGUE["subject"], "mine", "schemes_of_mine:Sized")
    assert selfscope.load("mine:size=2").size == 2  # type: ignore[attr-defined]
    assert "mine[:DIAL=VALUE,...]" in forms()


def test_what_needs_more_access_is_unsupported_and_not_a_missing_attribute() -> None:
    from selfscope.errors import Unsupported

    subject = selfscope.load("phantom")
    for name in ("capture", "unembed", "layers", "width", "positions", "token_texts", "median_norm"):
        with pytest.raises(Unsupported, match="phantom offers the tier logprobs; this needs the tier activations"):
            getattr(subject, name)
        assert not hasattr(subject, name)
    with pytest.raises(AttributeError, match="no 'nothing'") as error:
        subject.nothing  # type: ignore[attr-defined]  # noqa: B018
    assert not isinstance(error.value, SelfscopeError)
    assert not isinstance(subject, selfscope.OpenSubject)
    assert isinstance(subject, selfscope.ScoringSubject)


def test_a_mistake_leaves_no_folder(tmp_path: Path) -> None:
    where = tmp_path / "card"
    with pytest.raises(SelfscopeError, match="jobs is a number of processes from 1 on, not 0"):
        selfscope.card("phantom", where, phenomena=["confidence"], jobs=0)
    with pytest.raises(SelfscopeError, match=r"there is no file none\.jsonl"):
        selfscope.card("phantom", where, items="none.jsonl")
    with pytest.raises(SelfscopeError, match="unknown profile 'slow'"):
        selfscope.card("phantom", where, profile="slow")
    with pytest.raises(SelfscopeError, match="reads activations, and none of these phenomena gives any"):
        selfscope.card("phantom", where, phenomena=["confidence"], readers=["probe"])
    with pytest.raises(SelfscopeError, match="needs the tier activations"):
        selfscope.card("phantom", where, phenomena=["hidden_context"])
    assert not where.exists()


@pytest.mark.parametrize("options", ["yes,no", ["yes"], ["yes", " yes"]])
def test_options_that_are_none_are_refused_alike_wherever_a_question_is_put(options: Any) -> None:
    about = "The ship left the port."
    for put in (
        lambda: selfscope.ask("phantom", "Sure?", options=options),
        lambda: selfscope.read("open-phantom", "What is it?", about=about, options=options),
        lambda: selfscope.sweep("open-phantom", about, "What is it?", options=options),
    ):
        with pytest.raises(BadInput, match=r"options|different") as caught:
            put()
        assert "\n" not in str(caught.value)


def test_an_empty_question_is_refused_wherever_it_is_put() -> None:
    for put in (
        lambda: selfscope.ask("phantom", " "),
        lambda: selfscope.read("open-phantom", " ", about="A ship."),
        lambda: selfscope.sweep("open-phantom", "A ship.", " "),
    ):
        with pytest.raises(BadInput, match="question"):
            put()
