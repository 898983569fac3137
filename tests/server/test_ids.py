"""Ids are random UUIDs that nobody gets twice, threads and children of a process included."""

import re
import subprocess
import sys
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


CHILD = """
import os
from orchestrator.server.ids import AT_ONCE, new_uuid

new_uuid()  # some are left in store
child = os.fork()
if child:
    os.waitpid(child, 0)
print(*(new_uuid() for _ in range(AT_ONCE)), flush=True)
"""


def test_a_child_gives_out_other_ids_than_its_parent() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    made = done.stdout.split()
    assert len(made) == len(set(made)) == 2 * AT_ONCE
