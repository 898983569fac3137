"""A server under hostile requests: sends them over real sockets and judges every answer."""

import http.client
import json
import socket
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from hostile import Attack, Request
from paper import Paper

SETTLED = 250  # requests after which new things are made for the next ones
PATIENCE = 30.0  # seconds for an answer; a server that takes longer hangs


@dataclass
class Verdict:
    """What became of many requests: how often which kind was answered how, and what was wrong."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    complaints: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        lines = [
            f"{number:6} {kind:10} {status or 'no answer'}" for (kind, status), number in sorted(self.answers.items())
        ]
        return "\n".join([*lines, *self.complaints[:20], f"{len(self.complaints)} complaints"])


@dataclass(frozen=True)
class _Answer:
    status: int
    media: str
    body: bytes


class Siege:
    """Besieges one server; `bases` are those of its dialects."""

    def __init__(self, url: str, *, bases: tuple[str, ...], key: str | None = None) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._place = (address.hostname, address.port)
        self._key = key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx2.Client(base_url=url, trust_env=False, timeout=PATIENCE, headers=headers)
        self.document = self._http.get("/openapi.json").json()
        self._paper = Paper(self.document)
        self._bases = bases
        self._envelopes = {base: self._envelope(base) for base in bases}

    def close(self) -> None:
        self._http.close()

    def send(self, number: int, seed: int) -> Verdict:
        """So many requests."""
        attack, verdict = Attack(self.document, seed, self._key), Verdict()
        for nth in range(number):
            if nth % SETTLED == 0:  # some requests delete what is there
                attack.ids, attack.lines = self._settle(), self._exported()
            request = attack.request()
            answer = self._ask(request)
            verdict.answers[request.kind, answer.status if answer else 0] += 1
            verdict.complaints += [f"seed {seed}: {request.data[:4000]!r}\n  {c}" for c in self._judge(request, answer)]
        return verdict

    def converse(self) -> None:
        """A conversation as it should be, in each dialect: nothing that was sent before may hinder it."""
        for base in self._bases:
            made = self._post(f"{base}/assistants", model="m", instructions="Be brief.")
            thread = {"messages": [{"role": "user", "content": "are you there?"}]}
            run = self._post(f"{base}/threads/runs", assistant_id=made["id"], thread=thread)
            place = f"{base}/threads/{run['thread_id']}"
            self._wait(f"{place}/runs/{run['id']}")
            newest = self._http.get(f"{place}/messages").json()["data"][0]
            assert "are you there?" in json.dumps(newest), newest
            assert self._http.delete(f"{base}/assistants/{made['id']}").json()["deleted"] is True

    def _wait(self, path: str) -> None:
        for _ in range(600):
            status = self._http.get(path).json()["status"]
            if status not in ("queued", "in_progress"):
                break
        assert status == "completed", status

    def _settle(self) -> dict[str, list[str]]:
        """A few things that exist, so that some requests get past the first look."""
        ids: dict[str, list[str]] = {"assistant": [], "thread": [], "message": [], "run": []}
        for base in self._bases:
            assistant = self._post(f"{base}/assistants", model="m")["id"]
            thread = self._post(f"{base}/threads")["id"]
            message = self._post(f"{base}/threads/{thread}/messages", role="user", content="hi")["id"]
            run = self._post(f"{base}/threads/{thread}/runs", assistant_id=assistant)["id"]
            for kind, found in zip(ids, (assistant, thread, message, run), strict=True):
                ids[kind].append(found)
        return ids

    def _exported(self) -> list[str]:
        """A thread, as the lines of an export."""
        base = self._bases[0]
        thread = self._post(f"{base}/threads", messages=[{"role": "user", "content": "hi"}])["id"]
        return self._http.get(f"{base}/threads/{thread}/export").text.splitlines()

    def _post(self, path: str, **body: Any) -> Any:
        answer = self._http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _ask(self, request: Request) -> _Answer | None:
        """The first answer; None: there was none."""
        with socket.create_connection(self._place, timeout=PATIENCE) as client:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read: the answer may be there
                client.sendall(request.data)
            if request.broken:
                client.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(client, method=request.method)
            try:
                answer.begin()
                return _Answer(answer.status, answer.headers.get("content-type", ""), answer.read())
            except (http.client.HTTPException, ConnectionError, ValueError):
                return None
            except TimeoutError:
                return None if request.broken else _Answer(599, "", b"no answer in time")

    def _judge(self, request: Request, answer: _Answer | None) -> list[str]:
        """What is wrong with an answer."""
        if answer is None:
            return [] if request.broken else ["no answer"]
        if answer.status >= 500:
            return [f"{answer.status}: {answer.body[:300]!r}"]
        path = request.path.partition("?")[0]
        mine = any(path.startswith(base + "/") for base in self._bases)
        if request.broken or not mine or request.method == "HEAD":
            return []
        if answer.status == 200:
            told = (answer.status, answer.media, answer.body)
            return list(self._paper.complaints(request.method, path, *told))
        return self._refusal(path, answer)

    def _refusal(self, path: str, answer: _Answer) -> list[str]:
        """A refusal stands in the envelope of the dialect whose path was asked for."""
        base = next(base for base in self._bases if path.startswith(base + "/"))
        if answer.media != "application/json":
            return [f"{answer.status} {answer.media!r}: {answer.body[:300]!r}"]
        if not self._envelopes[base].is_valid(json.loads(answer.body)):
            return [f"{answer.status} not in the dialect's envelope: {answer.body[:300]!r}"]
        return []

    def _envelope(self, base: str) -> Any:
        """What a refusal of a dialect looks like."""
        verbs = next(verbs for path, verbs in self.document["paths"].items() if path.startswith(base + "/"))
        refused = next(iter(verbs.values()))["responses"]["400"]
        return self._paper.validator(refused["content"]["application/json"]["schema"])
