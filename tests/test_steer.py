"""`steer`, end to end on a tiny model: a folder that loads like every other, its arms, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfscope.api.artifacts import artifacts, check, export
from selfscope.api.steer import Steered, opened_decoder, steer, usual_schedule
from selfscope.cli.main import main
from selfscope.errors import BadInput, BadModel, StoreError, UnknownName
from selfscope.records import Injection, Prompt, Vector
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.subjects.written_files import save_written
from selfscope.training.bank import contexts, questions
from selfscope.training.control_vectors import load_control_vector
from selfscope.training.decoder_files import save_decoder
from selfscope.training.examples import Example
from selfscope.training.features import features, readable
from selfscope.training.fit_decoder import Course, fit_decoder
from selfscope.training.forms import Oracle
from selfscope.training.items import bank_items
from selfscope.training.loop import train
from selfscope.training.moved import HeldOut, as_long, random_writes
from selfscope.training.schedule import Schedule
from selfscope.training.wishes import MovePlan, Wish, sources_of, told_replies, wish_items
from tiny import build

SMALL = MovePlan(reads=8, guard=4, held=4, draws=1)
BRIEF = Schedule(epochs=1, groups=4, at_once=4, rate=5e-2, objective="vocabulary")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Local:
    return load(str(folder))


@pytest.fixture(scope="module")
def decoders(tiny: Local, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A decoder of the bank that learnt next to nothing, and its twin."""
    own = contexts(0, {"train": 8}, ["topic"])
    items = bank_items(own, questions(own, 0))
    of = features(tiny, [readable(tiny, c) for c in own], [2], train=range(8))
    places = []
    for shuffled in (False, True):
        form = Oracle(((2,),), lora=LoraShape(2, 4.0))
        live, _ = fit_decoder(tiny, form, of, items, replace(BRIEF, groups=8), course=Course(shuffled=shuffled))
        places.append(tmp_path_factory.mktemp("decoders") / f"shuffled-{shuffled}")
        save_decoder(places[-1], live, {}, items)
    return places


@pytest.fixture(scope="module")
def made(tiny: Local, decoders: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Steered:
    target = tmp_path_factory.mktemp("out") / "chess"
    return steer(tiny, decoders[0], "topic=chess", target, plan=SMALL, schedule=BRIEF, twin=decoders[1])


def test_what_it_leaves_is_a_vector_that_is_put_on(made: Steered, tiny: Local, folder: Path) -> None:
    """In this process, in a fresh one, and from the list of what was trained here."""
    assert not Path(f"{made.folder}.run").exists()
    worn = load(str(folder), adapter=str(made.folder))
    (write,) = worn.standing
    assert write.layer == 1
    assert 0 < np.linalg.norm(write.vector.array) <= tiny.median_norm(1) * (1 + 1e-4)
    assert worn.identity != tiny.identity
    asked = [Prompt(text="The river")]
    here = [float(t) for c in worn.score(asked, [[" runs"]])[0] for t in c]
    code = (
        "from selfscope.subjects.local import load; from selfscope.records import Prompt; import sys\n"
        "s = load(sys.argv[1], adapter=sys.argv[2])\n"
        "print(s.identity, [float(t) for c in s.score([Prompt(text='The river')], [[' runs']])[0] for t in c])"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(made.folder)], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert fresh == f"{worn.identity} {here}"
    assert "towards topic=chess" in artifacts(made.folder.parent).items[0].cells()
    assert f"{tiny.width} numbers" in check(made.folder)


def test_others_can_take_the_vector(made: Steered, tiny: Local, tmp_path: Path) -> None:
    """As a control vector of repeng and llama.cpp; what would act in another way there is not given away."""
    place = export(made.folder, tmp_path / "plain")
    vectors, _ = load_control_vector(place / "control_vector.gguf")
    worn = load(made.sidecar.base_name, adapter=str(made.folder))
    (write,) = worn.standing
    assert list(vectors) == [write.layer]
    assert np.array_equal(vectors[write.layer], write.vector.array)
    twice = [replace(write, strength=2.0), write]
    save_written(tmp_path / "twice", tiny, twice, "steered", {})
    vectors, _ = load_control_vector(export(tmp_path / "twice", tmp_path / "summed") / "control_vector.gguf")
    assert np.allclose(vectors[write.layer], 3 * write.vector.array)
    save_written(tmp_path / "last", tiny, [replace(write, schedule="last")], "steered", {})
    with pytest.raises(BadInput, match="every token"):
        export(tmp_path / "last", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_its_arms_stand_beside_it(made: Steered) -> None:
    arms = [a["arm"] for a in made.arms]
    assert arms == ["the decoder", "random vectors", "mean difference", "the twin", "nothing", "words that tell it"]
    own, nothing = made.arms[0], made.arms[4]
    assert own["less"] is None
    assert own["damage"] is not None
    assert nothing["leaning"]["value"] == 0
    assert nothing["less"]["value"] == pytest.approx(own["leaning"]["value"])
    for name in ("the decoder", "95 % intervals", "topic=chess", "medians at layer 1"):
        assert name in " ".join(str(made).split())


@pytest.mark.slow
def test_what_says_the_wish_leans_to_it_and_what_says_others_does_not(tiny: Local, decoders: list[Path]) -> None:
    """The measure of behaviour: taught what the model says when it is told the wish, it leans to it; taught what it
    says when it is told other values, away from it; not moved, not at all."""
    wish, decoder = Wish("topic", "chess"), opened_decoder(tiny, decoders[0])
    own, items = wish_items(wish, "t1", 2, 0)
    told = told_replies(tiny, wish, 6, 0)
    held = HeldOut(wish, decoder, sources_of(tiny, own), items, told, 1, 0)
    arms = []
    for name in ("wanted", "other"):
        adapter = tiny.new_adapter(LoraShape(2))
        examples = [Example(t.bare, (getattr(t, name),), (0,), (1.0,)) for t in told]
        train(tiny, adapter, examples, Schedule(epochs=25, groups=6, rate=2e-2, objective="vocabulary"))
        arms.append((name, [tiny.adapted(adapter)]))
    found = {one.arm: one for one in held.moved(tiny, arms)}
    assert found["wanted"].leaning.low > 0.1
    assert found["other"].leaning.high < -0.1
    assert found["nothing"].leaning.value == 0
    less = found["other"].less
    assert less is not None
    assert less.value == pytest.approx(found["wanted"].leaning.value - found["other"].leaning.value)


def test_a_share_stays_one_on_two_messages(
    tiny: Local, decoders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = Wish("topic", "chess")
    own, items = wish_items(wish, "t1", 2, 0)
    told = told_replies(tiny, wish, 6, 0)
    held = HeldOut(wish, opened_decoder(tiny, decoders[0]), sources_of(tiny, own), items, told, 1, 0)
    for values in ([0.95, 0.15], [1.0, 1.0]):
        monkeypatch.setattr(HeldOut, "_read", lambda self, subject, sources, v=values: np.array(v))
        for arm in held.moved(tiny, [("the decoder", [tiny])]):
            assert arm.reading.value == pytest.approx(np.mean(values))
            assert 0 <= arm.reading.low < arm.reading.high <= 1


def test_arms_are_as_long_as_what_was_found() -> None:
    own = Injection(1, Vector.of(np.arange(8.0)), operator="add", schedule="every")
    long = float(np.linalg.norm(own.vector.array))
    some = random_writes(own, 3, 0)
    assert len({w.vector.data for w in (*some, *random_writes(own, 3, 1))}) == 6
    assert [w.vector for w in some] == [w.vector for w in random_writes(own, 3, 0)]
    other = as_long(own, replace(own, vector=Vector.of(np.ones(8))))
    for write in (*some, other):
        assert float(np.linalg.norm(write.vector.array)) == pytest.approx(long, rel=1e-5)
        assert (write.layer, write.operator, write.schedule) == (1, "add", "every")
    assert np.allclose(other.vector.array, long / np.sqrt(8))


def test_an_adapter_moves_it_too(tiny: Local, decoders: list[Path], folder: Path, tmp_path: Path) -> None:
    plan = replace(SMALL, by="adapter", guard=0)
    done = steer(tiny, decoders[0], "topic=chess", tmp_path / "a", plan=plan, schedule=replace(BRIEF, rate=1e-2))
    assert [a["arm"] for a in done.arms] == ["the decoder", "nothing", "words that tell it"]
    assert "blocks 0 to 2" in " ".join(str(done).split())
    worn = load(str(folder), adapter=str(done.folder))
    assert worn.score([Prompt(text="The river")], [[" runs"]]) != tiny.score([Prompt(text="The river")], [[" runs"]])


def test_a_stopped_run_is_gone_on_with(
    made: Steered, tiny: Local, decoders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ends with the same vector, bit for bit."""

    class Stopped(Exception):
        pass

    class Stops:
        def plan(self, total: float) -> None: ...

        def step(self, what: str, work: float) -> None:
            if "step 2" in what:
                raise Stopped

    target, how = tmp_path / "chess", {"plan": SMALL, "schedule": replace(BRIEF, save_every=1e-9)}
    with pytest.raises(Stopped):
        steer(tiny, decoders[0], "topic=chess", target, progress=Stops(), **how)  # type: ignore[arg-type]
    assert not target.exists()
    with pytest.raises(StoreError, match="--resume"):
        steer(tiny, decoders[0], "topic=chess", target, **how)  # type: ignore[arg-type]
    done = steer(tiny, decoders[0], "topic=chess", target, resume=True, **how)  # type: ignore[arg-type]
    assert done.sidecar.identity == made.sidecar.identity
    with pytest.raises(StoreError, match="is there already"):
        steer(tiny, decoders[0], "topic=chess", target)


def test_the_command(
    decoders: list[Path], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["steer", "topic=chess", str(folder), "--decoder", str(decoders[0]), "-o", str(tmp_path / "s")]
    main([*words, "--reads", "4", "--guard", "0", "--held", "4", "--epochs", "1", "--layer", "2", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "steered"
    assert told["made"]["plan"]["layer"] == 2
    assert told["made"]["schedule"]["rate"] == usual_schedule(SMALL).rate


def test_what_is_wanted_is_in_the_bank() -> None:
    assert str(Wish.of(" topic = chess ")) == "topic=chess"
    with pytest.raises(BadInput, match="FAMILY=ANSWER"):
        Wish.of("chess")
    with pytest.raises(BadInput, match="no trained value"):
        Wish.of("topic=nonsense")
    with pytest.raises(BadInput, match="never trained"):
        Wish.of("pet=cat")
    with pytest.raises(UnknownName):
        Wish.of("moods=glad")
    for wrong in ({"reads": 0}, {"held": 1}, {"limit": 0.0}, {"weight": float("nan")}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            MovePlan(**wrong)  # type: ignore[arg-type]


def test_what_is_trained_with_is_not_what_it_is_measured_on() -> None:
    wish = Wish("topic", "chess")
    train, held = (wish_items(wish, split, 32, 0) for split in ("train", "t1"))
    for k, of in ((0, lambda c: c.message), (1, lambda i: i.question)):
        assert not {of(x) for x in train[k]} & {of(x) for x in held[k]}
    assert all(item.options[item.answer] == "chess" for item in (*train[1], *held[1]))
    assert len({item.answer for item in train[1]}) == 4


def test_a_decoder_of_another_model_is_refused(decoders: list[Path], tmp_path: Path) -> None:
    other = load(str(build("gpt2", tmp_path / "gpt2", deep=True, roomy=True)))
    with pytest.raises(BadInput, match="trained on"):
        opened_decoder(other, decoders[0])
    with pytest.raises(BadModel, match="holds no decoder"):
        opened_decoder(other, tmp_path)
