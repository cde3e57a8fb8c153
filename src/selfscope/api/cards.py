"""From a model's name to its card: plan, run, judge, draw. The folder is read once, whatever is asked of its card."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.api.executing import execute
from selfscope.api.telling import told_by
from selfscope.errors import LONGEST_PATH, BadInput, reaching
from selfscope.store import Contents, Rows, check_free, read, rows, rows_of_contents

if TYPE_CHECKING:
    from selfscope.controls.base import Control
    from selfscope.phenomena.base import Phenomenon
    from selfscope.readers.base import Reader
    from selfscope.report import Drawn
    from selfscope.report.material import Material
    from selfscope.study import Progress, Study
    from selfscope.subjects.base import Subject
    from selfscope.verdicts.claims import Claim
    from selfscope.verdicts.findings import Findings


@dataclass(frozen=True)
class Card:
    """The introspection card of one subject, in a folder. Shows itself in a notebook; `print` gives the verdicts.

    Attributes
    ----------
    folder
        Where its rows, `index.html` and `card.json` are. What the folder holds is read once, when it is first needed.
    """

    folder: Path

    @property
    def page(self) -> Path:
        """The card as one self-contained HTML file."""
        return self.folder / "index.html"

    @cached_property
    def contents(self) -> Contents:
        """All that the folder holds."""
        return read(self.folder)

    @cached_property
    def findings(self) -> Findings:
        """All that was estimated of its rows."""
        from selfscope.report.estimates import estimates

        return estimates(self.folder, self.contents)

    @property
    def rows(self) -> Rows:
        """Every reading with its trial and truth; `.to_pandas()` makes a data frame."""
        return rows_of_contents([self.contents])

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The verdicts, one for each phenomenon and reader, with all that they rest on."""
        return self.findings.claims

    @cached_property
    def material(self) -> Material:
        """What the card is drawn from."""
        from selfscope.report import material_of
        from selfscope.wording import question_text

        return material_of(self.folder, self.contents, self.findings, words=question_text)

    @cached_property
    def drawn(self) -> Drawn:
        """What the card says."""
        from selfscope.report import draw

        return draw(self.folder, self.material)

    def __str__(self) -> str:
        return self.table()

    def table(self, width: int | None = None, *, colour: bool = False) -> str:
        """The summary and the verdicts as text.

        Parameters
        ----------
        width
            Columns (default: what the terminal has, 100 where there is none).
        colour
            Whether to write codes for bold and colours.

        Returns
        -------
        str
            Lines, the last one without an end.
        """
        return self.drawn.terminal(width, colour=colour)

    def _repr_html_(self) -> str:
        page = html.escape(self.page.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:48rem;border:0" title="introspection card"></iframe>'


def card(
    model: str | Subject,
    folder: Path | str | None = None,
    *,
    profile: str = "quick",
    phenomena: Sequence[str | Phenomenon] = (),
    readers: Sequence[str | Reader] = (),
    controls: Sequence[str | Control] = (),
    items: Path | str | None = None,
    other: str | Subject | None = None,
    twin: str | Subject | None = None,
    seed: int = 0,
    jobs: int = 1,
    resume: bool = False,
    before: Path | str | None = None,
    progress: Progress | None = None,
) -> Card:
    """Asks a model about itself, measures what is true, and writes what to believe to a folder.

    Parameters
    ----------
    model
        A name (see `load`) or a subject.
    folder
        Where to; None makes a new temporary one.
    profile
        quick (minutes) or full.
    phenomena, readers, controls
        Names, with settings in brackets (`"probe[layer=5]"`), or objects. Without phenomena or readers: the profile's;
        the rivals are there in any case. Controls stand beside the profile's.
    items
        A file of your own questions, one JSON object a line.
    other, twin
        Further models that forecast this one, by name or loaded: another model, and a near twin of it.
    seed
        Everything random follows from it.
    jobs
        Processes that share the work; each loads the model.
    resume
        Go on with the study in the folder.
    before
        A folder with a card of another subject (this one before it was trained): its verdicts stand beside these.
    progress
        Told of the work ahead and of each piece that is done.

    Returns
    -------
    Card
        It shows itself; `rows`, `claims` and `page` are read from the folder.

    Raises
    ------
    SelfscopeError
        A user's mistake, in one line. What was finished before an error stays in the folder.
    """
    options: dict[str, Any] = {
        "profile": profile, "phenomena": phenomena, "readers": readers, "controls": controls, "items": items,
        "other": other, "twin": twin, "seed": seed,
    }  # fmt: skip
    from selfscope.report import said_in

    told, kept, connect = told_by(progress), said_in(before), connection(model, options)
    where = Path(folder) if folder is not None else Path(tempfile.mkdtemp(prefix="selfscope-"))
    check_free(where, resume=resume)
    told("loading", 0.0)
    study = planned(model, **options)
    execute(study, where, resume=resume, progress=progress, jobs=jobs, connect=connect, before=kept)
    told("judging", 0.0)
    return redraw(where)


def planned(
    model: str | Subject,
    *,
    profile: str = "quick",
    phenomena: Sequence[str | Phenomenon] = (),
    readers: Sequence[str | Reader] = (),
    controls: Sequence[str | Control] = (),
    items: Path | str | None = None,
    other: str | Subject | None = None,
    twin: str | Subject | None = None,
    seed: int = 0,
    hardware: Mapping[str, str] | None = None,
) -> Study:
    """The study that `card` runs. hardware: how a local model is loaded (see `load`)."""
    from selfscope.api.kept_apart import study_apart
    from selfscope.api.loading import load
    from selfscope.records import check_seed
    from selfscope.study.names import look
    from selfscope.study.plan import StudyOptions, plan

    for name, value in {"phenomena": phenomena, "readers": readers, "controls": controls}.items():
        if isinstance(value, str) or not isinstance(value, Sequence):
            one = f'["{value}"]' if isinstance(value, str) else "[...]"
            raise BadInput(f"{name} is a list of names or objects, as in {name}={one}")
    if items is not None:
        with reaching(items):
            if not Path(items).is_file():
                raise BadInput(f"items: there is no file {str(items)[:LONGEST_PATH]}")
    check_seed(seed)
    for what, names in (("phenomenon", phenomena), ("reader", readers), ("control", controls)):
        look(what, names)
    subject = load(model, **(hardware or {})) if isinstance(model, str) else model
    further = {k: load(v) if isinstance(v, str) else v for k, v in (("other", other), ("twin", twin))}
    options = StudyOptions(
        profile, tuple(phenomena), tuple(readers), tuple(controls), None if items is None else str(items),
        further["other"], further["twin"], seed,
    )  # fmt: skip
    return study_apart(plan(subject, options))


def connection(model: str | Subject, options: Mapping[str, Any]) -> Callable[[], Study] | None:
    """How another process makes the same study: anew where everything is named, else it is sent as it stands."""
    named = [model, options.get("other") or "", options.get("twin") or ""]
    return partial(planned, model, **options) if all(isinstance(one, str) for one in named) else None


def run(
    study: Study, folder: Path | str, *, resume: bool = False, progress: Progress | None = None, jobs: int = 1
) -> Rows:
    """Runs a study into a folder.

    Parameters
    ----------
    study
        What to ask, of whom; see `Study`.
    folder
        Where to; only with `resume` may it hold the same study already.
    resume
        Go on with the study in the folder.
    progress
        Told of the work ahead and of each piece that is done.
    jobs
        Processes that share the work. The study is sent to them: give models by name to `card` where it cannot be.

    Returns
    -------
    Rows
        Every reading with its trial and truth.

    Raises
    ------
    StoreError
        The folder holds another study, or is locked by a running one.
    """
    execute(study, folder, resume=resume, progress=progress, jobs=jobs)
    return rows(folder)


def redraw(folder: Path | str) -> Card:
    """Draws the card of a folder from its rows. No model; it is estimated again only when rows changed.

    Parameters
    ----------
    folder
        Of a study.

    Returns
    -------
    Card
        Its page and data were written anew.

    Raises
    ------
    StoreError
        The folder holds no study, or one of another version.
    """
    from selfscope.report import write

    card = Card(Path(folder))
    write(folder, card.material)
    return card
