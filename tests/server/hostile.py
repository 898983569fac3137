"""Hostile requests, as bytes for a socket: seeded, so that a number brings the same ones again.

Bodies grow out of the OpenAPI document: a good body, one of whose fields is then replaced by something odd. Others are
odd all over: encodings, sizes, depths, paths, queries, headers, and HTTP that is none.
"""

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """`broken`: not even HTTP, so that the server may answer in its own words, or not at all."""

    kind: str
    method: str
    path: str
    data: bytes
    broken: bool = False


# --- odd values

SURROGATE = object()  # stands for a lone surrogate, which Python's own JSON can write


class Raw(str):
    """JSON that Python would not write so."""


def _deep(random: Random) -> Raw:
    levels = random.choice((63, 64, 65, 200, 1_000, 100_000))
    return Raw("[" * levels + "]" * levels) if random.random() < 0.5 else Raw('{"a":' * levels + "1" + "}" * levels)


ODD: tuple[Callable[[Random], Any], ...] = (
    lambda r: None,
    lambda r: r.choice((True, False)),
    lambda r: r.choice((0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1)),
    lambda r: Raw("9" * 5_000),
    lambda r: Raw(r.choice(("NaN", "Infinity", "-Infinity", "1e400", "-0.0", "1e-400", "0x10", "01", ".5", "1."))),
    lambda r: r.choice((0.5, 1.0, -1.5, 1e308)),
    lambda r: r.choice(("", " ", "\0", "a\0b", "\x7f", "é", "日本語", "🙂" * 3, "\u202e", "\ufeff", "\ufffe")),
    lambda r: Raw(r.choice(('"\\ud800"', '"\\udc00\\ud800"', '"a\\udfffb"', '"\\u0000"', '"\\x41"', '"\n"'))),
    lambda r: "x" * r.choice((65, 257, 513, 5_000, 300_000)),
    lambda r: r.choice(("../../etc/passwd", "%00", "' OR 1=1 --", "${env.HOME}", "{{7*7}}", "<script>", "a/b", "..")),
    lambda r: [],
    lambda r: [None],
    lambda r: ["x"] * r.choice((1, 200, 2_000)),
    lambda r: [[], {}, 1, "x"],
    lambda r: {},
    lambda r: {"type": "function"},
    lambda r: {"": ""},
    lambda r: {f"k{i}": "v" for i in range(r.choice((17, 1_000)))},
    lambda r: {"__proto__": {"a": 1}, "constructor": 1, "id": "x", "object": "thread"},
    _deep,
)


def odd(random: Random) -> Any:
    """Anything but what is wanted."""
    return random.choice(ODD)(random)


def written(value: Any) -> str:
    """JSON, also of values that are none."""
    match value:
        case Raw():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(k)}:{written(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


# --- good bodies, of the document's schemas, and what becomes of them


class Bodies:
    """Makes bodies for the document's operations."""

    def __init__(self, document: Json, random: Random) -> None:
        self._document = document
        self._random = random

    def good(self, schema: Json, depth: int = 0) -> Any:
        """Something that fits, simple and short."""
        random = self._random
        if "$ref" in schema:
            return self.good(self._follow(schema["$ref"]), depth)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self.good(random.choice(schema[word]), depth)
        if "allOf" in schema:
            return {key: value for part in schema["allOf"] for key, value in self.good(part, depth).items()}
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return random.choice(schema["enum"])
        kind = schema.get("type", "object")
        kind = kind if isinstance(kind, str) else random.choice(kind)
        return self._of(kind, schema, depth)

    def _follow(self, reference: str) -> Json:
        found: Any = self._document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found

    def _of(self, kind: str, schema: Json, depth: int) -> Any:
        random = self._random
        match kind:
            case "object":
                needed = schema.get("required", ())
                return {
                    name: self.good(inner, depth + 1)
                    for name, inner in schema.get("properties", {}).items()
                    if name in needed or random.random() < 0.4 / (depth + 1)
                }
            case "array":
                count = max(schema.get("minItems", 0), random.randint(0, 2) if depth < 4 else 0)
                return [self.good(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "string":
                return random.choice(("a", "hi", "qwen-plus", "two words"))
            case "integer":
                return max(schema.get("minimum", 0), random.randint(0, 50))
            case "number":
                return random.choice((0, 0.5, 1))
            case "boolean":
                return random.random() < 0.5
            case _:
                return None

    def spoiled(self, good: Any) -> Any:
        """The same with something odd in one place of it."""
        random = self._random
        if not isinstance(good, dict | list) or not good or random.random() < 0.15:
            return odd(random)
        if isinstance(good, dict):
            name = random.choice(list(good))
            return {**good, name: self.spoiled(good[name])}
        at = random.randrange(len(good))
        return [*good[:at], self.spoiled(good[at]), *good[at + 1 :]]


# --- whole requests

ENCODINGS: tuple[Callable[[str], bytes], ...] = (
    lambda text: text.encode("utf-16"),
    lambda text: text.encode("utf-16-be"),
    lambda text: text.encode("utf-32"),
    lambda text: b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass"),
    lambda text: text.encode("latin-1", "replace").replace(b"a", b"\xff\xfe"),
    lambda text: text.encode("utf-8", "surrogatepass")[:-1],
    lambda text: b"\0" + text.encode("utf-8", "surrogatepass"),
    lambda text: text.encode("utf-8", "surrogatepass") + b"\0",
    lambda text: text.encode("utf-8", "surrogatepass") * 2,
    lambda text: text.replace('"', '"\ud800').encode("utf-8", "surrogatepass"),
    lambda text: gzip.compress(text.encode("utf-8", "surrogatepass")),
    lambda text: b"",
    lambda text: b" \t\r\n",
    lambda text: b"\x80" * 100,
    lambda text: b"a=1&b=2",
    lambda text: b"<?xml version='1.0'?><a/>",
    lambda text: b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n\r\n--x--\r\n',
)
IDS = (
    "x", "..", ".", "%2e%2e", "a%2Fb", "%2F", "a%2F..%2Fb", "%00", "a%00b", "%0A", "%0d%0aSet-Cookie:%20a=1", "%FF%FE",
    "%ED%A0%80", "%zz", "%", "x" * 300, "x" * 8_000, "%E6%97%A5", "a;b=c", "a?b", "a%3Fb", "~", "null", "-1", "0",
    "{assistant}", "${id}", "'%20OR%201=1", "asst_00000000-0000-4000-8000-000000000000", "runs", "files", "%20",
)  # fmt: skip
TAILS = ("", "", "", "/", "//", "/..", "/%2e%2e", "/x", "%00", "%0A")
QUERIES = (
    "limit=1e3", "limit=0", "limit=-1", "limit=101", "limit=99999999999999999999", "limit=%EF%BC%91", "limit[]=1",
    "limit=1&limit=2", "limit=", "limit=%00", "limit=0x10", "limit=1.5", "limit=true", "limit=NaN", "limit=%20 1",
    "order[]=asc", "order=ASC", "order=asc,desc", "order=1", "order=", "after=x", "before=x", "after=&before=",
    "after=%00", "after=%FF", "after=x&before=y", "after[]=x", "run_id=x", "run_id=%00", "a" * 6_000,
    "a=" + "b" * 6_000, "status=x", "status=,", "status=queued,%00", "assistant_id=%FF", "thread_id=",
    "&".join(f"k{i}=v" for i in range(900)), "&&&===", "%", "%zz=%zz", "limit=5;order=asc", "?limit=5", "include[]=x",
    "purpose=x", "page_no=0&page_size=-1", "page_no=1e9", "stream=true",
)  # fmt: skip
HEADERS = (
    "X-DashScope-WorkSpace: ../x", "X-DashScope-WorkSpace: " + "w" * 300, "X-DashScope-WorkSpace: \xff",
    "X-DashScope-WorkSpace: a\r\nX-DashScope-WorkSpace: b", "Authorization: Basic x", "Authorization: Bearer",
    "Authorization: Bearer \xff\xfe", "Authorization: " + "x" * 5_000, "Origin: http://evil.example", "Origin: null",
    "Origin: http://[::1", "OpenAI-Beta: assistants=v1", "OpenAI-Beta: \xe9", "OpenAI-Organization: x" * 3,
    "Idempotency-Key: ", "Idempotency-Key: " + "k" * 5_000, "Idempotency-Key: \xff", "Last-Event-ID: x",
    "Last-Event-ID: -1", "Last-Event-ID: " + "9" * 400, "Last-Event-ID: run_x:5", "Accept: text/html",
    "Range: bytes=0-",
    "Content-Type: text/plain; charset=utf-16", "Content-Type: \xff", "Content-Type: multipart/form-data",
    "Content-Type: multipart/form-data; boundary=", "Accept-Encoding: \xff", "Cookie: " + "a=b; " * 500,
    "Connection: close, upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
    "Expect: 100-continue", "Expect: 200-ok", "traceparent: 00-x-y-z", "X-Request-Id: a\tb", "Content-Encoding: gzip",
    "Content-Encoding: br", "Forwarded: for=\"", "X-HTTP-Method-Override: DELETE", *(f"X-{i}: v" for i in range(3)),
)  # fmt: skip
METHODS = ("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH", "LOCK", "PURGE")


NAMES = (
    'name="file"; filename="a.txt"', 'name="files"; filename="a.txt"', 'name="file"', 'name="purpose"', 'filename="x"',
    'name="file"; filename="../../x"', 'name="file"; filename="a\0b"', 'name="file"; filename=""', 'name=""',
    "name=\"file\"; filename*=UTF-8''..%2f..%2fx", 'name="file"; filename="' + "n" * 5_000 + '"', "name=file", "",
    'name="file"; name="files"; filename="a"; filename="b"', 'name="file; filename="', 'name="descriptions"',
    'name="file"; filename="\xff\xfe"', 'name="expires_after[anchor]"', 'name="expires_after[seconds]"',
)  # fmt: skip
CONTENTS = (
    b"", b"hello", b"\0" * 100, b"\xff" * 100, b"--x", b"\r\n--x\r\n", b"x" * 70_000, b"assistants", b"-1",
    b"created_at", b"3600", b"../../x", b"9" * 5_000,
)  # fmt: skip


def _part(random: Random) -> bytes:
    """A part of a form, more or less."""
    disposition = random.choice(("form-data", "form-data", "form-data", "attachment", ""))
    lines = [f"Content-Disposition: {disposition}; {random.choice(NAMES[:3] * 5 + NAMES)}"]
    if random.random() < 0.1:
        lines.append(random.choice(("Content-Type: x", "Content-Transfer-Encoding: base64", "X" * 9_000, ": x", "X-Y")))
    head = "\r\n".join(lines).encode("latin-1", "replace")
    gap = random.choice((b"\r\n\r\n",) * 8 + (b"\n\n", b"\r\n"))
    return b"--x\r\n" + head + gap + random.choice(CONTENTS) + b"\r\n"


_JSON = "Content-Type: application/json"


class Attack:
    """An endless supply of hostile requests against the paths of a document.

    With a `key` most of them show it, the others a wrong one or none. `ids` and `lines` (of an export) may be given
    anew at any time: things that exist on the server, so that some requests get past the first look.
    """

    def __init__(self, document: Json, seed: int, key: str | None = None) -> None:
        self.ids: Mapping[str, list[str]] = {}
        self.lines: list[str] = []
        self._random = Random(seed)
        self._key = key
        self._bodies = Bodies(document, self._random)
        self._operations = [
            (path, method.upper(), operation)
            for path, verbs in document["paths"].items()
            for method, operation in verbs.items()
        ]
        takers = [
            (path, operation["requestBody"]) for path, _, operation in self._operations if "requestBody" in operation
        ]
        self._posts = [(path, body) for path, body in takers if "application/json" in body["content"]]
        self._forms = [path for path, body in takers if "multipart/form-data" in body["content"]]
        self._imports = [path for path, body in takers if "application/jsonl" in body["content"]]

    def request(self) -> Request:
        """The next one."""
        kinds = {
            self._spoiled: 34,
            self._encoded: 10,
            self._form: 8,
            self._history: 6,
            self._lost: 10,
            self._asked: 9,
            self._headed: 10,
            self._large: 1,
            self._unheard_of: 12,
        }
        return self._random.choices(list(kinds), list(kinds.values()))[0]()

    def _request(
        self, kind: str, method: str, path: str, body: bytes, headers: list[str], *, broken: bool = False
    ) -> Request:
        path = quote(path, safe="%/:?#[]@!$&'()*+,;=~{}|^`\\\"<>")
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *self._shown(), *headers]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1", "replace")
        return Request(kind, method, path, head + b"\r\n\r\n" + body, broken)

    def _shown(self) -> list[str]:
        """The header that shows a key."""
        if self._key is None:
            return []
        keys = (self._key, self._key[:-1], self._key + "x", self._key.upper(), "sk-orc-0_0", "\xff")
        key = self._key if self._random.random() < 0.8 else self._random.choice(keys)
        return [f"Authorization: Bearer {key}"] if self._random.random() < 0.95 else []

    def _place(self, template: str, odd: float) -> str:
        """A path with ids that exist, and some that cannot."""

        def fill(found: re.Match[str]) -> str:
            known = self.ids.get(found[1], [])
            return self._random.choice(IDS if not known or self._random.random() < odd else known)

        return re.sub(r"\{(\w+)\}", fill, template)

    def _body(self) -> tuple[str, Any]:
        path, taken = self._random.choice(self._posts)
        body = self._bodies.good(taken["content"]["application/json"]["schema"])
        if isinstance(body, dict) and "assistant_id" in body and self.ids.get("assistant"):
            body["assistant_id"] = self._random.choice(self.ids["assistant"])
        return self._place(path, 0.1), body

    def _spoiled(self) -> Request:
        """A body with one odd field."""
        path, body = self._body()
        text = written(self._bodies.spoiled(body))
        return self._request(
            "field", "POST", path, text.encode("utf-8", "surrogatepass"), ["Content-Type: application/json"]
        )

    def _encoded(self) -> Request:
        """A body in an encoding that JSON has not, or that is no JSON."""
        path, body = self._body()
        data = self._random.choice(ENCODINGS)(written(body))
        kinds = (
            "application/json",
            "application/json; charset=utf-16",
            "text/plain",
            "multipart/form-data; boundary=x",
        )
        headers = [f"Content-Type: {self._random.choice(kinds)}"]
        if data[:2] == b"\x1f\x8b":
            headers.append("Content-Encoding: gzip")
        return self._request("encoding", "POST", path, data, headers)

    def _form(self) -> Request:
        """Uploads in forms that are none."""
        pick = self._random.choice
        data = b"".join(_part(self._random) for _ in range(pick((0, 1, 1, 1, 2, 2, 3, 300))))
        data = pick((b"", b"", b"", b"preamble\r\n", b"\r\n")) + data
        ends = (b"--x--\r\n",) * 5 + (b"--x--", b"--x", b"", b"--x--\r\nepilogue" * 50, b"--y--\r\n")
        data += pick(ends)
        kind = pick(("x",) * 15 + ("", "y", "x" * 300, '"x', '"x"; boundary=y', "\xff", "x\0"))
        headers = [f"Content-Type: multipart/form-data; boundary={kind}"]
        return self._request("form", "POST", self._random.choice(self._forms), data, headers)

    def _history(self) -> Request:
        """Histories to import, one line of which is odd."""
        lines = list(self.lines)
        if lines:
            at = self._random.randrange(len(lines))
            lines[at] = written(self._bodies.spoiled(json.loads(lines[at])))
        if self._random.random() < 0.2:
            lines.insert(
                self._random.randint(0, len(lines)), self._random.choice(("", "{", "[]", "null", "\0", "x" * 99))
            )
        if self._random.random() < 0.2:
            self._random.shuffle(lines)
        data = (
            self._random.choice(("\n", "\n", "\n", "\r\n", "\u2028", "")).join(lines).encode("utf-8", "surrogatepass")
        )
        headers = ["Content-Type: application/jsonl"]
        return self._request("history", "POST", self._random.choice(self._imports), data, headers)

    def _lost(self) -> Request:
        """Ids that cannot be."""
        path, method, _ = self._random.choice(self._operations)
        place = self._place(path, 1.0) + self._random.choice(
            ("", "", "", "/", "//", "/..", "/%2e%2e", "/x", "%00", "%0A")
        )
        return self._request("path", method, place, b"{}" if method == "POST" else b"", [])

    def _asked(self) -> Request:
        """Queries that make no sense."""
        path, method, _ = self._random.choice([o for o in self._operations if o[1] == "GET"])
        query = "&".join(self._random.sample(QUERIES, self._random.randint(1, 3)))
        return self._request("query", method, f"{self._place(path, 0.1)}?{query.replace(' ', '%20')}", b"", [])

    def _headed(self) -> Request:
        """Headers that make no sense."""
        path, method, _ = self._random.choice(self._operations)
        headers = self._random.sample(HEADERS, self._random.randint(1, 3))
        data = b"{}" if method == "POST" else b""
        broken = any("Expect" in h or "Upgrade" in h or "Content-Encoding" in h for h in headers)
        return self._request("header", method, self._place(path, 0.1), data, headers, broken=broken)

    def _large(self) -> Request:
        """Bodies that nobody wants to read."""
        path, body = self._body()
        size = self._random.choice((1024 * 1024 + 1, 2_000_000, 5_000_000))
        filling = self._random.choice((b" ", b"[", b'{"a":', b"9", b'"'))
        data = (filling * size)[:size] + written(body).encode("utf-8", "surrogatepass")
        return self._request("large", "POST", path, data, [_JSON])

    def _unheard_of(self) -> Request:
        """What is hardly HTTP, or none at all."""
        path, method, _ = self._random.choice(self._operations)
        place = self._place(path, 0.1)
        line = f"{method} {place} HTTP/1.1\r\nHost: x\r\n"
        choices: tuple[tuple[str, bool], ...] = (
            (f"{self._random.choice(METHODS)} {place} HTTP/1.1\r\nHost: x\r\n\r\n", False),
            (f"{self._random.choice(('get', 'FOO', 'F' * 1_000))} {place} HTTP/1.1\r\nHost: x\r\n\r\n", True),
            (f"{method} {place} HTTP/1.0\r\n\r\n", False),
            (f"{method} {place} HTTP/1.1\r\n\r\n", False),
            (f"{method} {place} HTTP/9.9\r\nHost: x\r\n\r\n", True),
            (f"{method} {place}\r\n\r\n", True),
            (f"{method} http://evil.example{place} HTTP/1.1\r\nHost: x\r\n\r\n", False),
            (f"{method} * HTTP/1.1\r\nHost: x\r\n\r\n", True),
            (line.replace("\r\n", "\n") + "\n", True),
            (line + "Content-Length: 10\r\n\r\n{}", True),
            (line + "Content-Length: -1\r\n\r\n{}", True),
            (line + "Content-Length: x\r\n\r\n{}", True),
            (line + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", True),
            (line + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", True),
            (line + "Content-Length: 1\r\n\r\n{}", True),
            (line + "Content-Length: 99999999999999999999999\r\n\r\n{}", True),
            (line + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", method != "POST"),
            (line + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\ntrailing garbage", True),
            (line + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", True),
            (line + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", True),
            (line + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
            (line + "Transfer-Encoding: gzip\r\n\r\n{}", True),
            (line + "Host: y\r\n\r\n", True),
            (line + "".join(f"X-{i}: v\r\n" for i in range(1_000)) + "\r\n", True),
            (line + f"X: {'v' * 70_000}\r\n\r\n", True),
            (line + "no colon here\r\n\r\n", True),
            (line + "X: a\r\n folded\r\n\r\n", True),
            (line + "X\0: a\0b\r\n\r\n", True),
            (line + ": empty\r\n\r\n", True),
            (line, True),
            (f"{method} {place}{'?' + 'q' * 70_000} HTTP/1.1\r\nHost: x\r\n\r\n", True),
            (f"{method} {place} extra HTTP/1.1\r\nHost: x\r\n\r\n", True),
            ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 5, True),
            (f"GET {place} HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", True),
            ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", True),
            ("\r\n\r\n", True),
            ("\0" * 50, True),
            ("", True),
        )
        text, broken = self._random.choice(choices)
        return Request("http", text.partition(" ")[0], place, text.encode("latin-1", "replace"), broken)
