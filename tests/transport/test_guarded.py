"""Outbound HTTP on hostile ground: a canary on loopback must hear nothing that was not meant for it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import OutOfReach, TooMuch
from orchestrator.transport.addresses import is_public
from orchestrator.transport.guarded import Bounds, outside
from orchestrator.transport.guarded import resolve as system
from orchestrator.transport.reach import Origin, Reach
from tests.transport.canary import Canary, canary, certificate, said

pytestmark = pytest.mark.anyio

# Spellings of loopback and of other places that nobody outside has a business with.
HOSTS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0",
    "0.0.0.0", "localhost", "localhost.", "LOCALHOST", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[fe80::1]",
    "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]", "[2001::1]", "[2001:db8::1]", "[3fff::1]", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "①②⑦.0.0.1",
]  # fmt: skip


def resolver(**names: Sequence[Sequence[str]]):
    """Names → what they resolve to, the first time, the second time …; the last answer stays."""
    asked: dict[str, int] = {}

    async def resolve(host: str, port: int) -> Sequence[str]:
        answers = names.get(host.replace(".", "_"))
        if answers is None:
            return await system(host, port)
        turn = asked[host] = asked.get(host, -1) + 1
        return answers[min(turn, len(answers) - 1)]

    return resolve


async def refused(url: str, bird: Canary, **how: object) -> str:
    async with outside(Reach.of([f"http://*:{bird.port}", "https://*"]), **how) as client:
        with pytest.raises((OutOfReach, httpx2.ConnectError, httpx2.InvalidURL)) as caught:
            await client.get(url)
    return str(caught.value)


@pytest.mark.parametrize("host", HOSTS)
async def test_no_spelling_of_an_inner_address_gets_through(host: str):
    async with canary() as bird:
        await refused(f"http://{host}:{bird.port}/", bird)
        assert bird.connections == 0


async def test_a_public_name_with_an_inner_address_among_its_addresses_is_refused():
    async with canary() as bird:
        mixed = resolver(mixed_test=[["93.184.215.14", "127.0.0.1"]])
        assert "not public" in await refused(f"http://mixed.test:{bird.port}/", bird, resolver=mixed)
        assert bird.connections == 0


async def test_a_name_that_is_rebound_between_two_requests_is_checked_both_times():
    async with canary() as bird:
        rebound = resolver(rebound_test=[["127.0.0.2"], ["10.0.0.1"]])
        assert "not public" in await refused(f"http://rebound.test:{bird.port}/", bird, resolver=rebound)
        assert "not public" in await refused(f"http://rebound.test:{bird.port}/", bird, resolver=rebound)
        assert bird.connections == 0


async def test_what_was_checked_is_what_is_connected_to():
    """The system's resolver is never asked again: `pinned.test` is a name that it does not know."""
    async with canary() as bird:
        pinned = resolver(pinned_test=[["127.0.0.1"]])
        reach = Reach.of([f"private http://pinned.test:{bird.port}"])
        async with outside(reach, resolver=pinned) as client:
            answer = await client.get(f"http://pinned.test:{bird.port}/a?b=1")
            assert (answer.status_code, answer.text) == (200, "here")
        (request,) = bird.requests
        assert request.startswith("GET /a?b=1 HTTP/1.1\r\n")
        assert f"pinned.test:{bird.port}" in request.lower()


async def test_an_address_that_takes_no_connection_gives_way_to_the_next():
    async with canary() as bird:
        two = resolver(two_test=[["127.0.0.9", "127.0.0.1"]])
        async with outside(Reach.of([f"private http://two.test:{bird.port}"]), resolver=two) as client:
            assert (await client.get(f"http://two.test:{bird.port}/")).text == "here"


@pytest.mark.parametrize(
    ("granted", "url"),
    [
        ("http://a.test:{port}", "http://b.test:{port}/"),
        ("http://a.test:{port}", "https://a.test:{port}/"),
        ("http://a.test:1", "http://a.test:{port}/"),
        ("http://a.test:{port}", "http://a.test.evil.test:{port}/"),
        ("http://*.a.test:{port}", "http://a.test:{port}/"),
        ("http://*.a.test:{port}", "http://evila.test:{port}/"),
        ("http://a.test:{port}", "http://a.test@b.test:{port}/"),
        ("http://a.test:{port}", "http://u:p@a.test:{port}/"),
    ],
)
async def test_only_what_is_granted_is_reached(granted: str, url: str):
    async def everywhere(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with canary() as bird:
        reach = Reach.of([f"private {granted.format(port=bird.port)}"])
        async with outside(reach, resolver=everywhere) as client:
            with pytest.raises(OutOfReach) as caught:
                await client.get(url.format(port=bird.port))
        assert bird.connections == 0
        assert "u:p" not in str(caught.value)


async def test_redirects_are_checked_like_the_first_request():
    async with canary() as inner, canary() as outer:
        names = resolver(outer_test=[["127.0.0.1"]])
        reach = Reach.of([f"private http://outer.test:{outer.port}", f"http://*:{inner.port}"])
        for place in (f"http://127.0.0.1:{inner.port}/", f"http://2130706433:{inner.port}/", "http://169.254.169.254/"):
            outer.answers["/"] = said(302, b"", f"location: {place}")
            async with outside(reach, resolver=names) as client:
                with pytest.raises(OutOfReach):
                    await client.get(f"http://outer.test:{outer.port}/")
        assert inner.connections == 0


async def test_a_chain_of_redirects_ends():
    async with canary() as bird:
        bird.answers["/"] = said(302, b"", "location: /")
        names = resolver(a_test=[["127.0.0.1"]])
        async with outside(Reach.of([f"private http://a.test:{bird.port}"]), resolver=names) as client:
            with pytest.raises(OutOfReach, match="More than 3 redirects"):
                await client.get(f"http://a.test:{bird.port}/")
        assert len(bird.requests) == 4


async def test_credentials_do_not_go_along_to_another_origin():
    async with canary() as one, canary() as two:
        names = resolver(one_test=[["127.0.0.1"]], two_test=[["127.0.0.1"]])
        one.answers["/"] = said(307, b"", f"location: http://two.test:{two.port}/")
        one.answers["/same"] = said(307, b"", "location: /there")
        reach = Reach.of([f"private http://one.test:{one.port}", f"private http://two.test:{two.port}"])
        headers = {"authorization": "Bearer k1", "x-api-key": "k2", "cookie": "k3", "accept": "text/plain"}
        async with outside(reach, resolver=names) as client:
            await client.post(f"http://one.test:{one.port}/", headers=headers, json={"a": 1})
            await client.get(f"http://one.test:{one.port}/same", headers=headers)
        (elsewhere,) = two.requests
        assert not [key for key in ("k1", "k2", "k3") if key in elsewhere]
        assert elsewhere.startswith("POST /")
        assert elsewhere.endswith('{"a":1}')
        assert "text/plain" in elsewhere
        assert all(key in one.requests[-1] for key in ("k1", "k2", "k3"))


async def test_after_a_see_other_the_body_stays_behind():
    async with canary() as bird:
        bird.answers["/"] = said(303, b"", "location: /there")
        names = resolver(a_test=[["127.0.0.1"]])
        async with outside(Reach.of([f"private http://a.test:{bird.port}"]), resolver=names) as client:
            await client.post(f"http://a.test:{bird.port}/", json={"a": 1})
        assert bird.requests[-1].startswith("GET /there")
        assert '"a"' not in bird.requests[-1]


async def test_an_answer_is_bounded_in_size_and_time():
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            writer.write(b"x" * 1000)
            await writer.drain()

    async def dripping(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with canary() as bird:
        bird.answers |= {"/endless": endless, "/dripping": dripping, "/silent": silent}
        names = resolver(a_test=[["127.0.0.1"]])
        reach = Reach.of([f"private http://a.test:{bird.port}"])
        async with outside(reach, resolver=names, bounds=Bounds(size=50_000, seconds=0.3)) as client:
            for path, message in (
                ("endless", "larger than 50000"),
                ("dripping", "did not end"),
                ("silent", "within 0.3"),
            ):
                with pytest.raises(TooMuch, match=message):
                    await client.get(f"http://a.test:{bird.port}/{path}")


async def test_a_packed_answer_is_not_unpacked():
    async with canary() as bird:
        bird.answers["/"] = said(200, b"\x1f\x8b", "content-encoding: gzip")
        names = resolver(a_test=[["127.0.0.1"]])
        async with outside(Reach.of([f"private http://a.test:{bird.port}"]), resolver=names) as client:
            with pytest.raises(TooMuch, match="packed"):
                await client.get(f"http://a.test:{bird.port}/")
        assert "accept-encoding: identity" in bird.requests[0].lower()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    async with canary() as proxy, canary() as bird:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        names = resolver(a_test=[["127.0.0.1"]])
        async with outside(Reach.of([f"private http://a.test:{bird.port}"]), resolver=names) as client:
            assert (await client.get(f"http://a.test:{bird.port}/")).text == "here"
        assert proxy.connections == 0


async def test_connections_to_many_places_are_not_hoarded():
    async with canary() as bird:

        async def everywhere(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.1"]

        async with outside(Reach.of([f"private http://*:{bird.port}"]), resolver=everywhere) as client:
            for number in range(80):
                assert (await client.get(f"http://h{number}.test:{bird.port}/")).text == "here"
            assert len(client._transport._peers) == 64


async def test_the_certificate_is_that_of_the_name_not_of_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    context, file = certificate("tls.test", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    names = resolver(tls_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    async with canary(context) as bird:
        reach = Reach.of([f"private tls.test:{bird.port}", f"private other.test:{bird.port}"])
        async with outside(reach, resolver=names) as client:
            assert (await client.get(f"https://tls.test:{bird.port}/")).text == "here"
            with pytest.raises(httpx2.ConnectError, match=r"other\.test"):
                await client.get(f"https://other.test:{bird.port}/")
        assert len(bird.requests) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("api.example.com", "https://api.example.com:443"),
        ("API.Example.com.", "https://api.example.com:443"),
        ("api.example.com:8443", "https://api.example.com:8443"),
        ("http://a.example", "http://a.example:80"),
        ("private http://10.0.0.5:8080", "private http://10.0.0.5:8080"),
        ("private http://[fd00::1]:8080", "private http://[fd00::1]:8080"),
        ("*.example.com", "https://*.example.com:443"),
        ("*", "https://*:443"),
    ],
)
def test_an_origin_is_read_as_it_is_written(text: str, shown: str):
    assert str(Origin.parse(text)) == shown
    assert Origin.parse(shown) == Origin.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://a.example",
        "a.example/path",
        "https://u@a.example",
        "a b",
        "public a.example",
        "https://",
        "a..b",
        "*a.example",
        "a:port",
    ],
)
def test_what_is_no_origin_is_refused(text: str):
    with pytest.raises(ValueError, match=r"origin|http|host|[Pp]ort"):
        Origin.parse(text)


@given(st.ip_addresses(v=4))
def test_python_and_we_agree_on_what_is_not_global(address):
    assert is_public(str(address)) <= address.is_global
    assert is_public(f"::ffff:{address}") == is_public(str(address))
    assert not is_public(f"64:ff9b::{address}")


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "1.1.1.1"])
def test_public_addresses_are_public(address: str):
    assert is_public(address)
