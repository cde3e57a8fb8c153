"""What a box has to hold, tried on it: programs that do harm, and what has to come of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from selfscope.errors import Unsupported
from selfscope.sandbox.boxes import AUTO, Box, Limits, box
from selfscope.sandbox.running import Job, Run, run

RIGHT = (((2,), 4), ((5,), 25))
"""Calls of what squares a number."""
SQUARES = "def f(x):\n    return x * x\n"
FAILS: Mapping[str, str] = {
    "an endless loop": "def f(x):\n    while True:\n        pass\n",
    "an endless loop before it is called": "while True:\n    pass\n",
    "sleep": "import time\ndef f(x):\n    time.sleep(60)\n    return x * x\n",
    "memory": "def f(x):\n    kept = [bytearray(1 << 26) for _ in range(1 << 8)]\n    return x * x\n",
    "a file outside": "def f(x):\n    open('/usr/selfscope-was-here', 'w').write('x')\n    return x * x\n",
    "a large file": (
        "def f(x):\n    with open('/tmp/large', 'wb') as file:\n        for _ in range(1 << 14):\n"
        "            file.write(bytes(1 << 20))\n    return x * x\n"
    ),
    "what is not its own": "import os\ndef f(x):\n    os.listdir('/root')\n    os.listdir('/home')\n    return x * x\n",
    "network": (
        "import socket\ndef f(x):\n    socket.create_connection(('127.0.0.1', PORT), timeout=2)\n    return x * x\n"
    ),
    "output": "import os\ndef f(x):\n    while True:\n        for fd in range(3, 12):\n            try:\n"
    "                os.write(fd, b'x' * 65536)\n            except OSError:\n                pass\n",
    "an early end": "import os\ndef f(x):\n    os._exit(0)\n",
    "an early end before it is called": "import sys\nsys.exit(0)\n",
    "a patched comparison": (
        "class Same(int):\n    def __eq__(self, other):\n        return True\n    __hash__ = int.__hash__\n"
        "import json, math\nmath.isclose = lambda *a, **k: True\ndef f(x):\n    return Same(0)\n"
    ),
    "an answer in the place of its harness": (
        "import os\ndef f(x):\n    for fd in range(3, 12):\n        try:\n"
        "            os.write(fd, b'{\"event\": \"passed\"}\\n')\n        except OSError:\n"
        "            pass\n    return 0\n"
    ),
    "nothing": "",
    "an error": "def f(x):\n    raise KeyError(x)\n",
    "no Python": "def f(x) return x\n",
}
"""Each must fail, soon, and leave nothing behind. PORT is one on which this machine listens."""
STORM = (
    "import os\ndef f(x):\n    while True:\n        try:\n            os.fork()\n        except OSError:\n"
    "            pass\n"
)
"""Processes that start processes. To be tried on a box of level 2 or 3 alone."""
QUICK = Limits(seconds=2.0, mib=256)


def held(found: Box, limits: Limits = QUICK, *, port: int = 9, storm: bool = False) -> dict[str, Run]:
    """What came of every harmful program.

    Parameters
    ----------
    found
        A box.
    limits
        What each may use.
    port
        Of this machine, that somebody listens on.
    storm
        Try STORM too.

    Returns
    -------
    dict of str to Run
        Each has to have failed.
    """
    programs = {**FAILS, **({"a storm of processes": STORM} if storm else {})}
    return {
        name: run(found, Job(text.replace("PORT", str(port)), "f", RIGHT), limits) for name, text in programs.items()
    }


@cache
def tried(name: str = AUTO) -> Box:
    """A box in which a right program passes: asked for once, and then known.

    Parameters
    ----------
    name
        As of `box`.

    Raises
    ------
    Unsupported
        There is none, or it does not start here, and why.
    """
    found = box(name)
    first = run(found, Job(SQUARES, "f", RIGHT))
    if first.outcome != "passed":
        raise Unsupported(
            f"{found.name} does not run programs on this machine: {first.why}. Some systems forbid namespaces to users "
            f"(kernel.unprivileged_userns_clone, apparmor_restrict_unprivileged_userns); docker is another sandbox"
        )
    return found
