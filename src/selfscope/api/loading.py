"""From a name to a subject: the phantom, a packaged model, a folder or hub name, a server, or the user's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from selfscope import catalogue
from selfscope.errors import SelfscopeError, UnknownName
from selfscope.subjects.base import Subject

DEFAULT = "smollm2-135m"
FORMS = "phantom, a packaged model (`selfscope models list`), a folder, a hub name, api:MODEL@URL, or module:object"


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
        phantom, or phantom:access=0.4,habit=0.2 (dials); smollm2-135m and other packaged models; a folder or hub name
        of a causal language model; api:MODEL@http://host:port/v1; module:object of your own (a Subject, or what returns
        one).
    device
        cpu, cuda or mps (default: what is there). This and all below is for models that run here.
    dtype
        float32 or bfloat16 (default: float32 up to two billion parameters).
    revision
        Branch, tag or commit of a hub model.
    adapter
        A PEFT adapter, a folder or a hub name; it is merged.

    Returns
    -------
    Subject
        Of the tier that it reaches: `ScoringSubject` from logprobs on, `OpenSubject` from activations on.

    Raises
    ------
    UnknownName
        Nothing has this name.
    BadModel
        A folder that cannot be used.
    ServerError
        A server that does not answer.
    SelfscopeError
        Settings that do not go with the name.
    """
    settings = {"device": device, "dtype": dtype, "revision": revision, "adapter": adapter}
    given = {k: v for k, v in settings.items() if v is not None}
    head, _, rest = name.partition(":")
    if head == "phantom":
        _no_settings(name, given)
        try:
            return _made(catalogue.resolve("subject", "phantom")(name=name, **_dials(rest)))
        except (TypeError, ValueError) as error:
            raise SelfscopeError(f"{name}: {error}") from None
    if head == "api":
        _no_settings(name, given)
        model, at, url = rest.partition("@http")
        if not at or not model:  # what was given may hold a key: it is not repeated
            raise SelfscopeError("a server is written api:MODEL@URL, as in api:qwen@http://localhost:8000/v1")
        return _made(catalogue.resolve("subject", "api")(model, f"http{url}"))
    if rest and not Path(name).exists():
        found = catalogue.resolve("subject", name)
        return _made(found if isinstance(found, Subject) else found())
    try:
        local = catalogue.resolve("subject", "local")
    except ModuleNotFoundError as error:
        raise SelfscopeError(f"models that run here need {error.name}: pip install 'selfscope[hf]'") from None
    return _made(local(name, **given, say=_say))


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _made(subject: Any) -> Subject:
    if not isinstance(subject, Subject):
        raise SelfscopeError(f"{type(subject).__name__} is no subject: it lacks name, identity, tier, chat or sample")
    return subject


def _no_settings(name: str, given: dict[str, str]) -> None:
    if given:
        raise SelfscopeError(f"{name} takes no --{next(iter(given))}: that is for models that run here")


def _dials(text: str) -> dict[str, Any]:
    """"access=0.4,form=choice" -> the phantom's keyword arguments."""
    dials: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise UnknownName("dial", part, ["NAME=VALUE"], "As in phantom:access=0.4,habit=0.2.")
        try:
            dials[key.strip()] = float(value) if "." in value else int(value)
        except ValueError:
            dials[key.strip()] = value.strip()
    return dials
