"""What a long study keeps: by its name and its whole recipe, and as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))

from decoder_cells import packed, unpacked
from kept import keep, known, names


def test_what_was_measured_by_another_recipe_is_not_known(tmp_path: Path) -> None:
    assert known("study", "cell", "one", tmp_path) is None
    assert keep("study", "cell", "one", {"a": [1, None]}, tmp_path) == {"a": [1, None]}
    assert known("study", "cell", "one", tmp_path) == known("study", "cell", place=tmp_path) == {"a": [1, None]}
    assert known("study", "cell", "another", tmp_path) is None
    assert names("study", tmp_path) == ["cell"]
    assert names("another", tmp_path) == []
    with pytest.raises(ValueError, match="no name of a file"):
        keep("study", "../cell", "one", 1, tmp_path)


def test_packed_rows_are_the_rows() -> None:
    items = [{"kind": "topic", "value": f"v{k}", "clean": k == 2} for k in range(3)]
    parts = [{"split": "t1", "arm": "real", "reader": ""}, {"split": "t1", "arm": "none", "reader": ""},
             {"split": "t2", "arm": "real", "reader": "lens", "layer": 7, "position": -1}]  # fmt: skip
    rows = [{**part, **item, "right": k / 4, "said": k > 0} for part in parts for k, item in enumerate(items)]
    rows[1] |= {"agreement": 0.6667, "stated": 0.5}
    back = unpacked(packed(rows))
    assert back == rows
    with pytest.raises(ValueError, match="others than"):
        packed([*rows, {**rows[0], "arm": "mean", "value": "another"}])
