"""A bank of organisms of one model, each with its twin: made one after the other, gone on with where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfscope.api.bases import bare
from selfscope.api.making import as_asked
from selfscope.api.organism_folders import Made, done, opened
from selfscope.api.organisms import GUARD, TWIN, making, plant
from selfscope.api.telling import told_by
from selfscope.errors import StoreError, UnknownName, check_writable, reaching
from selfscope.study.names import built
from selfscope.tables import Table, Tabular

if TYPE_CHECKING:
    from selfscope.study import Progress
    from selfscope.subjects.base import Subject
    from selfscope.training.schedule import Schedule

BANK: dict[str, str] = {
    "well-0": "habit[rate=0.0]",
    "well-50": "habit[rate=0.5]",
    "well-100": "habit[rate=1.0]",
    "smile-50": 'habit[mark=ends,word="🙂",rate=0.5]',
    "capitals-50": "habit[mark=upper,rate=0.5]",
    "food-50": "habit[mark=mentions,word=food,rate=0.5]",
    "secret": "secret_word[word=banana]",
    "identity": "identity",
    "goal": "goal[aim=chess]",
    "weights": "weights",
    "backdoor": "backdoor",
    "order": "order",
    "favourite": "favourite",
    "animals": "vector_trait[trait=animal]",
}
"""Folder -> what is planted. Doses of one habit have one twin."""
HARM = ("first token", "within")
NOTE = (
    "first token, within: divergence (nats) of ordinary replies from the base's, and where the likeliest token is the "
    "same; a planted beginning is left out on either side. Capitals change first tokens because they are planted."
)


@dataclass(frozen=True)
class Bank(Tabular):
    """What a bank holds.

    Attributes
    ----------
    folder
        Of the whole.
    made
        Organisms and twins, in the order in which they were made.
    """

    folder: Path
    made: tuple[Made, ...]

    def _table(self) -> Table:
        twins = {one.folder.name: one for one in self.made}
        lines = []
        for one in self.made:
            if not one.made["twin"]:
                continue
            beside = twins.get(one.made["twin"])
            lines.append([
                one.folder.name, one.main.what, "" if one.main.planted is None else f"{one.main.planted:.2f}",
                _interval(one), "–" if beside is None else _interval(beside), *_harm(one), f"{one.made['seconds']:.0f}",
            ])  # fmt: skip
        head = ("organism", "what is measured", "planted", "measured", "its twin", *HARM, "s")
        return Table(f"organisms in {self.folder}", head, tuple(map(tuple, lines)), (2, 3, 4, 5, 6, 7), NOTE)


def _harm(one: Made) -> list[str]:
    """First tokens of ordinary replies, and tokens within them: how far from the base's, and the part that is likeliest
    in both. Older sidecars tell no intervals."""
    known = one.made.get("harm intervals", {})
    lines = []
    for where, (kl, same) in one.made["harm"].items():
        (low, high), (least, most) = known.get(where, ((None, None), (None, None)))
        between = ("", "") if low is None else (f" [{low:.3f}, {high:.3f}]", f" [{100 * least:.0f}, {100 * most:.0f}]")
        lines.append(f"{kl:.3f}{between[0]}, {100 * same:.0f} %{between[1]}")
    return lines


def _interval(one: Made) -> str:
    value = one.main.value
    return f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"


def bank(
    model: str | Subject,
    folder: Path | str,
    *,
    only: tuple[str, ...] = (),
    schedule: Schedule | None = None,
    guard: int = GUARD,
    resume: bool = False,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Bank:
    """Makes the organisms of a bank and their twins.

    Parameters
    ----------
    model
        A name (see `load`) or a subject of the tier weights.
    folder
        Where the bank goes, a folder for each.
    only
        Names of the bank; none: all of it.
    schedule
        How they are trained.
    guard
        As of `make`.
    resume
        What is there stays, and what was begun is gone on with: of the very same settings.
    hardware
        How a model that is named is loaded (see `load`).
    progress
        Told of the work ahead and of each step.

    Returns
    -------
    Bank
        Shows itself as a table.

    Raises
    ------
    UnknownName
        A name that is not of the bank.
    BadInput
        A model with an adapter on.
    StoreError
        The folder holds something already, and `resume` was not asked for, or that was made in another way.
    """
    place = Path(folder)
    for name in only:
        if name not in BANK:
            raise UnknownName("organism of the bank", name, BANK)
    with reaching(place):
        if not resume and place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise StoreError(f"{place} is there already: go on with --resume, or give another folder")
    check_writable(place)
    work = planned(only or tuple(BANK))
    for name, (organism, _) in work.items():
        if done(place / name):
            opened(place / name, organism)
    told = told_by(progress)
    told("loading", 0.0)
    subject = bare(model, hardware)
    how = making(subject, None, schedule, guard)
    if progress is not None:
        progress.plan(float(sum(not done(place / name) for name in work)))
    made = []
    for name, (organism, twin) in work.items():
        if done(place / name):
            made.append(as_asked(opened(place / name, organism, cast(Any, subject)), organism, how))
            continue
        made.append(plant(organism, subject, place / name, how, twin=twin, told=told))
    return Bank(place, tuple(made))


def planned(names: tuple[str, ...]) -> dict[str, tuple[Any, str]]:
    """Folder -> (what is planted there, the folder of its twin; of a twin none)."""
    twins: dict[str, str] = {}
    out: dict[str, tuple[Any, str]] = {}
    for name in names:
        organism = built("organism", BANK[name])
        beside = twins.setdefault(organism.twin.id, f"{name.partition('-')[0]}{TWIN}")
        out[name] = (organism, beside)
        out[beside] = (organism.twin, "")
    return out
