"""Boxes in which a program runs: what holds it, and what it may use.

Level 3 is a container without a network; level 2 namespaces of its own, without a privilege (bubblewrap). Level 1 is a
process with limits and no boundary at all: it is no sandbox, and is taken only by who asks for it by name.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from selfscope.errors import UnknownName, Unsupported

AUTO = "auto"
IMAGE = "python:3.11-slim"
"""Of a container; it is never fetched here."""
SYSTEM = "/usr/bin/python3"
PROCESSES = 32
"""Of a program, its harness and its box."""
FIRST_USER = 200_000
_users = itertools.count(os.getpid() * 97 % 100_000)
Command = Callable[["Limits"], list[str]]


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    Attributes
    ----------
    seconds : float
        By the clock, for all that is asked of one program; so much of a processor too.
    mib : int
        Of memory; a quarter of it in files.
    output : int
        Bytes that it may answer.
    """

    seconds: float = 5.0
    mib: int = 1024
    output: int = 1 << 20


@dataclass(frozen=True)
class Box:
    """Where programs run.

    Attributes
    ----------
    name : str
        bubblewrap, docker or subprocess.
    level : int
        3, 2, or 1: no boundary.
    command : callable
        Of limits: the words that start an interpreter in it, which takes its code behind them.
    """

    name: str
    level: int
    command: Command

    def __str__(self) -> str:
        kind = "a sandbox" if self.level > 1 else "no sandbox"
        return f"{self.name} (level {self.level}, {kind})"


def box(name: str = AUTO) -> Box:
    """A box of this machine.

    Parameters
    ----------
    name
        bubblewrap, docker, subprocess (no boundary), or auto: the first of the two that are one.

    Returns
    -------
    Box
        Not tried yet: see `self_test.tried`.

    Raises
    ------
    UnknownName
        There is no such box.
    Unsupported
        This machine has none, and what to install.
    """
    if name != AUTO:
        if name not in BOXES:
            raise UnknownName("sandbox", name, [AUTO, *BOXES])
        return BOXES[name]()
    missing = []
    for known in ("bubblewrap", "docker"):
        try:
            return BOXES[known]()
        except Unsupported as error:
            missing.append(str(error))
    raise Unsupported(
        f"programs that a model writes run in a sandbox, and there is none here: {'; '.join(missing)}. "
        f"Without any boundary they run only where that is asked for by name: sandbox=subprocess"
    )


def _bubblewrap() -> Box:
    bwrap, *others = (shutil.which(tool) for tool in ("bwrap", "prlimit", "setpriv"))
    if not sys.platform.startswith("linux"):
        raise Unsupported("bubblewrap is of Linux")
    if bwrap is None:
        raise Unsupported("bubblewrap is not installed (apt install bubblewrap)")
    if None in others:
        raise Unsupported("prlimit and setpriv are not installed (apt install util-linux)")
    python, bound = _interpreter()

    def command(limits: Limits) -> list[str]:
        own = os.getuid()
        # A limit of processes holds no root and counts all that a user has: who is root gets a user of its own a run.
        user = FIRST_USER + next(_users) % 100_000
        as_user = [
            "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"
        ] if own == 0 else []  # fmt: skip
        count = PROCESSES if own == 0 else PROCESSES + _tasks(own)
        places = [word for place in bound for word in ("--ro-bind", place, place)]
        links = [word for name in ("lib", "lib64", "bin") for word in ("--symlink", f"usr/{name}", f"/{name}")]
        return [
            *as_user, *_limited(limits), f"--nproc={count}", bwrap, "--unshare-all", "--unshare-user",
            "--disable-userns", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
            "--setenv", "PATH", "/usr/bin", *places, *links, "--proc", "/proc", "--dev", "/dev",
            "--size", str(limits.mib << 18), "--tmpfs", "/tmp", "--chdir", "/tmp", python, *ISOLATED,
        ]  # fmt: skip

    return Box("bubblewrap", 2, command)


def _docker() -> Box:
    docker = shutil.which("docker")
    if docker is None:
        raise Unsupported("docker is not installed")

    def command(limits: Limits) -> list[str]:
        return [
            docker, "run", "--rm", "--interactive", "--pull=never", "--network=none", "--read-only",
            f"--memory={limits.mib}m", f"--memory-swap={limits.mib}m", f"--pids-limit={PROCESSES}", "--cpus=1",
            f"--ulimit=cpu={_cpu(limits)}", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=65534:65534",
            f"--tmpfs=/tmp:size={limits.mib // 4}m", "--workdir=/tmp", IMAGE,
            "timeout", "--signal=KILL", f"{limits.seconds + 1:g}", "python3", *ISOLATED,
        ]  # fmt: skip

    return Box("docker", 3, command)


def _subprocess() -> Box:
    prlimit = shutil.which("prlimit")

    def command(limits: Limits) -> list[str]:
        limited = [] if prlimit is None else [*_limited(limits), f"--nproc={PROCESSES + _tasks(os.getuid())}"]
        return [*limited, sys.executable, *ISOLATED]

    return Box("subprocess", 1, command)


BOXES: Mapping[str, Callable[[], Box]] = {"bubblewrap": _bubblewrap, "docker": _docker, "subprocess": _subprocess}
ISOLATED = ("-I", "-S", "-B", "-c")


def _limited(limits: Limits) -> list[str]:
    return [
        "prlimit", f"--as={limits.mib << 20}", f"--cpu={_cpu(limits)}:{_cpu(limits) + 1}",
        f"--fsize={limits.mib << 18}", "--nofile=64", "--core=0",
    ]  # fmt: skip


def _cpu(limits: Limits) -> int:
    return max(1, round(limits.seconds))


def _tasks(user: int) -> int:
    """Processes and threads that a user has."""
    count = 0
    for place in Path("/proc").glob("[0-9]*"):
        try:
            count += len(os.listdir(place / "task")) if place.stat().st_uid == user else 0
        except OSError:
            continue  # it has ended
    return count


def _interpreter() -> tuple[str, list[str]]:
    """An interpreter that the user of a box can read, and the folders that are bound for it."""
    if Path(SYSTEM).exists():
        return SYSTEM, ["/usr"]
    own = Path(sys.base_prefix)
    python = own / "bin" / f"python3.{sys.version_info.minor}"
    if python.exists() and (os.getuid() != 0 or all(p.stat().st_mode & stat.S_IXOTH for p in (own, *own.parents))):
        return str(python), ["/usr", str(own)]
    raise Unsupported(f"no interpreter that a sandboxed program can read: install {SYSTEM} (apt install python3)")
