"""The program in a reply: what stands in its first fenced block, or all of it where it has none."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+.-]*)[ \t]*$", re.MULTILINE)


def program_of(text: str) -> str:
    """The program in a reply.

    Parameters
    ----------
    text
        With a block between fences; or what goes on from a fence that was opened before it, up to the one that closes.

    Returns
    -------
    str
        Without fences; empty where there is none.
    """
    fences = list(_FENCE.finditer(text))
    if not fences:
        return text.strip("\n")
    first, before = fences[0], text[: fences[0].start()]
    if len(fences) == 1 and not first[1] and before.strip():
        return before.strip("\n")  # it closes what was opened before the reply
    end = fences[1].start() if len(fences) > 1 else len(text)
    return text[first.end() : end].strip("\n")
