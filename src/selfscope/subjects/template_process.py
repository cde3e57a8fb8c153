"""A process that renders chat templates: run as a script, it reads a request a line and writes an answer a line.

A template is a program of strangers. No list of forbidden acts ends it in time: one multiplication may take all memory
in a single step that nothing interrupts. So it runs where the kernel sets the bounds: the alarm ends this process at
the deadline of a request, whatever it does, and it gets no more memory, no file to write and none of our environment.
What a template sees is what transformers gives it (`render_jinja_template`).
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from datetime import datetime
from typing import Any

MEMORY = 1 << 30  # bytes of addresses


def environment() -> Any:
    """What chat templates are compiled in."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from jinja2.utils import Namespace

    class Generation(Extension):
        """Marks what the assistant says; only training looks at it."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

        def _said(self, caller: Any) -> Any:
            return caller()

    class TemplateDict:
        def __call__(self, *values: Any, **named: Any) -> dict[Any, Any]:
            return dict(*values, **named)

        def fromkeys(self, *values: Any) -> dict[Any, Any]:
            return dict.fromkeys(*values)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(
        value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals.update(
        raise_exception=raise_exception,
        strftime_now=lambda form: datetime.now().strftime(form),
        dict=TemplateDict(),
        namespace=Namespace,
    )
    return made


def serve() -> None:
    """Answers requests until nobody sends any more. Of one: the template's number, its text where it was not sent
    before, what it is given, the seconds that it has, and how many characters it may write."""
    compiling = environment()
    known: dict[int, Any] = {}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            continue  # a system without this bound: the deadline stands
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, request["seconds"])
        answer = _answer(compiling, known, request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()


def _answer(compiling: Any, known: dict[int, Any], request: dict[str, Any]) -> bytes:
    try:
        if request["number"] not in known:
            known[request["number"]] = compiling.from_string(request["template"])
        text = known[request["number"]].render(**request["values"])
        if len(text) > request["most"]:
            raise MemoryError
        return json.dumps({"text": text}).encode()
    except MemoryError:
        return b'{"grown": true}'
    except RecursionError:
        return b'{"error": "it calls itself without an end"}'
    except Exception as error:  # a template may raise anything: it is the template's message, and told as that
        said = str(error)[:1000] or type(error).__name__
        return json.dumps({"error": said}).encode()


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[1])
    serve()
