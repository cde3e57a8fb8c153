"""The files that a model is made of: one list. What is on it is hashed, and the loaders see nothing else.

A model is loaded from a *view*, a folder of links to the files on the list. So no file can change a number without
changing the identity, and a pickle or a program that lies beside them cannot be opened: it is not there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from selfscope.errors import BadModel, lacking_folder
from selfscope.subjects.cache import file_hash
from selfscope.subjects.damage import quoted, read_json, reading

CONFIGURATION = ("config.json", "generation_config.json")
TOKENIZER = (
    "tokenizer.json", "tokenizer.*.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja", "vocab.json", "vocab.txt",
    "merges.txt", "vocab.bpe", "encoder.json", "*.model", "*.model.v*", "*.spm", "*.tiktoken", "tekken.json",
    "bpe.codes", "byte_maps.json", "dict.txt", "emoji.json", "entity_vocab.json", "normalizer.json",
    "prophetnet.tokenizer", "target_vocab.json", "word_pronunciation.json", "word_shape.json",
    "vocab-src.json", "vocab-tgt.json",
)  # fmt: skip
SETTINGS = (*CONFIGURATION, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json", "spiece.model")
CONVERT = "Pickled weights are never loaded: convert them with save_pretrained(..., safe_serialization=True)."


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model or an adapter.

    names: relative to the folder, sorted. weights: those of them that hold tensors. marks: what tells them apart, where
    that is not their content (of a hub model, its name and commit; of a converted file, the file's own hash).
    """

    folder: Path
    names: tuple[str, ...]
    weights: tuple[str, ...]
    marks: tuple[tuple[str, str], ...] = ()

    @contextmanager
    def view(self) -> Iterator[str]:
        """A folder that holds these files and no other, while it is open."""
        with tempfile.TemporaryDirectory(prefix="selfscope-") as place:
            for name in self.names:
                link = Path(place) / name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to((self.folder / name).resolve())
            yield place

    def fingerprint(self) -> list[list[str]]:
        """What enters the identity of a subject: name and hash of every file, or the marks."""
        return [list(m) for m in self.marks] or [[n, file_hash(self.folder / n)] for n in self.names]


def of_folder(name: str, folder: Path, marks: tuple[tuple[str, str], ...] = ()) -> ModelFiles:
    """The files of a model's folder. Raises BadModel where it holds no weights that may be loaded, or no tokenizer."""
    with _listing(name, folder):
        held = sorted(f.name for f in folder.iterdir())
        if ADAPTER[0] in held:
            raise BadModel(
                f"{name} holds an adapter ({ADAPTER[0]}): give its base model's folder, and this one as the adapter"
            )
        words = _matching(folder, (*CONFIGURATION, *TOKENIZER))
        # transformers takes defaults, without a word, for some of these that it cannot read
        settings = {n: read_json(folder / n, name) for n in SETTINGS if n in held}
        config = settings.get(CONFIGURATION[0], {})
        start = _start(name, folder, config)
        if start is None:
            raise BadModel(f"{name} holds no safetensors weights (it holds {_some(held)}). {CONVERT}")
        if CONFIGURATION[0] not in held:
            raise BadModel(f"{name} has no {CONFIGURATION[0]}. Save the model's configuration there.")
        if not any(v in held for v in VOCABULARIES):
            files = ", ".join(VOCABULARIES)
            raise BadModel(f"{name} has no tokenizer (none of {files}). Save the model's tokenizer there.")
        shards = _shards(name, folder, start) if start.endswith(".index.json") else [start]
    names = sorted({*words, start, *shards})
    return ModelFiles(folder, tuple(names), tuple(shards), marks)


def of_adapter(name: str, folder: Path) -> ModelFiles:
    """The files of a PEFT adapter's folder. Raises BadModel."""
    with _listing(f"the adapter {name}", folder):
        held = sorted(f.name for f in folder.iterdir()) if folder.is_dir() else []
        if not held or ADAPTER[0] not in held:
            why = lacking_folder(name, ADAPTER[0], "adapter")
            raise BadModel(f"{why}: give the folder of an adapter that was trained here or by peft, or a hub name")
        if ADAPTER[1] not in held:
            raise BadModel(f"the adapter {name} has no {ADAPTER[1]} (it holds {_some(held)}). {CONVERT}")
    return ModelFiles(folder, ADAPTER, ADAPTER[1:])


def of_hub(name: str, revision: str | None) -> ModelFiles:
    """The files of a hub model, fetched: first those that are small, then the weights that they name."""
    first = _fetched(name, revision, [*CONFIGURATION, *TOKENIZER, INDEX])
    config = read_json(first / CONFIGURATION[0], name) if (first / CONFIGURATION[0]).exists() else {}
    weights = [str(config.get("transformers_weights") or WEIGHTS)]
    if not config.get("transformers_weights") and (first / INDEX).exists():
        weights = _named(name, first, INDEX)
    folder = _fetched(name, first.name, [*CONFIGURATION, *TOKENIZER, INDEX, *weights])
    return of_folder(name, folder, ((name, folder.name),))


def hub_adapter(name: str) -> ModelFiles:
    """The files of an adapter on the hub, fetched; they are told apart by their content."""
    what = f"there is no folder {name}, and as an adapter of the hub it cannot be fetched"
    return of_adapter(name, _fetched(name, None, list(ADAPTER), what))


def _fetched(name: str, revision: str | None, patterns: Sequence[str], what: str = "") -> Path:
    """The snapshot of a repository, with these of its files. what: stands before why it cannot be had."""
    from huggingface_hub import snapshot_download

    with reading(what or f"{name} cannot be fetched"):
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))


@contextmanager
def _listing(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadModel(f"{name} cannot be read: {quoted(error)}") from error


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) or "nothing"


def _matching(folder: Path, patterns: Sequence[str]) -> list[str]:
    top = [f.name for f in folder.iterdir() if f.is_file()]
    deeper = folder / "additional_chat_templates"
    inner = [f"{deeper.name}/{f.name}" for f in deeper.iterdir() if f.is_file()] if deeper.is_dir() else []
    return [n for n in top + inner if any(fnmatchcase(n, p) for p in patterns)]


def _start(name: str, folder: Path, config: dict[str, Any]) -> str | None:
    """The file of the weights, or their index: as transformers chooses."""
    chosen = config.get("transformers_weights")
    if chosen is not None:
        _inside(name, "config.json", chosen, (".safetensors", ".safetensors.index.json"))
    candidates = [WEIGHTS, INDEX] if chosen is None else [str(chosen)]
    return next((c for c in candidates if (folder / c).is_file()), None)


def _shards(name: str, folder: Path, index: str) -> list[str]:
    shards = _named(name, folder, index)
    for shard in shards:
        if not (folder / shard).is_file():
            raise BadModel(f"{name}: {index} names {shard}, which is not there")
    return shards


def _named(name: str, folder: Path, index: str) -> list[str]:
    """The files that an index names. Raises BadModel for one that is not safetensors, or lies elsewhere."""
    held = read_json(folder / index, name).get("weight_map")
    if not isinstance(held, dict) or not held:
        raise BadModel(f"{name}: {index} has no weight_map that names its files")
    for shard in held.values():
        _inside(name, index, shard, (".safetensors",))
    return sorted(set(held.values()))


def _inside(name: str, index: str, file: Any, suffixes: tuple[str, ...]) -> None:
    if not isinstance(file, str) or not file.endswith(suffixes):
        raise BadModel(f"{name}: {index} names {str(file)[:80]!r}, which is not safetensors. {CONVERT}")
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        raise BadModel(f"{name}: {index} names {file[:80]!r}, which is not in the model's folder")
