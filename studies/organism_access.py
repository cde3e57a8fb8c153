"""Reports of organisms that a reporter is stacked on: the card's verdict, and states that an adapter sets.

Part one goes through the product: own_choice is asked of a subject whose weights hold something planted, with a taught
reporter on top that was trained on the base, and the state is set by a vector. Part two sets the state by the planted
adapter itself: base and organism are asked the same, and what the report moved is compared with what the choices moved,
less the same words and less a third person, by the estimators of the card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from selfscope.api.cards import card
from selfscope.api.fit import fit
from selfscope.cli.progress import Bar
from selfscope.cli.training import Training
from selfscope.controls.hidden_arms import hidden_arms
from selfscope.phenomena.own_choice import OwnChoice
from selfscope.readers.ask import Ask
from selfscope.statistics import Array, Estimate
from selfscope.subjects.adapter_files import load_adapter
from selfscope.verdicts.state_effect import Change, causal, causal_beyond_others, causal_net, moved

ABOUT = "own_choice"
LESSONS = {"reporter": "states", "shuffled": "states[shuffled=true]"}
Given = Mapping[str, Path | None]
"""Reporters that are there already, by what they are called in LESSONS."""
FEW = "own_choice[test=8,train=2,dev=0]"


def reporter(base: Any, place: Path, given: Given, which: str, *, quick: bool = False) -> Path:
    """The folder of a taught reporter, or of its twin that was taught on states that do not belong to the answers."""
    ready = given.get(which)
    if ready is not None:
        return ready
    folder = place / which
    if not (folder / "selfscope.json").exists():
        usual, lesson = Training(layers="4-29", precision="bf16"), LESSONS[which]
        if quick:
            lesson = lesson.replace("]", ",objects=24]") if "[" in lesson else f"{lesson}[objects=24]"
        shape = usual.shape()
        shape = replace(shape, layers=tuple(layer for layer in shape.layers if layer in base.layers))
        with Bar(first=which) as bar:
            fit(base, folder, lesson, shape=shape, schedule=usual.schedule(0), resume=True, progress=bar)
    return folder


def verdicts(
    base: Any, organisms: Mapping[str, Path], place: Path, given: Given, *, quick: bool = False
) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Cards of own_choice: of every organism, with the reporter on top; of the first alone, and with the shuffled one;
    of the base with the reporter. Each by what it is of; called, what it says."""
    first = next(iter(organisms))
    rows = [("", "reporter"), (first, ""), *((name, "reporter") for name in organisms), (first, "shuffled")]
    for name, top in rows:
        folder = place / "cards" / f"{name or 'base'}+{top or 'nothing'}"

        def asked(name: str = name, top: str = top, folder: Path = folder) -> dict[str, Any]:
            worn = [organisms[name]] if name else []
            worn += [reporter(base, place, given, top, quick=quick)] if top else []
            with Bar(first=folder.name) as bar:
                claim = card(
                    stacked(base, worn), folder, phenomena=[FEW if quick else ABOUT],
                    resume=(folder / "study.json").exists(), progress=bar,
                ).claims[0]  # fmt: skip
            return {
                "verdict": f"{claim.verdict} ({claim.basis})" if claim.basis else str(claim.verdict),
                "words": claim.beyond_words and asdict(claim.beyond_words),
                "person": claim.beyond_person and asdict(claim.beyond_person),
            }

        yield folder.name, asked


def stacked(base: Any, folders: list[Path]) -> Any:
    """The base with adapters on, each of which was made on the base alone."""
    return base.adapted(*(load_adapter(base, folder) for folder in folders)) if folders else base


def by_adapter(
    base: Any, organisms: Mapping[str, Path], place: Path, given: Given, *, quick: bool = False
) -> dict[str, Any]:
    """Of each organism the slopes of what the report moved on what the choices moved, from base to organism; with the
    reporter on top of both, and without it."""
    out: dict[str, Any] = {}
    for top in ("", "reporter"):
        worn = [reporter(base, place, given, top, quick=quick)] if top else []
        size = 6 if quick else 40
        before = answers(stacked(base, worn), size)
        for name, folder in organisms.items():
            after = answers(stacked(base, [folder, *worn]), size)
            out[f"{name}+{top or 'nothing'}"] = told(changed(before, after))
    return out


def answers(subject: Any, size: int, seed: int = 0) -> dict[str, Any]:
    """Choices (exact) and reports of test trials by arm, (n, K) each, and the cluster of each trial."""
    about = OwnChoice(test=size, train=0, dev=0)
    trials = [t for t in about.pose(subject, seed) if t.split == "test"]
    arms: dict[str, list[Any]] = {"self": trials, "words": [], "person": []}
    for trial in trials:
        for one in hidden_arms(trial, "adapter", lambda trial, arm: None, 0, seed):
            arms[one.arm].append(one)
    truth = np.array([t.mean for t in about.truth(trials, about.observe(subject, trials))])
    known = {name: k for k, name in enumerate(dict.fromkeys(t.cluster for t in trials))}
    reports = {arm: _reported(subject, some) for arm, some in arms.items()}
    return {"truth": truth, "cluster": np.array([known[t.cluster] for t in trials]), **reports}


def _reported(subject: Any, trials: list[Any]) -> Array:
    found = [reading.distribution for reading in Ask("choice_lp").read(subject, trials)]
    if any(one is None for one in found):
        raise SystemExit("a question was not answered: own_choice is asked of subjects whose answers can be scored")
    return np.array(found, dtype=float)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    """What a card's estimators take. The choices are exact, so both halves are the same."""
    return Change(
        before["self"], after["self"], before["truth"], before["truth"], after["truth"], after["truth"],
        before["cluster"], before["words"], after["words"],
        person_before=before["person"], person_after=after["person"],
    )  # fmt: skip


def told(change: Change) -> dict[str, Any]:
    """Squared distance that the choices moved, and the slopes."""
    found: dict[str, Estimate] = {
        "moved": moved(change), "report": causal(change), "beyond words": causal_net(change),
        "beyond person": causal_beyond_others(change),
    }  # fmt: skip
    return {name: asdict(value) for name, value in found.items()}
