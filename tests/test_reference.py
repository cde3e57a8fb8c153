"""What is public is documented: every parameter, every field, what is returned. The checker sees what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from public_names import complaints, public
from reference_page import section

PUBLIC = public()


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_is_documented(name: str) -> None:
    missing = complaints(name, PUBLIC[name])
    assert not missing, "\n".join(missing)


@dataclass(frozen=True)
class Bare:
    size: int


@dataclass(frozen=True)
class Half:
    """Something.

    Parameters
    ----------
    size
        How large.
    weight
        Not there.
    """

    size: int
    colour: str

    def grown(self, by: int) -> Half:
        """Larger."""
        return Half(self.size + by, self.colour)

    @property
    def area(self) -> int:
        return self.size**2


def whole(size: int, *, colour: str = "red") -> Half:
    """Makes it.

    Parameters
    ----------
    size, colour : array of shape (N, D)
        Of the thing.

    Returns
    -------
    Half
        With a `<b>` of its own, and a < b.
    """
    return Half(size, colour)


def test_what_is_missing_is_seen() -> None:
    assert complaints("Bare", Bare) == ["Bare has no docstring"]
    assert complaints("Half", Half) == [
        "Half does not say what its field colour is",
        "Half documents the parameter weight, which it does not take",
        "Half documents weight, which it does not have",
        "Half.grown does not say what its parameter by is",
        "Half.grown returns Half, and has no section Returns",
        "Half.area has no docstring",
    ]
    assert complaints("whole", whole) == []
    assert complaints("PI", 3.14) == ["PI is no function, class or namespace"]


def test_a_section_shows_the_signature_and_every_parameter() -> None:
    shown = section("whole", whole)
    assert 'whole(size: int, *, colour: str = "red") -> Half' in shown
    assert "- `size`, `colour` (array of shape (N, D)): Of the thing.\n" in shown
    assert "- `Half`: With a `<b>` of its own, and a &lt; b.\n" in shown
