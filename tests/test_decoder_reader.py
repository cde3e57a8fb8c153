"""The reader `decoder`: what was trained is read again from its folder, under every arm, and by no other subject."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from decoder_items import LAYER, QUESTION, WORDS, contexts, echo, share_right, world
from selfscope.api.cost_estimate import forecast
from selfscope.api.one_item import run_once
from selfscope.api.read_state import read
from selfscope.controls.arms import KINDS, Arms
from selfscope.controls.sweep import Sweep
from selfscope.errors import BadInput, BadModel, SelfscopeError, Unsupported
from selfscope.readers.decoder import Decoder
from selfscope.records import Option, Outcome, Question, Trial, Truth, content_hash, id_of, reader_part
from selfscope.records.contracts import CONTRACT, TENSORS
from selfscope.study.plan import StudyOptions, plan
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.subjects.sealed import Log, SealBroken, SealedSubject, SealRegistry
from selfscope.training.decoder_files import save_decoder
from selfscope.training.fit_decoder import fit_decoder
from selfscope.training.forms import TOKEN, Affine, Bias, Joint, LatentQA, Oracle, Ridge, Steering
from selfscope.training.schedule import Schedule
from selfscope.verdicts.arm_gaps import right
from tiny import build

AT = ((LAYER,),)
SMALL = LoraShape(4, 8.0)
QUICK = Schedule(epochs=5, groups=16, at_once=16, rate=2e-2, objective="soft_labels")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture(scope="module")
def tiny(place: Path) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(place), device="cpu")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def oracle(tiny: Local, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained oracle in its folder."""
    of, items = world(tiny, contexts(tiny, 128, seed=1), columns=(-1,))
    live, done = fit_decoder(tiny, Oracle(AT, lora=SMALL), of, items, QUICK)
    folder = tmp_path_factory.mktemp("oracle") / "kept"
    save_decoder(folder, live, {"steps": done.steps}, items)
    return str(folder)


def trials(subject: Local, n: int, seed: int = 5, split: str = "test") -> tuple[list[Trial], list[Truth]]:
    """The same planted directions as trials of a study."""
    sources, items = contexts(subject, n, seed=seed, split=split)
    out, truths = [], []
    for k, (source, item) in enumerate(zip(sources, items, strict=True)):
        options = tuple(Option(w, w) for w in WORDS)
        order = tuple(WORDS.index(w) for w in item.options)
        asked = Question("custom", options, {"ask": QUESTION}, order=order)
        name = f"{split}{k}"
        out.append(Trial(name, "planted", "s", f"{split}{k // 2}", "k", split, asked, source.prompt, "", f"o{name}",
                         base=name, evidence=replace(source, full=f"it is {item.value}")))  # fmt: skip
        mean = tuple(float(w == item.value) for w in WORDS)
        truths.append(Truth(name, mean, mean, mean, 0, "record", WORDS.index(item.value)))
    return out, truths


def share(reader: Decoder, subject: Local, asked: list[Trial], truths: list[Truth]) -> float:
    of = {t.trial: t for t in truths}
    found = reader.read(subject, asked)
    assert all(r.outcome == Outcome.ANSWERED for r in found)
    return float(np.mean([right(r, of[t.base or t.id]) for r, t in zip(found, asked, strict=True)]))


def test_it_reads_what_was_planted_and_no_arm_does(tiny: Local, oracle: str) -> None:
    asked, truths = trials(tiny, 48)
    told, _ = trials(tiny, 24, seed=6, split="train")
    reader = Decoder(oracle).fit(tiny, told, [])
    assert share(reader, tiny, asked, truths) > 0.9
    arms = {kind: [t for t in Arms().apply(asked, 0) if t.arm == kind] for kind in KINDS}
    for kind in ("none", "random", "mean", "text"):
        assert share(reader, tiny, arms[kind], truths) < 0.5, kind
    assert share(reader, tiny, arms["shuffled"], truths) < 0.5
    assert len(reader.read(tiny, arms["full"])) == len(asked)
    assert share(replace(reader, rival="neighbour"), tiny, asked, truths) > 0.9, "these states are easily told apart"
    assert share(replace(reader, rival="neighbour"), tiny, arms["random"], truths) < 0.5


def test_the_size_of_a_batch_changes_no_reading(tiny: Local, oracle: str) -> None:
    asked, _ = trials(tiny, 3)
    many = [*asked, *Arms().apply(asked, 0)]
    for rival in ("", "neighbour", "bias"):
        reader = Decoder(oracle, rival=rival)
        for trial, one in zip(many, reader.read(tiny, many), strict=True):
            (alone,) = reader.read(tiny, [trial])
            assert alone.outcome == one.outcome
            if one.distribution is not None:
                np.testing.assert_allclose(one.distribution, alone.distribution, atol=1e-4)


def test_states_are_captured_once_whatever_is_asked_of_them(
    tiny: Local, oracle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, _ = trials(tiny, 3)
    rows: list[int] = []
    capture = Local.capture
    monkeypatch.setattr(Local, "capture", lambda self, prompts, *a, **k: rows.append(len(prompts)) or
                        capture(self, prompts, *a, **k))  # fmt: skip
    Decoder(oracle).read(tiny, [*asked, *Arms().apply(asked, 0)])
    assert rows == [len(asked)]


def test_reading_is_what_training_saw(tiny: Local, tmp_path: Path) -> None:
    """Of every kind of form: from its folder it says what it said while it was live."""
    train, test = contexts(tiny, 24, seed=1), contexts(tiny, 12, seed=5, split="test")
    quick = replace(QUICK, epochs=1)
    for form in (
        Oracle(AT, lora=SMALL), LatentQA(AT, columns=(), lora=SMALL), Affine(AT), Steering(AT), Ridge(AT), Bias(AT),
        Oracle(((1, LAYER),), columns=(0, -1), lora=SMALL), Affine(AT, words=TOKEN.unlisted),
        Joint(((1, LAYER),), columns=(0, -1)),
    ):  # fmt: skip
        of, items = world(tiny, train, test, columns=form.columns, layers=form.layers)
        live, _ = fit_decoder(tiny, form, of, items, quick)
        folder = tmp_path / f"{form.kind}-{content_hash(form)}"
        save_decoder(folder, live, {})
        asked, truths = trials(tiny, 12)
        found = share(Decoder(str(folder)), tiny, asked, truths)
        tested = [i for i in items if i.split == "test"]
        if "train" not in form.trained:
            assert found == pytest.approx(share_right(live, tested), abs=0.09), form.kind


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_answers(tiny: Local, place: Path, oracle: str, tmp_path: Path) -> None:
    asked, _ = trials(tiny, 4)
    here = [r.distribution for r in Decoder(oracle).read(tiny, asked)]
    code = (
        "import sys, json, torch; torch.set_num_threads(1); sys.path[:0] = ['src', 'tests']\n"
        "from selfscope.subjects.local import load; from selfscope.readers.decoder import Decoder\n"
        "from test_decoder_reader import trials\n"
        f"s = load({str(place)!r}, device='cpu')\n"
        f"print(json.dumps([r.distribution for r in Decoder({oracle!r}).read(s, trials(s, 4)[0])]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    there = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_array_equal(np.array(here), np.array(there))


def test_it_reads_under_a_seal_and_shares_no_scores(tiny: Local, oracle: str, tmp_path: Path) -> None:
    asked, _ = trials(tiny, 6)
    registry, log = SealRegistry(), Log()
    hidden = registry.hide(asked)
    sealed = SealedSubject(tiny, "decoder", registry, log, rung="probe")
    open_, under = Decoder(oracle).read(tiny, asked), Decoder(oracle).read(sealed, hidden)
    for a, b in zip(open_, under, strict=True):
        np.testing.assert_allclose(a.distribution, b.distribution, atol=1e-5)
    assert {c.method for c in log.calls} == {"capture", "score"}
    with pytest.raises(SealBroken):
        sealed.with_adapter(oracle).score([hidden[0].prompt], [(" a", " b")])
    of, items = world(tiny, contexts(tiny, 16, seed=9))
    live, _ = fit_decoder(tiny, Oracle(AT, lora=SMALL), of, items, replace(QUICK, epochs=1))
    save_decoder(tmp_path / "other", live, {}, items)
    other = Decoder(str(tmp_path / "other")).read(sealed, hidden)
    assert any(not np.allclose(a.distribution, b.distribution, atol=1e-3) for a, b in zip(under, other, strict=True))


def test_a_layer_that_it_was_not_trained_on_is_unsupported(tiny: Local, oracle: str) -> None:
    asked, _ = trials(tiny, 2)
    cells = Sweep(layers=(1, LAYER), strengths=(1.0, 2.0)).apply(asked, 0)
    found = Decoder(oracle).read(tiny, cells)
    for cell, reading in zip(cells, found, strict=True):
        known = cell.coordinates["layer"] == LAYER
        assert reading.outcome == (Outcome.ANSWERED if known else Outcome.UNSUPPORTED)
    assert "layers 2 alone" in next(r for r in found if r.outcome == Outcome.UNSUPPORTED).extra["why"]
    assert Decoder(oracle, layer=1).read(tiny, asked)[0].outcome == Outcome.UNSUPPORTED
    with pytest.raises(ValueError, match="position 4 is not one"):
        Decoder(oracle, position=4).read(tiny, asked)


def test_what_does_not_belong_is_refused_in_a_line(tiny: Local, oracle: str, tmp_path: Path) -> None:
    asked, _ = trials(tiny, 1)
    other = load(str(echo(build("llama", tmp_path / "other", deep=True, roomy=True))), device="cpu")
    with pytest.raises(BadInput, match="was trained on"):
        Decoder(oracle).read(other, asked)
    with pytest.raises(BadInput, match="was trained on"):
        Decoder.planned(other, (), {"folder": oracle})
    with pytest.raises(BadInput, match="write decoder"):
        Decoder().read(tiny, asked)
    with pytest.raises(BadModel, match="holds no decoder"):
        Decoder(str(tmp_path)).read(tiny, asked)
    with pytest.raises(BadInput, match="another decoder by now"):
        Decoder(oracle, artifact="0123").read(tiny, asked)
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in (CONTRACT, TENSORS, "neighbours.json"):
        (broken / name).write_bytes((Path(oracle) / name).read_bytes())
    held = json.loads((broken / CONTRACT).read_text())
    held["contract"]["example"][3] += 1
    (broken / CONTRACT).write_text(json.dumps(held))
    with pytest.raises(BadInput, match="other tokens"):
        Decoder(str(broken)).read(tiny, asked)
    (broken / TENSORS).write_bytes(b"nothing")
    with pytest.raises(BadModel, match="cannot be read"):
        Decoder(str(broken)).read(tiny, asked)
    (broken / CONTRACT).write_text('{"schema": 7}')
    with pytest.raises(BadModel, match="schema 7"):
        Decoder(str(broken)).read(tiny, asked)
    with pytest.raises(SelfscopeError, match="no rival"):
        Decoder(oracle, rival="nobody")


def test_one_question_about_one_token(tiny: Local, oracle: str) -> None:
    opened = read(tiny, QUESTION, about="The river runs", options=WORDS, reader=f"decoder[folder={oracle}]")
    assert opened.layer == LAYER, "its own layer, where none was asked for"
    assert {r.arm for r in opened.reads} == {"the real vector", *Arms.conditions.values()}
    assert all(abs(sum(r.distribution or ()) - 1) < 1e-9 for r in opened.reads)
    free = read(tiny, QUESTION, about="The river runs", reader=f"decoder[folder={oracle}]")
    assert all(r.agreement is not None for r in free.reads)
    with pytest.raises(Unsupported, match="layers 2 alone"):
        read(tiny, QUESTION, about="The river runs", options=WORDS, layer=1, reader=f"decoder[folder={oracle}]")


def test_a_study_has_it_and_its_nearest_neighbour(tiny: Local, oracle: str) -> None:
    readers = Decoder.planned(tiny, (), {"folder": oracle})
    assert [r.rival for r in readers] == ["", "neighbour", "inversion"]
    assert len(readers[0].artifact) == 12
    assert readers[0].artifact in id_of(readers[0])  # in quotes where it begins with a digit
    assert [r.rival for r in Decoder.planned(tiny, (), {"folder": oracle, "rival": "bias"})] == ["bias"]


def test_a_study_reads_with_it(tiny: Local, oracle: str, tmp_path: Path) -> None:
    """Planned by name, sealed, with every arm, beside the probe; the rows say which decoder it was."""
    options = StudyOptions(
        phenomena=("hidden_context[test=2,train=2,dev=0,values=2,kinds=(topic)]",),
        readers=(f"decoder[folder={oracle}]",),
    )
    study = plan(replace(tiny, context=4096), options)
    (one,) = study.plans
    found = [r.id for r in one.readers if reader_part(r).rung == "probe"]
    kinds = [name.partition("[")[0] for name in found]
    assert kinds == ["decoder", "decoder", "decoder", "centred_lens", "ridge_probe"]
    assert "rival=neighbour" in found[1]
    contents = run_once(replace(study, plans=(replace(one, readers=tuple(
        r for r in one.readers if r.id in found[:2]), primary=""),)))  # fmt: skip
    arms = {contents.trials[row.trial].arm for row in contents.rows if row.reader == found[0]}
    assert arms >= {"real", "none", "random", "shuffled", "mean", "text", "full"}
    assert all(row.reading.outcome == Outcome.ANSWERED for row in contents.rows if row.reader == found[0])
    assert found[0].startswith("decoder[artifact=")


def test_what_it_takes_is_counted_beforehand(tiny: Local, oracle: str) -> None:
    options = StudyOptions(
        phenomena=("hidden_context[test=2,train=2,dev=0,values=2,kinds=(topic)]",),
        readers=(f"decoder[folder={oracle}]",),
    )
    estimate = forecast(plan(replace(tiny, context=4096), options))
    assert sum(cost.calls for name, cost in estimate.steps.items() if name.startswith("decoder[")) > 10
