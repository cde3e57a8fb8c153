"""The states of a run, kept beside its checkpoints: a run that goes on reads nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selfscope.errors import StoreError, reaching
from selfscope.subjects.activations import Owner
from selfscope.subjects.cache import make_folder
from selfscope.training.features import Features

FOLDER, KEY = "states", "key.txt"


def kept_features(run: Path, key: str, subject: str | Owner, make: Callable[[], Features]) -> Features:
    """The features that a run's folder holds; captured and written first where it holds none.

    Parameters
    ----------
    run : Path
        Where the run stands.
    key : str
        Hash of all that decides what they are.
    subject : str or Owner
        Whose states they are.
    make : callable
        Captures them.

    Raises
    ------
    StoreError
        The folder holds those of another run.
    BadActivations
        They are damaged.
    """
    place = run / FOLDER
    with reaching(place):
        if place.exists():
            if not (place / KEY).exists() or (place / KEY).read_text(encoding="utf-8") != key:
                raise StoreError(
                    f"{run} holds a run of another configuration, model or data: give another folder, or delete it"
                )
            return Features.load(place, subject)
        run.mkdir(parents=True, exist_ok=True)

        def whole(draft: Path) -> None:
            make().save(draft)
            (draft / KEY).write_text(key, encoding="utf-8")

        make_folder(place, whole)
    return Features.load(place, subject)
