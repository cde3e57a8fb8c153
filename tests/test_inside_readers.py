"""Readers of activations: each reads something where something is (planted or known), and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from selfscope.api.read_state import read
from selfscope.controls.arms import CONDITIONS, KINDS, Arms
from selfscope.controls.sweep import Sweep
from selfscope.directions import affine, discriminant, logistic, mean_difference, project_out, shrinkage
from selfscope.errors import BadInput, UnknownName, Unsupported
from selfscope.readers.logit_lens import LogitLens
from selfscope.readers.patchscope import Patchscope, SelfIE, positions_of
from selfscope.readers.probe import Probe
from selfscope.records import Evidence, Injection, Option, Prompt, Question, Trial, Truth, Vector
from selfscope.subjects.local import Local, load
from selfscope.subjects.sealed import Log, SealBroken, SealedSubject, SealRegistry
from selfscope.verdicts.arm_gaps import right
from selfscope.wording.target_prompts import target_prompt
from tiny import build

TOPICS = ("river", "winter", "number", "colour")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True)), device="cpu")
    torch.set_num_threads(threads)


def planted(subject: Local, n: int, *, planted_in: bool = True, seed: int = 0) -> tuple[list[Trial], list[Truth]]:
    """Trials whose prompts carry one of four directions at layer 1; none of their tokens tells which."""
    noise = np.random.default_rng(seed)
    ways = np.random.default_rng(99).normal(size=(4, subject.width))
    trials, truths = [], []
    for i in range(n):
        answer = int(noise.integers(4))
        ids = tuple(noise.integers(6, 300, 7).tolist())
        way = ways[answer] if planted_in else noise.normal(size=subject.width)
        act = Injection(1, Vector.of(3 * way), (5,), "add")
        prompt = Prompt(ids=ids, interventions=(act,))
        evidence = Evidence(prompt, (5,), subject.token_texts(prompt)[5], f"the word is {TOPICS[answer]}")
        options = tuple(Option(t, t) for t in TOPICS)
        split = "train" if i % 2 else "test"
        trials.append(
            Trial(f"t{i}", "planted", "s", f"c{i // 2}{split}", "k", split, Question("hidden_topic", options), prompt,
                  "", f"o{i}", base=f"t{i}", evidence=evidence)
        )  # fmt: skip
        mean = tuple(float(k == answer) for k in range(4))
        truths.append(Truth(f"t{i}", mean, mean, mean, 0, "record", answer))
    return trials, truths


def accuracy(reader: Probe, subject: Local, trials: list[Trial], truths: list[Truth]) -> float:
    of = {t.trial: t for t in truths}
    got = reader.read(subject, trials)
    return float(np.mean([right(r, of[t.base or t.id]) for r, t in zip(got, trials, strict=True)]))


@pytest.mark.parametrize("method", ["logistic", "means"])
def test_a_probe_reads_what_was_planted_and_nothing_where_nothing_was(tiny: Local, method: str) -> None:
    trials, truths = planted(tiny, 160)
    test = [t for t in trials if t.split == "test"]
    probe = Probe(method).fit(tiny, trials, truths)
    assert accuracy(probe, tiny, test, truths) > 0.9
    arms = {kind: [t for t in Arms().apply(test, 0) if t.arm == kind] for kind in KINDS}
    for arm in ("none", "random", "shuffled", "mean", "text"):
        assert accuracy(probe, tiny, arms[arm], truths) < 0.5, arm
    assert accuracy(probe, tiny, arms["full"], truths) > 0.9, "the ceiling is told the answer"
    null, told = planted(tiny, 160, planted_in=False)
    blank = Probe(method).fit(tiny, null, told)
    assert accuracy(blank, tiny, [t for t in null if t.split == "test"], told) < 0.5
    permuted = Probe(method, labels="permuted").fit(tiny, trials, truths)
    assert accuracy(permuted, tiny, test, truths) < 0.5


def test_arms_are_paired_and_differ_in_one_part(tiny: Local) -> None:
    trials, _ = planted(tiny, 12)
    arms = Arms().apply(trials, 0)
    of = {t.id: t for t in trials if t.split == "test"}
    assert len(arms) == len(KINDS) * len(of), "those of train get none"
    for arm in arms:
        plain = of[arm.base]
        assert (arm.control, arm.arm in KINDS) == ("arms", True)
        assert (arm.question, arm.prompt, arm.split, arm.cluster) == (
            plain.question, plain.prompt, plain.split, plain.cluster,
        )  # fmt: skip
        if arm.arm == "shuffled":
            assert arm.evidence != plain.evidence
            other = next(t for t in trials if t.evidence == arm.evidence)
            assert other.cluster != plain.cluster
            assert other.split == plain.split
        else:
            assert arm.evidence == plain.evidence


def test_a_sweep_has_every_cell_and_coordinates_win(tiny: Local) -> None:
    trials, truths = planted(tiny, 80)
    probe = Probe("means", layer=1).fit(tiny, trials, truths)
    few = [t for t in trials if t.split == "test"][:6]
    cells = Sweep(layers=(0, 1, 3), positions=(-1, 0)).apply(few, 0)
    assert len(cells) == 6 * len(few)
    got = probe.read(tiny, cells)
    assert [r.extra["layer"] for r in got] == [c.coordinates["layer"] for c in cells]
    with pytest.raises(ValueError, match="position 4 is not one"):
        probe.read(tiny, Sweep(positions=(4,)).apply(few, 0))


def test_a_probe_that_is_swept_reads_each_place_with_a_probe_of_its_own(tiny: Local) -> None:
    """Directions of one layer mean nothing in another: what is planted at layer 1 is not there at layer 0."""
    trials, truths = planted(tiny, 160)
    test = [t for t in trials if t.split == "test"]
    probe = Probe("means", layer=0).fit(tiny, trials, truths)
    assert accuracy(probe, tiny, test, truths) < 0.5
    cells = Sweep(layers=(0, 1, 2)).apply(test, 0)
    at = {k: [c for c in cells if c.coordinates["layer"] == k] for k in (0, 1, 2)}
    assert accuracy(probe, tiny, at[1], truths) > 0.9
    assert accuracy(probe, tiny, at[2], truths) > 0.9
    for sweeps, alone in zip(probe.read(tiny, at[0]), probe.read(tiny, test), strict=True):
        np.testing.assert_allclose(sweeps.distribution, alone.distribution, atol=1e-9)


def test_probes_that_differ_in_their_labels_share_one_capture(tiny: Local) -> None:
    trials, truths = planted(tiny, 40)
    registry, log = SealRegistry(), Log()
    hidden = registry.hide(trials)
    for labels in ("true", "permuted"):
        Probe("means", labels=labels).fit(SealedSubject(tiny, labels, registry, log), hidden, truths)
    assert [(c.caller, c.method) for c in log.calls] == [("true", "capture")]
    Probe("means", layer=2).fit(SealedSubject(tiny, "other", registry, log), hidden, truths)
    assert len(log.calls) == 2, "another layer is another capture"


def test_the_lens_at_the_last_layer_is_the_models_own_distribution(tiny: Local) -> None:
    trials, _ = planted(tiny, 6)
    options = tuple(Option(str(k), str(k)) for k in (20, 40, 60, 80))
    asked = [replace(t, question=Question("next_token", options, shared=False)) for t in trials]
    ends = [replace(t, evidence=Evidence(t.prompt, (6,), "x")) for t in asked]
    got = LogitLens(layer=3).read(tiny, ends)
    wanted = tiny.next_token([t.prompt for t in ends], ids=[20, 40, 60, 80])
    for reading, own in zip(got, wanted, strict=True):
        weights = np.exp(np.array(own.logprobs) - max(own.logprobs))
        np.testing.assert_allclose(reading.distribution, weights / weights.sum(), atol=1e-4)


@pytest.mark.parametrize("reader", [Patchscope(layer=1), Patchscope("identity", layer=2), SelfIE(layer=1)])
def test_the_size_of_a_batch_changes_no_reading(tiny: Local, reader: Patchscope) -> None:
    trials, _ = planted(tiny, 8)
    asked = [*trials[:4], *Arms(("none", "random", "shuffled", "text", "full")).apply(trials[:4], 0)]
    together = reader.read(tiny, asked)
    for trial, one in zip(asked, together, strict=True):
        alone = reader.read(tiny, [trial])[0]
        np.testing.assert_allclose(one.distribution, alone.distribution, atol=1e-4)
        if trial.arm == "real":
            assert one.extra["layer"] == reader.layer


def test_a_next_token_is_read_alike_whatever_else_is_in_the_batch_and_never_at_the_last_layer(tiny: Local) -> None:
    trials, truths = planted(tiny, 8)
    ids = tuple(Option(str(k), tiny.tokenizer.decode([k])) for k in range(20, 24))
    tokens = [replace(t, id=f"n{t.id}", question=Question("next_token", ids)) for t in trials]
    reader = Patchscope("identity", layer=1)
    alone, mixed = reader.read(tiny, tokens), reader.read(tiny, [*trials, *tokens])[len(trials) :]
    for a, b in zip(alone, mixed, strict=True):
        assert a.distribution == pytest.approx(b.distribution, abs=1e-5)
        assert a.extra["likeliest"]["id"] == b.extra["likeliest"]["id"]
    last = list(tiny.layers)[-1]
    own = tiny.next_token([t.prompt for t in tokens], ids=[20, 21, 22, 23], top=1)
    read = Patchscope("identity", layer=last, position=-1).read(tiny, _at_the_end(tokens))
    for t, told in zip(read, own, strict=True):
        assert t.extra["likeliest"]["id"] == told.ids[-1], "the last layer's state is the answer, wherever it stands"
    fitted = Patchscope("identity").fit(tiny, tokens, [replace(t, trial=f"n{t.trial}") for t in truths])
    assert fitted.layer is not None
    assert fitted.layer < last


def _at_the_end(trials: list[Trial]) -> list[Trial]:
    """Read at the last token of the prompt."""
    read = [t.evidence for t in trials]
    return [replace(t, evidence=replace(e, positions=(6,))) for t, e in zip(trials, read, strict=True) if e is not None]


def test_a_reading_through_a_vector_follows_the_vector_alone(tiny: Local) -> None:
    """Two trials with equal questions and other vectors differ; with no vector written they are the same."""
    trials = [t for t in planted(tiny, 4)[0] if t.split == "test"]
    reader = Patchscope(layer=1)
    one, other = reader.read(tiny, trials)
    assert one.distribution != other.distribution
    blank = reader.read(tiny, Arms(("none",)).apply(trials, 0))
    assert blank[0].distribution == blank[1].distribution


def test_a_reader_reads_only_its_evidence(tiny: Local) -> None:
    trials, truths = planted(tiny, 40)
    registry = SealRegistry()
    hidden = registry.hide(trials)
    sealed = SealedSubject(tiny, "probe", registry, Log())
    probe = Probe("means").fit(sealed, hidden, truths)
    assert accuracy(probe, tiny, [t for t in trials if t.split == "test"], truths) > 0.4
    with pytest.raises(SealBroken, match="beyond its evidence"):
        sealed.capture([hidden[0].evidence.prompt], [0], [[4]])  # type: ignore[union-attr]
    with pytest.raises(SealBroken, match="beyond its evidence"):
        sealed.capture([hidden[0].evidence.prompt], [0], "every")  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [1, 2, 17])
def test_placeholders_are_found_where_they_stand(tiny: Local, count: int) -> None:
    """Also where the letter occurs inside of the question's words."""
    question = Question("custom", (Option("a", "a"), Option("b", "b")), {"ask": "x axis or next xylophone?"})
    trial = Trial("t", "custom", "s", "c", "k", "test", question, Prompt(text="p"), "", "o")
    slot = target_prompt(trial, "question", chat=True, placeholder=" x", count=count)
    positions = positions_of(tiny, slot)
    assert positions is not None
    assert len(positions) == count
    assert [tiny.token_texts(slot.prompt)[c].strip() for c in positions] == ["x"] * count
    between = [c for c in range(positions[0], positions[-1]) if c not in positions]
    assert not any(tiny.token_texts(slot.prompt)[c].strip() for c in between)


def test_directions_against_simulation() -> None:
    noise = np.random.default_rng(0)
    centres = 1.2 * noise.normal(size=(3, 40))
    labels = noise.integers(3, size=400)
    spread = noise.normal(size=(40, 40)) / 6 + np.eye(40)
    states = centres[labels] + noise.normal(size=(400, 40)) @ spread
    fresh_labels = noise.integers(3, size=300)
    fresh = centres[fresh_labels] + noise.normal(size=(300, 40)) @ spread
    for made in (discriminant(states, labels, 3), logistic(states, labels, 3)):
        assert (made.scores(fresh).argmax(1) == fresh_labels).mean() > 0.95
        np.testing.assert_allclose(made.probabilities(fresh).sum(1), 1)
    # More channels than rows: the solution in the space of rows is that in the space of channels.
    few, answers = states[:20], labels[:20]
    made = discriminant(few, answers, 3)
    z = (few - made.mean_D) / made.scale_D
    within = z - np.array([z[answers == k].mean(0) for k in range(3)])[answers]
    lam = max(shrinkage(within), 1e-3)
    covariance = (1 - lam) * within.T @ within / 20 + lam * (within**2).sum() / within.size * np.eye(40)
    direct = np.linalg.solve(covariance, np.array([z[answers == k].mean(0) for k in range(3)]).T)
    np.testing.assert_allclose(made.weights_DK, direct, atol=1e-6)
    way = mean_difference(states, labels == 0)
    assert abs(project_out(states, way) @ way).max() < 1e-6
    map_, shift = affine(states, states @ spread + 3)
    np.testing.assert_allclose(states @ map_ + shift, states @ spread + 3, atol=1e-6)


def test_one_question_about_one_token_with_its_arms(tiny: Local) -> None:
    opened = read(tiny, "What is this?", about="The river runs through the town", layer=1, token=-1)
    assert [r.arm for r in opened.reads] == ["the real vector", *CONDITIONS.values()]
    assert opened.position == len(tiny.token_texts(Prompt(text="The river runs through the town"))) - 1
    assert all(r.agreement is not None for r in opened.reads)
    assert all(r.arm in str(opened) for r in opened.reads)
    assert "layer 1" in str(opened)
    chosen = read(tiny, "Which?", about="The river", layer=0, options=("blue", "red"), reader="selfie")
    assert all(abs(sum(r.distribution or ()) - 1) < 1e-9 for r in chosen.reads)
    lens = {r.arm: r for r in read(tiny, "Which?", about="The river", reader="logit_lens", layer=3).reads}
    had = {"the real vector", "random vector", "another item’s", "mean vector", "text only"}
    assert {arm for arm, r in lens.items() if r.text != "not had"} == had, "with no vector or all the text it has none"
    assert set(lens) - had == {"no vector", "full text (ceiling)"}
    assert "<table" in opened._repr_html_()


def test_bad_readings_are_one_clear_line(tiny: Local, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="patchscope"):
        read(tiny, "What?", about="The river", reader="patchscop")
    with pytest.raises(ValueError, match="there is no layer 12"):
        read(tiny, "What?", about="The river", layer=12)
    with pytest.raises(BadInput, match="there is no token 99"):
        read(tiny, "What?", about="The river", token=99)
    with pytest.raises(Unsupported, match="activations"):
        read("phantom", "What?", about="The river")
    with pytest.raises(ValueError, match="there is no template"):
        Patchscope("nothing", layer=1).read(tiny, planted(tiny, 2)[0])
    bare = replace(planted(tiny, 1)[0][0], evidence=None)
    with pytest.raises(ValueError, match="gives no activations"):
        Patchscope(layer=1).read(tiny, [bare])
