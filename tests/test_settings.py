"""Settings behind a name: split where they part, read by the types that are declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from selfscope.errors import BadInput, SelfscopeError, UnknownName
from selfscope.settings import built_with, read_settings, settable, split, type_text


@dataclass(frozen=True)
class Part:
    size: int = 1
    share: float = 0.5
    layer: int | None = None
    words: tuple[str, ...] = ()
    plain: bool = False
    name: str = "one"
    fits: tuple[int, ...] = field(default=(), compare=False)
    observer: Any = None

    def __post_init__(self) -> None:
        if self.size < 0:
            raise BadInput(f"size is at least 0, not {self.size}")


def read(text: str) -> dict[str, Any]:
    return read_settings(text, settable(Part), "part", what="setting", bare="name")


def test_pieces_part_at_commas_outside_brackets_and_quotes() -> None:
    assert split('a=1, b=(1,2),c="x,\\",y",d[e,f]') == ["a=1", "b=(1,2)", 'c="x,\\",y"', "d[e,f]"]
    assert split("") == split(" , ") == []
    assert split("a[b,c") == ["a[b,c"], "what is left open is not lost"


def test_a_value_has_the_type_of_its_field() -> None:
    assert read("size=3,share=1,layer=none,words=(a,b),plain=true") == {
        "size": 3, "share": 1.0, "layer": None, "words": ("a", "b"), "plain": True,
    }  # fmt: skip
    assert isinstance(read("share=1")["share"], float)
    assert read("name=true") == read("true") == {"name": "true"}
    assert read('name="1,2"') == {"name": "1,2"}
    assert read("words=(a,)") == read("words=a") == {"words": ("a",)}
    assert read('words="1,2"') == {"words": ("1,2",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size=0.5", "size takes int, not '0.5'"),
        ("layer=high", r"layer takes int \| None"),
        ("words=(1,2)", r"words takes tuple\[str, ...\], written \(A,B\), not '\(1,2\)'"),
        ("size=1,size=1", "given twice"),
        ("siz=1", "Did you mean 'size'"),
        ("fits=(1,)", "unknown setting 'fits'"),
        ("observer=x", "unknown setting 'observer'"),
    ],
)
def test_what_a_field_cannot_take_is_refused(text: str, message: str) -> None:
    with pytest.raises(SelfscopeError, match=message):
        read(text)


def test_a_setting_without_its_name_needs_one_that_may_stand_so() -> None:
    with pytest.raises(SelfscopeError, match="NAME=VALUE"):
        read_settings("3", {"size": int}, "part", what="setting")
    with pytest.raises(SelfscopeError, match="no setting to set"):
        read_settings("size=3", {}, "part", what="setting")


def test_what_a_class_refuses_is_a_line_with_the_whole_name() -> None:
    with pytest.raises(BadInput, match=r"part\[size=-1\]: size is at least 0"):
        built_with(Part, {"size": -1}, "part[size=-1]")
    with pytest.raises(SelfscopeError, match=r"part: .*unexpected keyword"):
        built_with(Part, {"sise": 1}, "part")

    def strict() -> None:
        raise UnknownName("thing", "x", ["y"])

    with pytest.raises(UnknownName, match="unknown thing 'x'"):
        built_with(strict, {}, "part")


def test_types_are_written_as_people_write_them() -> None:
    assert [type_text(t) for t in (int, int | None, tuple[str, ...])] == ["int", "int | None", "tuple[str, ...]"]
