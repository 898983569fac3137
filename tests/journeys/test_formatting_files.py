"""`fmt` as a real process: what is told, what is written, and what is left alone."""

from pathlib import Path

from shell import orchestrator

UGLY = "# head\nkind: Assistant\nmetadata:\n    name: 'weather'   # own\n"
NEAT = "# head\nkind: Assistant\nmetadata:\n  name: 'weather'     # own\n"


def test_the_command(tmp_path: Path):
    folder = tmp_path / "assistants.d"
    folder.mkdir()
    (folder / "a.yaml").write_bytes(b"\xef\xbb\xbf" + UGLY.encode())
    (folder / "b.yaml").write_text(NEAT)
    (folder / "bad.yaml").write_text("a: [\n")

    def run(*arguments: str):
        done = orchestrator("fmt", *arguments, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    code, told = run("--check", str(folder / "a.yaml"))
    assert (code, told) == (2, "~ assistants.d/a.yaml\n")
    code, told = run("--diff", str(folder / "a.yaml"))
    assert (code, "+  name: 'weather'     # own" in told) == (2, True)
    assert (folder / "a.yaml").read_bytes() == b"\xef\xbb\xbf" + UGLY.encode()
    code, told = run()
    assert (code, "assistants.d/bad.yaml: left as it is: it is not valid" in told) == (1, True)
    assert (folder / "a.yaml").read_bytes() == b"\xef\xbb\xbf" + NEAT.encode()
    assert run(str(folder / "a.yaml"), str(folder / "b.yaml")) == (0, "")
    for path, told in ((folder / "none.yaml", "There is no"), (tmp_path, "is not below")):
        code, said = run("--check", str(path))
        assert (code, told in said) == (64, True)
