"""Readings against their arms: planted strengths come out, a text rival takes them away, missing arms are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from selfscope.controls.arms import Arms
from selfscope.controls.sweep import Sweep
from selfscope.records import (
    PLAIN,
    Evidence,
    Observation,
    Option,
    Outcome,
    Parts,
    Prompt,
    Question,
    Reading,
    Row,
    Trial,
    Truth,
    control_part,
)
from selfscope.report.material import Material
from selfscope.report.white_box import _layers
from selfscope.verdicts import judge
from selfscope.verdicts.arm_gaps import ARMS, gaps, grids, right

OPTIONS = tuple(Option(k, k) for k in "abcd")
SWEEP = Sweep(layers=(0, 1, 2, 3, 4))
PARTS = Parts(controls={c.id: control_part(c) for c in (Arms(), SWEEP)})


def world(accuracy: dict[str, float], *, clusters: int = 60, seed: int = 0) -> tuple[list[Row], dict, dict]:
    """Rows of one reader: under each arm it is right with the given probability. "real" is the plain reading."""
    noise = np.random.default_rng(seed)
    rows, trials, truths = [], {}, {}
    for i in range(2 * clusters):
        prompt = Prompt(text=f"text {i}")
        plain = Trial(
            f"t{i}", "hidden_context", "s", f"c{i // 2}", "k", "test", Question("topic", OPTIONS), prompt, "", f"o{i}",
            base=f"t{i}", evidence=Evidence(prompt, (1,), "x"),
        )  # fmt: skip
        answer = int(noise.integers(4))
        for arm, p in accuracy.items():
            control = PLAIN if arm == "real" else Arms().id
            trial = plain if arm == "real" else replace(plain, id=f"t{i}{arm}", control=control, arm=arm)
            said = answer if noise.random() < p else int((answer + 1 + noise.integers(3)) % 4)
            one = tuple(float(k == said) for k in range(4))
            trials[trial.id] = trial
            mean = tuple(float(k == answer) for k in range(4))
            truths[trial.id] = Truth(trial.id, mean, mean, mean, 0, "record", answer)
            reading = Reading(Outcome.ANSWERED, one, extra={"layer": 12})
            rows.append(Row("c", "s", "hidden_context", trial.id, "probe", "probe", control, 0, reading))
    return rows, trials, truths


CHANCE = dict.fromkeys(ARMS, 0.25)


def test_a_reading_far_above_its_arms_is_supported_and_its_size_comes_out() -> None:
    (gap,) = gaps(*world({"real": 0.9, **CHANCE, "full": 0.95}), parts=PARTS)
    assert gap.supported
    assert gap.gap is not None
    assert gap.gap.low < 0.65 < gap.gap.high + 0.05
    assert abs(gap.real.value - 0.9) < 0.08
    assert gap.chance == 0.25
    assert gap.layer == 12
    assert gap.ceiling is not None
    assert "full" not in gap.arms


def test_text_alone_takes_a_reading_away_and_the_full_text_does_not() -> None:
    (gap,) = gaps(*world({"real": 0.9, **CHANCE, "text": 0.9, "full": 1.0}), parts=PARTS)
    assert not gap.supported
    assert gap.best == "text"
    (other,) = gaps(*world({"real": 0.9, **CHANCE, "full": 1.0}), parts=PARTS)
    assert other.supported


def test_a_missing_arm_supports_nothing_and_is_named() -> None:
    without = {k: v for k, v in CHANCE.items() if k != "shuffled"}
    (gap,) = gaps(*world({"real": 0.9, **without}), parts=PARTS)
    assert gap.missing == ("shuffled",)
    assert not gap.supported


def test_the_interval_of_a_gap_covers_it_and_nothing_is_found_where_nothing_is() -> None:
    """Simulation: the paired interval covers the true gap, and a null is called supported in no more than 5 %."""
    covered, false = 0, 0
    for seed in range(120):
        (gap,) = gaps(*world({"real": 0.7, **CHANCE}, clusters=40, seed=seed), parts=PARTS)
        covered += gap.gaps["none"].low <= 0.45 <= gap.gaps["none"].high
        (null,) = gaps(*world({"real": 0.25, **CHANCE}, clusters=40, seed=seed), parts=PARTS)
        false += null.supported
    assert covered >= 108
    assert false <= 6


def test_no_answer_is_no_hit_and_ties_share() -> None:
    truth = Truth("t", (1.0, 0.0), (1.0, 0.0), (1.0, 0.0), 0, "record")
    assert right(Reading(Outcome.UNREADABLE), truth) == 0.0
    assert right(Reading(Outcome.ANSWERED, (0.5, 0.5)), truth) == 0.5


def test_what_reads_activations_is_not_judged_as_a_report() -> None:
    rows, trials, truths = world({"real": 0.9, **CHANCE})
    assert judge(rows, trials, truths, PARTS) == []


def test_a_sweep_shows_the_cell_chosen_on_dev_apart_from_the_best_on_test() -> None:
    rows, trials, truths = [], {}, {}
    best = {"dev": 2, "test": 3}
    for split in ("dev", "test"):
        for layer in range(5):
            for i in range(20):
                prompt = Prompt(text="x")
                name = f"{split}{layer}{i}"
                trial = Trial(
                    name, "hidden_context", "s", f"{split}{i}", "k", split, Question("topic", OPTIONS), prompt, "", "o",
                    control=SWEEP.id, base=f"{split}{i}", coordinates={"layer": layer},
                    evidence=Evidence(prompt, (0,), "x"),
                )  # fmt: skip
                hit = i < (18 if layer == best[split] else 8 + layer)
                one = (1.0, 0.0, 0.0, 0.0) if hit else (0.0, 1.0, 0.0, 0.0)
                trials[name] = trial
                truths[name] = Truth(name, (1.0, 0, 0, 0), (1.0, 0, 0, 0), (1.0, 0, 0, 0), 0, "record", 0)
                reading = Reading(Outcome.ANSWERED, one)
                rows.append(Row("c", "s", "hidden_context", name, "probe", "probe", SWEEP.id, 0, reading))
    (grid,) = grids(rows, trials, truths, PARTS)
    assert grid.chosen is not None
    assert grid.best is not None
    assert grid.chosen.at == {"layer": 2.0}
    assert grid.chosen.right.value == 0.5
    assert grid.best.at == {"layer": 3.0}
    assert grid.best.right.value == 0.9


def test_precision_and_surprisal_are_of_the_whole_vocabulary_and_say_how_often_they_are_bounds() -> None:
    rows, trials, truths = world({"real": 0.9, **CHANCE})
    kept = {"likeliest": {"ids": [7, 8], "logprobs": [-0.5, -2.0]}}
    seen = {t.observation: Observation(t.observation, exact=kept) for t in trials.values()}
    said = {t: (7, 8, 7, 9)[i % 4] for i, t in enumerate(t for t in trials if trials[t].arm == "real")}
    told = [
        replace(r, reading=replace(r.reading, extra={"layer": 3, "likeliest": {"id": said[r.trial]}}))
        for r in rows
        if r.trial in said
    ]
    (gap,) = gaps(told, trials, truths, seen, PARTS)
    assert gap.tokens is not None
    assert gap.tokens.precision.value == 0.5
    assert gap.tokens.surprisal.value == (0.5 + 2.0 + 0.5 + 2.0) / 4
    assert gap.tokens.clipped == 0.25
    (without,) = gaps(rows, trials, truths, seen, PARTS)
    assert without.tokens is None


def test_what_each_layer_says_is_a_table_of_places_and_layers() -> None:
    rows, trials, truths = world({"real": 0.9}, clusters=3)
    told, sweeps = [], {}
    for row in rows:
        for layer in (0, 5):
            trial = replace(trials[row.trial], id=f"{row.trial}@{layer}", base=row.trial, control=SWEEP.id)
            sweeps[trial.id] = replace(trial, question=replace(trial.question, quantity="next_token"))
            extra = {"layer": layer, "likeliest": {"id": 1, "text": f" {row.trial}-{layer}\n", "logprob": -layer}}
            reading = replace(row.reading, extra=extra)
            told.append(replace(row, reader="logit_lens", control=SWEEP.id, trial=trial.id, reading=reading))
    plain = {k: replace(t, question=replace(t.question, quantity="next_token")) for k, t in trials.items()}
    truths["t1"] = replace(truths["t1"], greedy=None)
    material = Material({}, told, {**plain, **sweeps}, truths, (), parts=PARTS)
    heat = _layers("hidden_context", material)
    assert heat is not None
    assert heat.lines == ("0", "5", "itself")
    assert heat.columns == ("… text 0", "… text 1", "… text 2", "… text 3")
    assert [c.text for c in heat.cells[1]] == ["t0-5↵", "t1-5↵", "t2-5↵", "t3-5↵"]
    assert [c.size for c in heat.cells[0]] == [1.0] * 4
    assert heat.cells[2][0].text == "abcd"[truths["t0"].greedy or 0]
    assert heat.cells[2][1].text == "–", "what was not observed is not made up"
    assert _layers("hidden_context", Material({}, rows, trials, truths, (), parts=PARTS)) is None
