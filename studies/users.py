"""What a model believes of its user and how it treats matched users, by every channel: the bars of the page on users.

    python studies/users.py smollm2-135m FOLDER gender age mood expertise

runs `user_beliefs` and `user_treatment` into FOLDER (it goes on where it was stopped) and prints their tables.
"""

from __future__ import annotations

import sys
from pathlib import Path

import selfscope
from selfscope.phenomena.user_beliefs import UserBeliefs
from selfscope.phenomena.user_treatment import UserTreatment
from selfscope.report.matched import channel_tables, treatment_tables
from selfscope.tables import Table

OPENINGS = 10
"""Of each attribute, in test and in train."""


def phenomena(attributes: tuple[str, ...], each: int) -> list[UserBeliefs | UserTreatment]:
    """Both, about these attributes."""
    size = OPENINGS * len(attributes)
    return [
        UserBeliefs(test=size, train=size, each=each, stated=0, only=attributes),
        UserTreatment(test=size, train=size, dev=0, stated=0, only=attributes),
    ]


def shown(table: Table) -> None:
    """Prints a table as Markdown."""
    print(f"### {table.title}\n\n| {' | '.join(table.head)} |\n|{'---|' * len(table.head)}")
    for row in table.rows:
        print(f"| {' | '.join(row)} |")
    print(f"\n{table.note}\n", flush=True)


def main(model: str, folder: str, *attributes: str) -> None:
    each = 4 if len(attributes) == 1 else 2
    for phenomenon in phenomena(attributes, each):
        place = Path(folder) / phenomenon.kind
        card = selfscope.card(model, phenomena=[phenomenon], folder=place, resume=(place / "study.json").exists())
        print(f"## {phenomenon.id}\n\n{card}\n", flush=True)
        material = card.material
        tables = channel_tables(phenomenon.id, material.channels, material.names)
        for reader in dict.fromkeys(t.reader for t in material.treatments):
            tables += treatment_tables(phenomenon.id, reader, material.treatments)
        for table in tables:
            shown(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
