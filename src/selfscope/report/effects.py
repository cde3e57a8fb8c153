"""What changing the state showed, each effect in words; and the smaller splits of a report as tables."""

from __future__ import annotations

from selfscope.report.bar import name_of
from selfscope.report.format import sentence, share, skill
from selfscope.report.labels import SHARES
from selfscope.tables import Table
from selfscope.verdicts.asides import SHARE
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.splits import POOLED, TRACKING

TEXT_ONLY = (
    "Where only text can be changed, a report can read the change: what it then says shows that it follows or copies "
    "its context, and no access to a state can be shown."
)
UNTOUCHED = "The state was not changed in this run, or the change moved nothing it does: of causes nothing is said."


def effects(claim: Claim) -> Table | None:
    """Everything that was measured under a changed state."""
    lines = [
        ("follows its changed state", claim.causal, "what decides on access: of a change that it cannot read as text, "
         "beyond the same words and beyond a third person, whichever leaves less"),
        ("beyond the same words", claim.beyond_words, "less what the same change does to a question with the same "
         "words that is about something else"),
        ("beyond a third person", claim.beyond_person, "less what it then says of somebody else"),
        ("the same words alone", claim.causal_control, "what the change does to answers that it should not touch"),
        ("follows its context", claim.follows, "under hidden turns, which are text that it can read, beyond copying "
         "them"),
        ("copies its context", claim.copies, "repeats the reply that stands in those turns, whatever it then does"),
        ("ablated", claim.ablated, "what it loses without its state, on what its history does not tell"),
        ("identification", claim.identification, "says the right thing after the change, above what it says of others"),
        ("alarm", claim.alarm, "says that something was changed; a mere shift towards yes is taken out"),
    ]  # fmt: skip
    rows = tuple((name, n.text, n.interval, what) for name, effect, what in lines if (n := share(effect)))
    return Table("When the state is changed", ("", "share", "95\u202f%", "what it is"), rows, (1, 2)) if rows else None


def effects_note(claim: Claim) -> str:
    """The limit of a subject whose text alone can be changed."""
    return TEXT_ONLY if claim.causal is None and (claim.follows or claim.copies) is not None else ""


def asides(claim: Claim) -> tuple[Table, ...]:
    """The tables that a phenomenon calls for beside its verdict."""
    tables = []
    for aside in claim.asides:
        rows = []
        for line in aside.lines:
            n = share(line.value) if line.scale == SHARE else skill(line.value)
            if n is not None:
                rows.append((line.name, n.text, n.interval, line.says))
        if rows:
            note = f"{sentence(aside.says)} {aside.note}".strip()
            tables.append(Table(aside.title, ("", "", "95\u202f%", ""), tuple(rows), (1, 2), note))
    return tuple(tables)


def splits(claim: Claim) -> tuple[Table, ...]:
    """The pooled and the tracking split, which ask less of the rivals than the full one."""
    titles = {
        POOLED: ("With one public forecast", claim.pooled, "A habit that the forecast misses counts as what it does; "
                 "never called private."),
        TRACKING: ("By what it does alone", claim.tracking, "By whatever route: its own state, its habit and the text "
                   "are not told apart."),
    }  # fmt: skip
    tables = []
    for split, (title, shares, note) in titles.items():
        rows = tuple(
            (name_of(key, split), n.text, n.interval) for key in SHARES if (n := share(shares.get(key))) is not None
        )
        if rows:
            tables.append(Table(title, ("", "share", "95\u202f%"), rows, (1, 2), note))
    return tuple(tables)
