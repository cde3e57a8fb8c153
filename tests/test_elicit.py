"""The ladder of elicitation: labels that are nested and shared, framings with examples, adapters as readers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knower import knower, make
from selfscope.api.elicit import ALL, Elicitation, elicit, labels_of
from selfscope.api.fit import Fitted, fit
from selfscope.errors import BadInput, BadModel, UnknownName, Unsupported
from selfscope.phenomena.token_probability import FIRST, OF_NEXT, TokenProbability
from selfscope.readers.ask import Ask
from selfscope.readers.few_shot import FewShot
from selfscope.readers.history_baseline import HistoryBaseline
from selfscope.readers.other_model import OtherModel
from selfscope.readers.taught import Taught
from selfscope.records import Trial, labelled
from selfscope.subjects.local import Local, load
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.written_files import put_on
from selfscope.training.bias_vector import BiasShape
from selfscope.training.states import StateLesson
from selfscope.training.truths import TruthLesson
from selfscope.wording import phrase
from selfscope.wording.phrases import FRAMINGS
from taught_runs import ABOUT, QUICK, adapters, model
from tiny import build


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return model(tmp_path_factory)


@pytest.fixture(scope="module")
def made(local: Local, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fitted]:
    return adapters(local, tmp_path_factory)


@pytest.fixture(scope="module")
def ladder(local: Local, made: dict[str, Fitted], tmp_path_factory: pytest.TempPathFactory) -> Elicitation:
    where = tmp_path_factory.mktemp("ladder") / "study"
    folders = [one.folder for one in made.values()]
    return elicit(local, where, ABOUT, taught=folders, rivals=rivals(local, made), counts=(0, 2))


def rivals(local: Local, made: dict[str, Fitted]) -> list[OtherModel]:
    """In the place of another model that was taught the same labels."""
    return [OtherModel(local, adapter=str(made["more"].folder))]


def train_of(subject: object, about: TokenProbability = ABOUT) -> list[Trial]:
    return [t for t in about.pose(subject, 0) if t.split == "train"]


def test_law_fewer_labels_are_among_more_and_quantities_take_turns(local: Local) -> None:
    trials = train_of(local)
    assert labelled(trials, 0) == trials
    before: set[str] = set()
    for count in range(1, len(trials) + 3):
        chosen = labelled(trials, count)
        ids = {t.id for t in chosen}
        assert len(ids) == min(count, len(trials))
        assert before <= ids
        assert [t for t in trials if t.id in ids] == chosen, "in the order in which they stand"
        assert ids == {t.id for t in labelled(trials[::-1], count)}
        before = ids
    kinds = {t.question.quantity for t in trials}
    assert {t.question.quantity for t in labelled(trials, len(kinds))} == kinds
    assert labelled(trials, 9) != trials[:9], "no place in the list decides"


def test_law_the_linear_rival_has_the_labels_of_the_lesson(local: Local) -> None:
    trials = train_of(local)
    truths = ABOUT.truth(trials, ABOUT.observe(local, trials))
    known = {t.id: truth for t, truth in zip(trials, truths, strict=True)}
    told: list[list[str]] = []

    def behaves(some: list[Trial]) -> list:
        told.append([t.id for t in some])
        return [known[t.id] for t in some]

    examples = TruthLesson(labels=7, wordings=2).examples(local, trials, behaves, 0)
    rival = HistoryBaseline(labels=7)
    mine = {t.id for t in labelled(trials, 7)}
    assert (set(told[0]), len(examples)) == (mine, 14)
    blind = [t for t in truths if t.trial in mine]
    test = [t for t in ABOUT.pose(local, 0) if t.split == "test"]
    few, same = (rival.fit(local, trials, truths), HistoryBaseline().fit(local, labelled(trials, 7), blind))
    assert [r.distribution for r in few.read(local, test)] == [r.distribution for r in same.read(local, test)]
    with pytest.raises(BadInput, match="labels"):
        HistoryBaseline(labels=-1)
    with pytest.raises(BadInput, match="labels"):
        TruthLesson(labels=-1)


def test_further_questions_change_none_of_the_first(local: Local) -> None:
    first, more = (TokenProbability(test=3, train=5, dev=0, each=each).pose(local, 0) for each in (FIRST, 9))
    asked = {}
    for trials, name in ((first, "first"), (more, "more")):
        for t in trials:
            words = tuple(sorted(o.text for o in t.question.options)) if t.question.quantity == "likelier" else ()
            key = (t.question.quantity, t.question.arguments.get("word"), words)
            asked.setdefault((name, t.split, t.cluster), []).append(key)
    for (name, split, cluster), keys in asked.items():
        assert len(keys) == len(set(keys)), "no question twice"
        if name == "more":
            assert set(asked["first", split, cluster]) <= set(keys)
    assert len(more) > 1.7 * len(first)
    assert {t.cluster for t in more if t.split == "test"} == {t.cluster for t in first if t.split == "test"}
    with pytest.raises(BadInput, match="from 1"):
        TokenProbability(each=0)


def test_properties_of_the_next_word_are_summed_over_its_tokens(local: Local) -> None:
    """Exact, by hand: the share of the whole vocabulary that begins so; the words' own truths stay as they are."""
    about = TokenProbability(test=5, train=5, dev=0, properties=OF_NEXT)
    posed, plain = about.pose(local, 0), replace(about, properties=()).pose(local, 0)
    truths = {t.id: truth for t, truth in zip(posed, about.truth(posed, about.observe(local, posed)), strict=True)}
    of_words = {t.id: truth for t, truth in zip(plain, about.truth(plain, about.observe(local, plain)), strict=True)}
    assert of_words.keys() <= truths.keys()
    for name, truth in of_words.items():
        assert truths[name].mean == pytest.approx(truth.mean, abs=1e-5)
    asked = [t for t in posed if t.question.quantity == "first_char"]
    assert len(asked) == 10
    for trial in asked[:3]:
        (after,) = local.next_token([trial.prompt], ids=range(local.engine.vocabulary), top=1)
        early = ["a" <= text.strip()[:1].lower() <= "f" for text in after.tokens[:-1]]
        share = np.exp(np.array(after.logprobs[:-1]))[early].sum()
        assert truths[trial.id].mean[0] == pytest.approx(share, abs=1e-4)
    with pytest.raises(UnknownName, match="first_char"):
        TokenProbability(properties=("word_count",))


def test_a_framing_stands_before_the_question_and_not_before_its_examples() -> None:
    trials, truths = make(20, "train")
    test, more = make(4, "test")
    subject = knower(trials + test, truths + more)
    for framing, words in FRAMINGS.items():
        reader = FewShot(3, framing=framing).fit(subject, trials + test, truths + more)
        subject.calls.clear()
        reader.read(subject, test)
        for prompt in subject.calls[0]:
            *before, asked = (m.content for m in prompt.messages)
            assert asked.startswith(words)
            assert not words or not any(words in one for one in before)
        assert {s.trial.split for s in reader.shots} == {"train"}, "nothing of the test split is shown"
        assert not {s.trial.cluster for s in reader.shots} & {t.cluster for t in test}
    assert FewShot(3).id == "few_shot[k=3]", "old names stay"
    with pytest.raises(UnknownName, match="framing"):
        FewShot(framing="kind")


def test_what_was_taught_is_read_as_the_model_with_the_adapter_is(local: Local, made: dict[str, Fitted]) -> None:
    test = [t for t in ABOUT.pose(local, 0) if t.split == "test"]
    place = str(made["more"].folder)
    reader = Taught(place)
    own = [r.distribution for r in reader.read(local, test)]
    assert own == [r.distribution for r in Ask().read(local.with_adapter(place), test)]
    assert own != [r.distribution for r in Ask().read(local, test)]
    (planned,) = Taught.planned(local, ["choice_lp"], {"folder": place})
    assert made["more"].sidecar.identity.startswith(planned.artifact)
    assert planned.artifact
    with pytest.raises(BadInput, match="by now"):
        Taught(place, "0000").read(local, test)
    with pytest.raises(Unsupported, match="weights"):
        reader.read(Phantom(), test)
    with pytest.raises(BadInput, match="folder"):
        Taught().read(local, test)
    with pytest.raises(BadModel, match="no adapter"):
        Taught(str(made["more"].folder.parent)).read(local, test)


def test_a_trained_vector_is_a_rung_too(local: Local, made: dict[str, Fitted], tmp_path: Path) -> None:
    """How much was willingness: it is put on as an adapter is, and has the labels of its lesson."""
    about = {"phenomenon": ABOUT, "schedule": QUICK, "carry": "always"}
    vector = fit(local, tmp_path / "vector", TruthLesson(labels=6), shape=BiasShape(1), **about)
    found = elicit(local, tmp_path / "study", ABOUT, taught=[vector.folder, made["few"].folder], counts=(0,))
    rungs = {rung.name: rung for rung in found.rungs[ALL] if rung.kind == "taught"}
    assert set(rungs) == {"vector (written)", "few (switched)"}
    assert len({rung.labels for rung in rungs.values()}) == 1
    test = [t for t in ABOUT.pose(local, 0) if t.split == "test"]
    own = [r.distribution for r in Taught(str(vector.folder)).read(local, test)]
    assert own == [r.distribution for r in Ask().read(put_on(local, vector.folder), test)]
    assert own != [r.distribution for r in Ask().read(local, test)]


def test_another_model_that_was_taught_is_asked_as_it_was_taught(local: Local, made: dict[str, Fitted]) -> None:
    """It stands on the rung of history, in the second person; what hides the state hides it from it too."""
    rival = OtherModel(local, adapter=str(made["more"].folder))
    assert (rival.rung, OtherModel(local).rung) == ("history", "input")
    trials, truths = make(4, "test")
    seen = [r.distribution for r in rival.fit(local, trials, truths).read(Phantom(), trials)]
    assert seen == [r.distribution for r in Taught(str(made["more"].folder)).read(local, trials)]
    assert "you" in phrase(trials[0], "choice_lp").prompt.messages[-1].content
    with pytest.raises(BadInput, match="not both"):
        OtherModel(local, k=2, adapter="x")


def test_every_rung_stands_on_the_same_items_beside_its_rivals(
    ladder: Elicitation, made: dict[str, Fitted], local: Local
) -> None:
    rungs = {rung.name: rung for rung in ladder.rungs[ALL]}
    assert {r.kind for r in rungs.values()} == {"asked", "taught", "twin", "rival"}
    assert [rungs[f"{k} (switched)"].labels for k in ("few", "more", "twin")] == [6, 12, 12]
    assert [r.kind for r in ladder.rungs[ALL]] == sorted(
        (r.kind for r in ladder.rungs[ALL]), key=("asked", "taught", "twin", "rival").index
    )
    assert {"plain", "plain, 2 shown", "introspective", "accurate, 2 shown"} <= set(rungs)
    assert len({r.way.items for r in rungs.values()}) == 1
    taught = rungs["more (switched)"]
    linear = next(r for r in rungs.values() if "12 labels" in r.name)
    assert taught.same == taught.way.ahead[linear.way.reader]
    assert taught.way.skill.value - linear.way.skill.value == pytest.approx(taught.same.value, abs=1e-9)
    assert rungs["base rate"].way.skill.value == 0
    assert set(ladder.rungs) == {ALL, "next_word", "likelier", "entropy_bin"}
    assert "likelier" in str(ladder.of("likelier"))
    with pytest.raises(UnknownName, match="likelier"):
        ladder.of("likelihood")
    other = next(r for r in rungs.values() if r.name.endswith(", taught"))
    assert (other.kind, other.labels, other.way.rung) == ("rival", 12, "history")
    again = elicit(
        local, ladder.folder, ABOUT, taught=[m.folder for m in made.values()], rivals=rivals(local, made),
        counts=(0, 2), resume=True,
    )  # fmt: skip
    assert str(again) == str(ladder)


def test_nothing_that_was_taught_is_asked(local: Local, made: dict[str, Fitted], tmp_path: Path) -> None:
    """Another size of the test split makes train items of test items: such an adapter is refused."""
    with pytest.raises(BadInput, match=r"was taught \d+ of the 9 things"):
        elicit(local, tmp_path / "x", replace(ABOUT, test=9), taught=[made["few"].folder], counts=(0,))
    assert not (tmp_path / "x").exists()


def test_a_twin_is_taught_anothers_deeds(local: Local, tmp_path: Path) -> None:
    other = load(str(build("gpt2", tmp_path / "gpt2", deep=True, roomy=True)))
    seen: list[str] = []

    class Watched(TokenProbability):
        def observe(self, subject, trials):  # type: ignore[no-untyped-def]
            seen.append(subject.identity)
            return super().observe(subject, trials)

    about = Watched(test=5, train=4, dev=0)
    done = fit(local, tmp_path / "twin", TruthLesson(labels=4), phenomenon=about, schedule=QUICK, labels_of=other)
    assert seen == [other.identity]
    assert done.sidecar.base == local.identity
    assert other.identity[:6] in done.sidecar.made["labels_of"]
    assert labels_of(done.sidecar) == 4
    assert "of " + done.sidecar.made["labels_of"] in str(done)
    with pytest.raises(BadInput, match="own states"):
        fit(local, tmp_path / "x", StateLesson(objects=4), labels_of=other)


@pytest.mark.parametrize("access", [0.0, 0.8])
def test_the_slope_beside_the_rivals_is_what_was_dialled(access: float, tmp_path: Path) -> None:
    about = TokenProbability(test=60, train=60, dev=0)
    found = elicit(Phantom(access=access, habit=0.0), tmp_path / "l", about, counts=(0,))
    plain = found.rungs[ALL][0].way
    assert plain.beside is not None
    assert plain.beside.low - 0.05 < access < plain.beside.high + 0.05
    assert (plain.beside.low > 0) == (access > 0)
