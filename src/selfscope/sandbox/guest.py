"""What runs inside a box: a program, and the calls of its function; or tests, which call a function that is elsewhere.

Its text is handed to an interpreter of the box, which has nothing but its standard library: it imports nothing of this
package. A program never meets what is right: it gets arguments and answers values, as plain data, and the tests run in
another box. Orders and answers are lines of JSON.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
from typing import Any

PLAIN = (type(None), bool, str)
LISTED: dict[Any, str] = {list: "l", tuple: "t", set: "s", frozenset: "z"}
MADE = {letter: kind for kind, letter in LISTED.items()}
DEEPEST = 40


def encoded(value: Any, depth: int = 0) -> Any:
    """Plain data as JSON that keeps its types; what is no such data as its type's name."""
    kind = type(value)
    if depth > DEEPEST:
        return {"?": "too deep"}
    if kind in PLAIN:
        return value
    if kind is int:
        return {"i": hex(value)}
    if kind is float:
        return {"f": value.hex()}
    if kind is bytes:
        return {"b": value.hex()}
    if kind in LISTED:
        return {LISTED[kind]: [encoded(one, depth + 1) for one in value]}
    if isinstance(value, dict):
        pairs = dict.items(value)
        return {"d": [[encoded(k, depth + 1), encoded(v, depth + 1)] for k, v in pairs]}
    return {"?": kind.__name__}


def decoded(told: Any) -> Any:
    """What `encoded` took. Raises ValueError for anything else."""
    if type(told) in PLAIN:
        return told
    if type(told) is not dict or len(told) != 1:
        raise ValueError("no value")
    ((letter, held),) = told.items()
    if letter == "i":
        return int(held, 16)
    if letter == "f":
        return float.fromhex(held)
    if letter == "b":
        return bytes.fromhex(held)
    if letter in MADE:
        return MADE[letter](decoded(one) for one in held)
    if letter == "d":
        return {decoded(k): decoded(v) for k, v in held}
    raise ValueError(f"no value: {held}")


class Line:
    """Orders in, answers out: over what were standard input and output, which the program no longer has."""

    def __init__(self) -> None:
        self.orders, self.answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)

    def told(self) -> Any:
        """The next order; None where there is none."""
        line = self.orders.readline()
        return json.loads(line) if line else None

    def tell(self, event: str, **what: Any) -> None:
        """One answer."""
        self.answers.write(json.dumps({"event": event, **what}) + "\n")
        self.answers.flush()

    def raised(self, where: str, error: BaseException) -> None:
        """The answer of what ended in an exception."""
        self.tell("raised", where=where, kind=type(error).__name__, text=str(error)[:200])


def works(line: Line, order: Any) -> None:
    """Runs a program, then answers calls of its function."""
    space: dict[str, Any] = {"__name__": "program"}
    try:
        exec(compile(order["program"], "program", "exec"), space)
        function = space.get(order["entry"])
        if not callable(function):
            raise NameError(f"there is no function {order['entry']}")
    except BaseException as error:
        line.raised("program", error)
        return
    line.tell("ready")
    while (call := line.told()) is not None:
        try:
            value = function(*[decoded(one) for one in call["args"]])
        except BaseException as error:
            line.raised("call", error)
        else:
            line.tell("value", value=encoded(value))


def judges(line: Line, order: Any) -> None:
    """Runs tests, whose function is called elsewhere."""

    def candidate(*args: Any) -> Any:
        line.tell("call", args=[encoded(one) for one in args])
        answer = line.told()
        if answer["event"] == "value":
            try:
                return decoded(answer["value"])
            except ValueError:
                return object()  # equal to nothing that a test knows
        known = getattr(builtins, answer["kind"], None)
        raise (known if isinstance(known, type) and issubclass(known, Exception) else RuntimeError)(answer["text"])

    space: dict[str, Any] = {"__name__": "tests"}
    try:
        exec(compile(order["tests"], "tests", "exec"), space)
        space["check"](candidate)
    except BaseException as error:
        line.raised("tests", error)
    else:
        line.tell("passed")


def main() -> None:
    """One order, told on standard input."""
    sys.set_int_max_str_digits(0) if hasattr(sys, "set_int_max_str_digits") else None
    line = Line()
    order = line.told()
    line.tell("started")
    (works if "program" in order else judges)(line, order)


if __name__ == "__main__":
    main()
