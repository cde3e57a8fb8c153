"""A model behind an OpenAI-compatible chat server: text tier, one request a draw, many in flight.

The key comes from $SELFSCOPE_API_KEY, for hosts of openai.com else from $OPENAI_API_KEY, and goes nowhere but into the
request. A seed is sent with
every request, but few servers promise the same answer to the same seed: what a server calls its fingerprint, and when
it answered, stand in `environment`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from selfscope.errors import SelfscopeError, ServerError, Unsupported
from selfscope.records import Cost, Decoding, Message, Prompt, Reply, content_hash
from selfscope.secrets import cleaned
from selfscope.subjects.base import OnDone, lacking
from selfscope.subjects.chat_answers import Answer, RequestFailed
from selfscope.subjects.chat_http import Wire, is_here, key_name
from selfscope.subjects.chat_threads import Threads
from selfscope.terminal import one_line, say

MOST_STOPS = 4  # what servers take; the others are cut here
HOPELESS = 8  # prompts that fail one after the other before a server counts as down
SILENT = 5  # times the time of an answer without any, before a server counts as down
LONGEST_NAME, MOST_NAMES = 100, 8  # characters of what a server calls itself, and how many such names are kept
ADVICE = {
    "down": "Is the server running, and is the address right (it usually ends in /v1)?",
    "slow": "The server is too slow or stuck: look at its load, or ask it for fewer things at once.",
    "busy": "The server is overloaded or broken: look at its log, and run again with --resume later.",
    "refused": "Check the key in $SELFSCOPE_API_KEY ($OPENAI_API_KEY is for openai.com), the model and the address.",
    "garbage": "Is this the address of a chat server (it usually ends in /v1)?",
    "bad": "The server does not take the request: check the model's name and its context length.",
}


@dataclass
class ApiSubject:
    """Any model behind an OpenAI-compatible chat server. Build it with `load_api`; holds no key.

    identity: hash of the base URL and the model's name (what runs behind them may change: see `environment`).
    in_flight: requests at a time. timeout: seconds for one whole answer, and three times that for all its tries; a
    server that answers nothing for five times that ends the call. tries: requests at most for one answer, on 429, 5xx,
    timeouts and lost connections. backoff: seconds before the second try, doubled with each, with jitter.
    """

    name: str
    identity: str
    model: str
    url: str
    in_flight: int = 8
    timeout: float = 60.0
    tries: int = 5
    backoff: float = 0.5
    environment: dict[str, Any] = field(default_factory=dict)
    tier: str = "text"
    chat: bool = True
    spent: Cost = field(default_factory=Cost)
    _announced: bool = field(default=False, repr=False)
    _dropped: dict[str, str] = field(default_factory=dict, repr=False)

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """n replies a prompt (temperature 0: asked once, n copies). `on_done` is called from the calling thread.

        An assistant prefix is sent as a last assistant message. Most servers go on from it, some start a new turn: a
        prefix that is repeated in the answer is cut off. A request that fails after its retries gives a Reply with
        finish "error". Raises ServerError when all of them fail or the server is gone, Unsupported for prompts that are
        text or token ids.
        """
        bodies = [self._body(prompt, decoding) for prompt in prompts]
        n += decoding.and_greedy
        draws = min(n, 1) if decoding.temperature == 0 else n
        if not bodies or not draws:
            return [[] for _ in prompts]
        self._tell()
        start = time.perf_counter()
        board = _Board(self.url, SILENT * self.timeout, [[None] * draws for _ in prompts], n, on_done or _ignore)
        wire = Wire(self.url, self.timeout, self.tries, self.backoff, dropped=self._dropped)
        jobs: list[Callable[[], _Result]] = []
        for prompt, body in zip(prompts, bodies, strict=True):
            cut = _cutter(prompt.prefix, decoding.stop)
            for draw in range(draws):
                sent = {**body, "seed": _seed(decoding.seed, prompt, draw)}
                if decoding.and_greedy and draw == n - 1:
                    sent["temperature"] = 0.0
                jobs.append(partial(_one, wire, sent, cut))
        with wire, Threads(jobs, self.in_flight) as threads:
            try:
                for number, result in threads:
                    self._note(result.answer)
                    board.put(*divmod(number, draws), result)
            finally:
                wire.stop()
                self.spent += replace(board.cost(), seconds=time.perf_counter() - start)
        return board.replies()

    def _body(self, prompt: Prompt, decoding: Decoding) -> dict[str, Any]:
        """The request of a prompt, seed aside."""
        if prompt.text is not None or prompt.ids is not None:
            raise Unsupported(f"{self.name} is a chat server: it takes messages, no running text and no token ids")
        if prompt.interventions or prompt.masked:
            raise lacking(self.name, self.tier, "activations")
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": m.role, "content": m.content} for m in _turns(prompt)],
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
        }
        if decoding.stop:
            body["stop"] = list(decoding.stop[:MOST_STOPS])
        return body

    def _tell(self) -> None:
        """What leaves the machine, once, before the first request."""
        if self._announced:
            return
        self._announced = True
        key = key_name(self.url)
        whose = f"with the key in ${key}" if key else "without a key"
        line = f"{self.name}: all prompts and questions are sent to {self.url} as model {self.model!r}, {whose}"
        if key and self.url.startswith("http:") and not is_here(self.url):
            line += " (unencrypted: use https if you can)"
        say(line, error=True)

    def _note(self, answer: Answer | None) -> None:
        """What the server says that it is, and when."""
        if answer is None:
            return
        known = self.environment
        known["last_answer"] = datetime.now(UTC).isoformat(timespec="seconds")
        known.setdefault("date", known["last_answer"])
        for key, said in (("system_fingerprint", answer.system_fingerprint), ("server_model", answer.model)):
            value, there = one_line(said, LONGEST_NAME), known.get(key, "").split(", ")
            if value and value not in there and len(there) < MOST_NAMES:
                known[key] = f"{known[key]}, {value}" if key in known else value
        if "seed" in self._dropped:
            known["seed"] = "not taken by the server"


@dataclass(frozen=True)
class _Result:
    """What became of one draw. alone: nothing else was answered while it tried."""

    reply: Reply
    answer: Answer | None = None
    failed: RequestFailed | None = None
    alone: bool = False


@dataclass
class _Board:
    """The replies so far, and whether there is still hope. `table` is (prompts, draws). silent: seconds without any
    answer that end it."""

    url: str
    silent: float
    table: list[list[Reply | None]]
    n: int
    on_done: OnDone
    finished: list[int] = field(default_factory=list)
    failing: dict[int, None] = field(default_factory=dict)
    answered: bool = False
    last: float = field(default_factory=time.monotonic)

    def put(self, i: int, draw: int, result: _Result) -> None:
        """Takes one draw. Raises ServerError when the server is gone; tells `on_done` of finished prompts, but not
        before one request was answered: replies that are all errors are no replies."""
        self.table[i][draw] = result.reply
        if result.failed is None:
            self.answered, self.last = True, time.monotonic()
            self.failing.clear()
        else:
            self._despair(i, result.failed, result.alone)
        if None not in self.table[i]:
            self.finished.append(i)
        while self.answered and self.finished:
            done = self.finished.pop(0)
            self.on_done(done, self.row(done))
        if result.failed is not None and not self.answered and len(self.finished) == len(self.table):
            raise self._gone(result.failed, "none of the requests was answered")

    def row(self, i: int) -> list[Reply]:
        """The n replies of a finished prompt; greedy copies cost nothing."""
        replies = [reply for reply in self.table[i] if reply is not None]
        return [*replies, *[replace(replies[0], cost=Cost())] * (self.n - len(replies))]

    def replies(self) -> list[list[Reply]]:
        """All of them, in the order of the prompts."""
        return [self.row(i) for i in range(len(self.table))]

    def cost(self) -> Cost:
        """Of what came back."""
        return sum((reply.cost for row in self.table for reply in row if reply is not None), Cost())

    def _despair(self, i: int, failed: RequestFailed, alone: bool) -> None:
        """A wrong key or address, or a server that nobody can reach, does not get better with the next prompt."""
        self.failing[i] = None
        if failed.kind == "refused" and not self.answered:
            raise self._gone(failed, "the server refuses the requests")
        if alone and (failed.kind == "down" or (failed.kind in ("garbage", "slow") and not self.answered)):
            raise self._gone(failed, "the server cannot be used")
        if len(self.failing) > 1 and time.monotonic() - self.last > self.silent:
            raise self._gone(failed, f"nothing was answered for {self.silent:g} s")
        if failed.passing and len(self.failing) >= HOPELESS:
            raise self._gone(failed, f"{len(self.failing)} prompts failed one after the other")

    def _gone(self, failed: RequestFailed, why: str) -> ServerError:
        return ServerError(f"{self.url}: {why}: {failed.what}. {ADVICE[failed.kind]}")


def load_api(
    model: str, url: str, *, in_flight: int = 8, timeout: float = 60.0, tries: int = 5, backoff: float = 0.5
) -> ApiSubject:
    """The subject behind a chat server: `model` as the server calls it, `url` up to and with /v1.

    Nothing is sent before the first prompt. in_flight, timeout (seconds for one answer), tries and backoff (seconds):
    see `ApiSubject`. Raises SelfscopeError for an address that cannot be one, or that carries a key.
    """
    base = url.strip().rstrip("/").removesuffix("/chat/completions")
    try:
        parts = urlsplit(base)
        host, secret = parts.hostname, parts.username or parts.password or parts.query or parts.fragment
        _ = parts.port
    except ValueError:
        raise SelfscopeError("the server's address is no URL: as in http://localhost:8000/v1") from None
    if secret:
        raise SelfscopeError(
            "the server's address carries a user, a key or a query: it would be written to the study's folder. "
            "Put the key into $SELFSCOPE_API_KEY."
        )
    if parts.scheme not in ("http", "https") or not host or one_line(base).split() != [base] or not base.isascii():
        raise SelfscopeError(f"{url!r} is no address of a server: as in http://localhost:8000/v1")
    if not model:
        raise SelfscopeError("a server's model has a name: api:MODEL@URL")
    if cleaned(f"{model} {base}") != f"{model} {base}":
        raise SelfscopeError("the server's address or model's name holds a key: both are written to the study's folder")
    if min(in_flight, tries) < 1 or timeout <= 0 or backoff < 0:
        raise SelfscopeError("in_flight and tries are at least 1, timeout is positive, backoff not negative")
    environment: dict[str, Any] = {"server": base, "model": model, "in_flight": in_flight}
    identity = content_hash("api", base, model)
    return ApiSubject(f"api:{model}@{base}", identity, model, base, in_flight, timeout, tries, backoff, environment)


def _one(wire: Wire, body: Mapping[str, Any], cut: Callable[[str], str]) -> _Result:
    """One draw, in a thread of the pool."""
    before, start = wire.answered, time.monotonic()
    try:
        answer = wire.ask(body)
    except RequestFailed as failed:
        reply = Reply(
            "", "error", cost=Cost(calls=1, seconds=time.monotonic() - start), error=f"{wire.url}: {failed.what}"
        )
        return _Result(reply, failed=failed, alone=wire.answered == before)
    return _Result(_reply(answer, cut), answer)


def _reply(answer: Answer, cut: Callable[[str], str]) -> Reply:
    """A checked completion as a reply. What a model thinks aloud in a field of its own is no part of the text."""
    text, finish = answer.text, {"length": "length", "content_filter": "refused"}.get(answer.finish, "stop")
    if answer.refusal:
        text, finish = text or answer.refusal, "refused"
    return Reply(cut(text), finish, cost=Cost(1, answer.prompt_tokens, answer.output_tokens, answer.seconds))


def _turns(prompt: Prompt) -> tuple[Message, ...]:
    return (*prompt.messages, Message("assistant", prompt.prefix)) if prompt.prefix else prompt.messages


def _cutter(prefix: str, stops: Sequence[str]) -> Callable[[str], str]:
    """Cuts a repeated prefix off the front, and what follows a stop: servers take few stops, and some none."""

    def cut(text: str) -> str:
        answer = text.removeprefix(prefix)
        return answer[: min((answer.index(s) for s in stops if s in answer), default=len(answer))]

    return cut


def _seed(seed: int, prompt: Prompt, draw: int) -> int:
    """The seed of one draw, 31 bits: the same prompt asked again gets the same ones, whatever stands beside it."""
    return int(content_hash(seed, prompt.messages, prompt.prefix, draw, size=8), 16) >> 1


def _ignore(index: int, replies: Any) -> None:
    """Nobody listens."""
