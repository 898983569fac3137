"""`orchestrator --help` against `python -c pass`, CPU of whole processes."""

from __future__ import annotations

from pathlib import Path

from measuring import PYTHON, cpu_of, paired


def main() -> None:
    program = str(Path(PYTHON).parent / "orchestrator")
    ours, floor, ratio = paired(lambda: cpu_of([program, "--help"]), lambda: cpu_of([PYTHON, "-c", "pass"]), 15)
    print(f"start: --help {ratio:.2f} × `python -c pass` ({ours * 1000:.0f} / {floor * 1000:.0f} ms CPU; aim ≤ 5 ×)")
    ours, _, ratio = paired(lambda: cpu_of([program, "plan", "--help"]), lambda: cpu_of([PYTHON, "-c", "pass"]), 9)
    print(f"start: plan --help {ratio:.2f} × ({ours * 1000:.0f} ms CPU)")


if __name__ == "__main__":
    main()
