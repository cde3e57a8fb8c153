"""From a name to a subject: SCHEME:REST, where the catalogue has the scheme, or it is the user's own `module:object`.

A name without a scheme is that of files: a bundled model, a folder, a .gguf file, a hub name.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from selfscope import catalogue
from selfscope.errors import SelfscopeError, UnknownName
from selfscope.settings import built_with, read_settings, settable
from selfscope.terminal import say

if TYPE_CHECKING:
    from selfscope.subjects.base import Subject

DEFAULT = "smollm2-135m"
FILES = "local"
"""The scheme of names that have none."""
WAITS = (
    "A server has 60 s for an answer and 180 s for all tries of it; one that answers nothing for 300 s ends the run, "
    "and --resume goes on with it."
)
"""What a command says of servers (`load_api` has other figures as arguments)."""
HARDWARE = frozenset({"device", "dtype", "revision", "adapter"})
Options = Mapping[str, str]


@dataclass(frozen=True)
class Loader:
    """How the subjects of a scheme are made.

    form: how their names look. make: (what the catalogue has for the scheme, the scheme, what stands behind it, options
    of the hardware) -> subject. Which options there are is what the object takes.
    """

    form: str
    make: Callable[[Any, str, str, Options], Any]


def load(
    name: str,
    *,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    adapter: str | None = None,
) -> Subject:
    """The subject of a name.

    Parameters
    ----------
    name
        `phantom`, `open-phantom`, with dials as in `phantom:access=0.4,habit=0.2`; `smollm2-135m` and other bundled
        models; a folder, a .gguf file or a hub name of a causal language model; `api:MODEL@http://host:port/v1`;
        `module:object` of your own (a subject, or what makes one; its settings may follow: `module:Class:size=3`).
    device, dtype, revision, adapter
        Of models that run here: cpu, cuda or mps; float32, bfloat16 or float16; branch, tag or commit of a hub model; a
        PEFT adapter.

    Returns
    -------
    Subject
        Of the tier that it reaches: `ScoringSubject` from logprobs on, `OpenSubject` from activations on.

    Raises
    ------
    UnknownName
        A scheme, model or dial that does not exist; the nearest one is offered.
    BadModel, ServerError
        A model or server that cannot be used.
    """
    settings = {"device": device, "dtype": dtype, "revision": revision, "adapter": adapter}
    options = {k: v for k, v in settings.items() if v is not None}
    scheme, detail = _scheme(name)
    try:
        thing = catalogue.resolve("subject", scheme)
    except ModuleNotFoundError as error:
        if scheme != FILES:
            raise
        raise SelfscopeError(f"models that run here need {error.name}: pip install 'selfscope[hf]'") from None
    for option in options:
        if option not in _argument_types(thing):
            raise SelfscopeError(f"{scheme} takes no --{option}: that is for models that run here")
    return _checked(_loader(scheme).make(thing, scheme, detail, options))


def options_of(name: str) -> frozenset[str]:
    """Options of the hardware that `load` takes with a name."""
    scheme, _ = _scheme(name)
    return HARDWARE & _argument_types(catalogue.resolve("subject", scheme)).keys()


def forms() -> str:
    """How names of subjects look, as a list for people."""
    *first, files = [_loader(scheme).form for scheme in (*_schemes(), FILES)]
    return ", ".join([*first, files, "or your own module:object"])


def _scheme(name: str) -> tuple[str, str]:
    """The scheme of a name, and what stands behind it."""
    head, colon, detail = name.partition(":")
    if head in _schemes() or (head == FILES and colon):
        return head, detail
    if not colon or os.path.exists(name):
        _look(name)
        return FILES, name
    attribute, _, behind = detail.partition(":")
    return f"{head}:{attribute}", behind


def _schemes() -> list[str]:
    return [name for name in catalogue.names("subject") if name != FILES]


def _look(name: str) -> None:
    """Raises UnknownName, with the nearest name of all kinds, where a name is neither here nor one of a hub."""
    from selfscope.subjects import bundled_models, weights

    if name in bundled_models.PACKAGES:
        return
    try:
        weights.source_of(name, None)
    except UnknownName:
        raise UnknownName("model", name, [*_schemes(), *bundled_models.PACKAGES], f"A model is {forms()}.") from None


def _dialled(thing: Any, scheme: str, detail: str, options: Options) -> Any:
    """What a class or function makes of dials, read by the types that it declares. A subject stands as it is."""
    name = f"{scheme}:{detail}" if detail else scheme
    if not callable(thing) or _is_subject(thing):
        if detail:
            raise SelfscopeError(f"{scheme} is an object as it stands: it takes no {detail!r}")
        return thing
    types_of = _argument_types(thing)
    types = {k: v for k, v in types_of.items() if k != "name" and k not in options}
    dials = read_settings(detail, types, name, what=f"dial of {scheme}")
    own = {"name": name} if "name" in types_of else {}
    return built_with(thing, {**own, **options, **dials}, name)


def _server(thing: Any, scheme: str, detail: str, options: Options) -> Any:
    model, at, url = detail.partition("@http")
    if not at or not model:  # what stands there may hold a key: it is not repeated
        raise SelfscopeError("a server is written api:MODEL@URL, as in api:qwen@http://localhost:8000/v1")
    return thing(model, f"http{url}")


def _files(thing: Any, scheme: str, detail: str, options: Options) -> Any:
    return thing(detail, **options, say=partial(say, error=True))


LOADERS = {
    "api": Loader("api:MODEL@URL", _server),
    FILES: Loader("a bundled model (`selfscope models list`), a folder, a .gguf file, a hub name", _files),
}
"""Schemes whose names are no dials."""


def _loader(scheme: str) -> Loader:
    return LOADERS.get(scheme) or Loader(f"{scheme}[:DIAL=VALUE,...]", _dialled)


def _argument_types(thing: Any) -> dict[str, Any]:
    """Type of each argument by name that a class or function takes."""
    if not callable(thing):
        return {}
    keywords = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    try:
        signature = inspect.signature(thing, eval_str=True)
    except NameError:  # a type that only a checker imports
        signature = inspect.signature(thing)
    named = [p for p in signature.parameters.values() if p.kind in keywords]
    types = {p.name: Any if p.annotation is p.empty or isinstance(p.annotation, str) else p.annotation for p in named}
    own = settable(thing)
    return {**({"name": str} if "name" in types else {}), **own} if own else types


def _is_subject(thing: Any) -> bool:
    from selfscope.subjects.base import Subject

    return isinstance(thing, Subject) and not isinstance(thing, type)


def _checked(subject: Any) -> Subject:
    from selfscope.subjects.base import Subject

    if isinstance(subject, Subject):
        return subject
    raise SelfscopeError(f"{type(subject).__name__} is no subject: it lacks name, identity, tier, chat or sample")
