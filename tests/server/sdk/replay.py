"""A server that answers every request with a stream that is given, in the dialect of its path."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from orchestrator.server.dialects import DIALECTS
from orchestrator.server.records import Event
from orchestrator.server.stream import COMMENT


class Replay:
    """What is told next, and where."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.events: Sequence[Event] = ()

    def stream(self, path: str) -> bytes:
        dialect = next(d for d in DIALECTS if path.startswith(d.base + "/"))
        telling = dialect.telling("c0f0b1de-96a4-4c43-8c46-3f2a52a3b1f4")
        frames = [telling.frame(event) or b"" for event in self.events]
        return COMMENT.join([*frames, telling.end()])


@contextmanager
def replaying() -> Iterator[Replay]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            data = replay.stream(self.path)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    replay = Replay(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="replay")
    thread.start()
    try:
        yield replay
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
