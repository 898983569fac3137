"""A cold plan of N manifests against parse + validate + render alone, and its growth. Prints one JSON line per N.

Half of the assistants write their instructions out, half take a shared template with variables of their own. Each
measurement is a fresh process, so nothing is warm; the observed side is there already, all N unchanged.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import PYTHON, cpu

from orchestrator.manifests import KINDS, FromTemplate, InlineText, Template, source
from orchestrator.reconcile.changes import stamp_for
from orchestrator.reconcile.plans import plan
from orchestrator.reconcile.rendering import Renderer
from orchestrator.settings import Settings
from orchestrator.targets import MemoryTarget
from orchestrator.workspace import Workspace

TEXT = "    You answer questions of people who bought something, and you never invent a price or a date.\n" * 12
TEMPLATE = """apiVersion: orchestrator/v1
kind: Template
metadata: {name: house}
spec:
  variables: [{name: role, required: true}, {name: city, default: Beijing}]
  body: |
    You are a {{ role }} in {{ city }}.
"""


def write(folder: Path, number: int) -> None:
    folder.mkdir()
    (folder / "house.yaml").write_text(TEMPLATE + TEXT)
    for i in range(number):
        said = f"|\n    Number {i}.\n{TEXT}" if i % 2 else f"{{template: house, variables: {{role: clerk {i}}}}}\n"
        more = "" if i % 2 else "".join(f"    key{k}: {'x' * 90}\n" for k in range(10))
        (folder / f"a{i:05}.yaml").write_text(
            f"apiVersion: orchestrator/v1\nkind: Assistant\nmetadata:\n  name: a{i:05}\n  labels: {{team: t{i % 7}}}\n"
            f"spec:\n  model: {{name: qwen-plus, temperature: 0.3}}\n  description: Assistant number {i}\n"
            f"  tools: [{{type: code_interpreter}}]\n  instructions: {said}" + (f"  metadata:\n{more}" if more else "")
        )


def floor(folder: Path) -> None:
    """Parse, validate and render, each file once; no places, no checks, no plan."""
    renderer, body = Renderer({}), ""
    for file in sorted(folder.glob("*.yaml"), key=lambda f: (f.name != "house.yaml", f.name)):
        for _, value in source.parse(file.read_text()).documents:
            manifest = KINDS[value["kind"]].model_validate(value)
            if isinstance(manifest, Template):
                body = manifest.spec.body
                continue
            match manifest.spec.instructions:
                case InlineText(text=text):
                    renderer.render(text, {})
                case FromTemplate(variables=variables):
                    renderer.render(body, {"city": "Beijing", **variables})


def one(folder: Path, what: str) -> float:
    """CPU seconds of one measurement, in this process."""
    if what == "floor":
        return cpu(lambda: floor(folder / "assistants.d"))

    async def observed():
        target = MemoryTarget()
        for want in Workspace.read(settings).desired:
            await target.create(want.body, stamp_for(want, "default/local", revision=1, attempt="a"))
        return await target.observe()

    settings = Settings.read({}, folder=folder)
    there = asyncio.run(observed()) if what == "plan" else []
    found = []

    def work() -> None:
        read = Workspace.read(settings)
        assert not read.diagnostics, read.diagnostics[0]
        found.append(plan(read.desired, there, owner="default/local", prune=False))

    spent = cpu(work)
    assert found[0].unchanged
    assert found[0].empty
    return spent


def measured(folder: Path, what: str) -> tuple[float, int]:
    done = subprocess.run(
        [PYTHON, __file__, str(folder), what], capture_output=True, text=True, check=True, timeout=300
    )
    answer = json.loads(done.stdout)
    return answer["cpu"], answer["rss"]


def main() -> None:
    per: dict[int, float] = {}
    for number, rounds in ((1_000, 7), (10_000, 3)):
        with tempfile.TemporaryDirectory() as place:
            write(Path(place) / "assistants.d", number)
            pairs = [(measured(Path(place), "plan"), measured(Path(place), "floor")) for _ in range(rounds)]
        ratio = statistics.median(p[0] / f[0] for p, f in pairs)
        ours = statistics.median(p[0] for p, _ in pairs)
        per[number] = ours / number
        each = ours / number * 1e6
        print(f"plan of {number}: {ratio:.2f} × parse + validate + render ({each:.0f} µs CPU a manifest; aim ≤ 1.5 ×)")
    print(f"plan: growth per manifest from 1,000 to 10,000: {per[10_000] / per[1_000]:.2f} × (linear: 1)")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        spent = one(Path(sys.argv[1]), sys.argv[2])
        print(json.dumps({"cpu": spent, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
    else:
        main()
