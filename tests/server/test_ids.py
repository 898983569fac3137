"""Ids are random UUIDs that nobody gets twice, threads and children of a process included."""

import os
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

from orchestrator.server.ids import AT_ONCE, new_file_id, new_id, new_uuid


def test_an_id_is_a_prefix_and_a_random_uuid() -> None:
    for _ in range(3 * AT_ONCE):
        prefix, _, text = new_id("run").partition("_")
        assert (prefix, uuid.UUID(text).version, uuid.UUID(text).variant) == ("run", 4, uuid.RFC_4122)
        assert str(uuid.UUID(text)) == text
    assert re.fullmatch(r"file-[0-9a-f]{32}", new_file_id())


def test_threads_never_share_an_id() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = [one for some in threads.map(lambda _: [new_uuid() for _ in range(500)], range(16)) for one in some]
    assert len(set(made)) == len(made) == 8000


def test_a_child_gives_out_other_ids_than_its_parent() -> None:
    new_uuid()  # some are left in store
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, new_uuid().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(ours, 36).decode() not in {new_uuid() for _ in range(AT_ONCE)}
    os.close(ours)
    os.close(theirs)
