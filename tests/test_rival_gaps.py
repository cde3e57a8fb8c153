"""Nothing is claimed of a reading of activations beyond a rival that does as well on the same items and layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from selfscope.controls.arms import Arms
from selfscope.readers.centred_lens import CentredLens
from selfscope.readers.probe import Probe
from selfscope.readers.ridge_probe import RidgeProbe
from selfscope.records import (
    PLAIN,
    Evidence,
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
    reader_part,
)
from selfscope.report.labels import Labels
from selfscope.report.white_box import _notes, _readers, sentence
from selfscope.verdicts.arm_gaps import ARMS, RIVALS, Gap, gaps

OPTIONS = tuple(Option(k, k) for k in "abcd")
READERS = (Probe(), CentredLens(), RidgeProbe())
PARTS = Parts(readers={r.id: reader_part(r) for r in READERS}, controls={Arms().id: control_part(Arms())})
NAMES = Labels(PARTS)


def world(
    right: Mapping[str, float], *, layers: Mapping[str, int] | None = None,
    at_layer: Mapping[str, Mapping[int, float]] | None = None, clusters: int = 60, seed: int = 0, alike: bool = False,
) -> dict[str, Gap]:  # fmt: skip
    """The gaps of readers that are right with the given probabilities (their arms at chance). at_layer: what a rival
    makes of other layers. alike: all of them are right on the same items, as far as may be."""
    noise = np.random.default_rng(seed)
    rows, trials, truths = [], {}, {}
    for i in range(2 * clusters):
        prompt = Prompt(text=f"text {i}")
        plain = Trial(
            f"t{i}", "hidden_context", "s", f"c{i // 2}", "k", "test", Question("topic", OPTIONS), prompt, "", f"o{i}",
            base=f"t{i}", evidence=Evidence(prompt, (1,), "x"),
        )  # fmt: skip
        answer, shared = int(noise.integers(4)), noise.random()

        def said(p: float, answer: int = answer, shared: float = shared) -> tuple[float, ...]:
            hit = (shared if alike else noise.random()) < p
            one = answer if hit else int((answer + 1 + noise.integers(3)) % 4)
            return tuple(float(k == one) for k in range(4))

        for arm in ("real", *ARMS):
            trial = plain if arm == "real" else replace(plain, id=f"t{i}{arm}", control=Arms().id, arm=arm)
            one = tuple(float(k == answer) for k in range(4))
            trials[trial.id], truths[trial.id] = trial, Truth(trial.id, one, one, one, 0, "record", answer)
            for reader, p in right.items():
                extra = {"layer": (layers or {}).get(reader, 12)}
                beside = (at_layer or {}).get(reader, {})
                if beside and arm == "real":
                    extra["by_layer"] = {str(k): list(said(q)) for k, q in beside.items()}
                reading = Reading(Outcome.ANSWERED, said(p if arm == "real" else 0.25), extra=extra)
                control = PLAIN if arm == "real" else Arms().id
                rows.append(Row("c", "s", "hidden_context", trial.id, reader, "probe", control, 0, reading))
    return {g.reader: g for g in gaps(rows, trials, truths, parts=PARTS)}


def test_a_reading_equal_to_the_centred_lens_gets_no_claim() -> None:
    found = world({"probe": 0.86, "centred_lens": 0.86, "ridge_probe": 0.6}, alike=True)
    probe = found["probe"]
    assert probe.supported
    assert not probe.claimed
    assert probe.hardest == "centred_lens"
    assert probe.rivals["centred_lens"].gap.value == 0
    assert found["centred_lens"].claimed, "what the lens itself reads is there to be read"
    assert sentence([probe], NAMES).startswith(
        "Not supported: Linear probe at layer 12 beats all of its arms, but shows no more than the centred lens at the "
        "same layer reads: 0 [0, 0] points"
    )
    told = sentence(list(found.values()), NAMES)
    assert told.startswith("Centred lens at layer 12 reads it from the activations")
    assert any("no more than the centred lens at the same layer" in note for note in _notes([probe], NAMES))


def test_a_better_one_gets_its_claim() -> None:
    found = world({"probe": 0.95, "centred_lens": 0.5, "ridge_probe": 0.6})
    assert found["probe"].claimed
    assert found["probe"].hardest == "ridge_probe"
    assert abs(found["probe"].rivals["ridge_probe"].gap.value - 0.35) < 0.12
    told = sentence(list(found.values()), NAMES)
    assert told.startswith("Linear probe at layer 12 reads it from the activations")
    assert "against the ridge probe at the same layer, its hardest rival" in told
    table = _readers(list(found.values()), NAMES)
    assert table is not None
    assert [row[-2].startswith("✓") for row in table.rows] == [True, True, False]


def test_a_reading_is_held_against_the_rival_at_its_own_layer() -> None:
    """A late lens reads it; a probe of a layer where the lens is at chance has something of its own to show."""
    right = {"probe": 0.8, "centred_lens": 0.9, "ridge_probe": 0.9}
    layers = {"probe": 7, "centred_lens": 29, "ridge_probe": 29}
    depth = {7: 0.3, 29: 0.9}
    early = world(right, layers=layers, at_layer={"centred_lens": depth, "ridge_probe": depth})["probe"]
    assert early.claimed
    assert early.rivals["centred_lens"].same
    assert early.rivals["centred_lens"].layer == 7
    assert early.rivals["centred_lens"].right.value < 0.4
    unknown = world(right, layers=layers)["probe"]
    assert not unknown.claimed, "a rival that did not read that layer stands where it chose to read"
    assert not unknown.rivals["centred_lens"].same
    assert "the centred lens at layer 29 reads" in sentence([unknown], NAMES) or unknown.hardest == "ridge_probe"


def test_each_rival_is_held_against_the_simpler_ones_and_a_missing_one_is_named() -> None:
    found = world({"probe": 0.9, "centred_lens": 0.5, "ridge_probe": 0.5})
    assert tuple(found["probe"].rivals) == RIVALS
    assert tuple(found["ridge_probe"].rivals) == ("centred_lens",)
    assert found["centred_lens"].rivals == {}
    alone = world({"probe": 0.9, "centred_lens": 0.3})["probe"]
    assert alone.supported
    assert not alone.claimed
    assert alone.unread == ("ridge_probe",)
    assert "was not held against its rivals (ridge probe)" in sentence([alone], NAMES)


def test_rivals_that_do_as_well_are_seldom_beaten_and_the_interval_covers() -> None:
    false, covered = 0, 0
    for seed in range(60):
        equal = world({"probe": 0.7, "centred_lens": 0.7, "ridge_probe": 0.7}, clusters=30, seed=seed)["probe"]
        false += equal.claimed
        better = world({"probe": 0.9, "centred_lens": 0.6, "ridge_probe": 0.6}, clusters=30, seed=seed)["probe"]
        covered += better.rivals["centred_lens"].gap.low <= 0.3 <= better.rivals["centred_lens"].gap.high
    assert false <= 3
    assert covered >= 52
