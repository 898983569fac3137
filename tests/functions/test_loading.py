"""A folder of plug-ins becomes a registry; whatever is wrong with one file stays with that file."""

import dataclasses
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import PluginsInvalid
from orchestrator.functions import Registry, Unit, function_of, invoke, load

Write = Callable[[str, str], Path]

GOOD = """
    from orchestrator.functions import tool

    @tool
    def hello(name: str) -> str:
        '''Greet.'''
        return f"hello {name}"
"""


def only(diagnostics: tuple[Diagnostic, ...]) -> Diagnostic:
    (diagnostic,) = diagnostics
    return diagnostic


def line_of(diagnostic: Diagnostic) -> str:
    assert diagnostic.span is not None
    assert diagnostic.quote is not None
    return diagnostic.quote[diagnostic.span.column - 1 :]


def plug_modules() -> set[str]:
    return {name for name in sys.modules if name.startswith("_plug_")}


def test_files_and_packages_are_units(folder: Path, write: Write):
    write("one.py", GOOD)
    write("two/__init__.py", "from .core import hello")
    write("two/core.py", GOOD)
    write("_helper.py", "raise RuntimeError('never imported')")
    write(".hidden.py", "raise RuntimeError('never imported')")
    write("notes.txt", "not Python")
    write("data/table.csv", "1,2")
    loaded = load(folder)
    assert loaded.diagnostics == ()
    assert loaded.ok
    assert loaded.registry.names == ("one.hello", "two.hello")


def test_a_function_says_all_about_itself(folder: Path, write: Write):
    path = write(
        "weather.py",
        """
        from orchestrator.functions import tool

        @tool(name="look-up", description="Look up.", timeout=5, idempotent=True)
        async def forecast(city: str): ...
        """,
    )
    function = load(folder).registry.find("weather.look-up")
    assert function is not None
    assert (function.tool, function.description, function.timeout) == ("look-up", "Look up.", 5)
    assert (function.idempotent, function.is_async) == (True, True)
    assert function.parameters["required"] == ["city"]
    assert (function.place.file, function.place.line, function.place.column) == (str(path), 5, 11)


def test_a_missing_folder_is_an_empty_registry(tmp_path: Path):
    loaded = load(tmp_path / "nothing")
    assert (loaded.registry.names, loaded.diagnostics) == ((), ())


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path):
    (tmp_path / "plugins").write_text("x")
    assert only(load(tmp_path / "plugins").diagnostics).code == "PLG001"


def test_helpers_are_shared_by_a_dot(folder: Path, write: Write):
    write("_shared.py", "GREETING = 'hi'\ndef greet(n): return f'{GREETING} {n}'")
    write(
        "a.py",
        """
        from orchestrator.functions import tool
        from ._shared import greet

        @tool
        def hello(name: str): return greet(name)

        @tool
        def late(name: str):
            from ._late import bye
            return bye(name)
        """,
    )
    write("_late.py", "def bye(n): return f'bye {n}'")
    registry = load(folder).registry
    assert registry.functions["a.hello"].callable("Ada") == "hi Ada"
    assert registry.functions["a.late"].callable("Ada") == "bye Ada"


def test_marks_in_helpers_count_and_those_of_other_units_do_not(folder: Path, write: Write):
    write("_tools.py", GOOD)
    write("a.py", "from ._tools import hello\nfrom .b import other")
    write("b.py", "from orchestrator.functions import tool\n@tool\ndef other(): ...\n")
    assert load(folder).registry.names == ("a.hello", "b.other")


def test_a_function_from_elsewhere_can_be_marked(folder: Path, write: Write):
    write("a.py", "import textwrap\nfrom orchestrator.functions import tool\ntool(textwrap.shorten)\n")
    assert load(folder).registry.names == ("a.shorten",)


def test_models_dataclasses_and_annotations_as_text_work_in_plug_ins(folder: Path, write: Write):
    write(
        "a.py",
        """
        from __future__ import annotations
        from dataclasses import dataclass
        from pydantic import BaseModel
        from orchestrator.functions import tool

        @tool
        def f(node: Node, point: Point): return node.next.value + point.x

        class Node(BaseModel):
            value: int
            next: Node | None = None

        @dataclass
        class Point:
            x: int
        """,
    )
    function = load(folder).registry.functions["a.f"]
    args, kwargs = function.signature.bind('{"node": {"value": 1, "next": {"value": 2}}, "point": {"x": 3}}')
    assert function.callable(*args, **kwargs) == 5


def test_the_schema_does_not_depend_on_the_generation(folder: Path, write: Write):
    write("_m.py", "from pydantic import BaseModel\nclass Node(BaseModel):\n    a: int\n")
    write(
        "a.py",
        """
        from pydantic import BaseModel
        from orchestrator.functions import tool
        from . import _m
        class Node(BaseModel):
            b: int
        @tool
        def f(x: Node, y: _m.Node): ...
        """,
    )
    first, second = (load(folder).registry.functions["a.f"] for _ in range(2))
    assert first.schema_hash == second.schema_hash
    assert len(first.parameters["$defs"]) == 2
    assert "_plug_" not in str(first.parameters)


FAULTS = {
    "syntax": ("x = 1\ndef f(:\n    pass\n", "SyntaxError", ":2:7", "def f(:"),
    "indentation": ("def f():\npass\n", "IndentationError", ":2:1", "pass"),
    "name": ("x = 1\n\ny = x + undefined_name\n", "NameError", ":3:9", "y = x + undefined_name"),
    "import": ("import not_there_at_all\n", "ModuleNotFoundError", ":1:1", "import not_there_at_all"),
    "exit": ("import sys\nsys.exit(3)\n", "SystemExit: 3", ":2:1", "sys.exit(3)"),
    "interrupt": ("raise KeyboardInterrupt\n", "KeyboardInterrupt", ":1:1", "raise KeyboardInterrupt"),
    "generator exit": ("raise GeneratorExit\n", "GeneratorExit", ":1:1", "raise GeneratorExit"),
    "null byte": ("x = '\0'\n", "null bytes", ":1:1", None),
    "recursion": ("def f(): f()\nf()\n", "RecursionError", ":1:10", "def f(): f()"),
    "unspeakable": ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n", "E", ":3:1", "raise E"),
    "wide": ("é = 'äöü'; undefined_name\n", "NameError", ":1:12", "é = 'äöü'; undefined_name"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_file_is_told_with_its_line_and_the_others_load(fault: str, folder: Path, write: Write):
    source, message, place, quote = FAULTS[fault]
    path = folder / "bad.py"
    path.write_text(source)
    write("good.py", GOOD)
    loaded = load(folder)
    diagnostic = only(loaded.diagnostics)
    assert diagnostic.code == "PLG001"
    assert message in diagnostic.message
    assert "_plug_" not in str(diagnostic)
    assert str(diagnostic.span) == f"{path}{place}"
    assert quote is None or diagnostic.quote == quote
    assert loaded.registry.names == ("good.hello",)
    assert not loaded.ok


def test_the_innermost_frame_of_the_plug_ins_is_shown(folder: Path, write: Write):
    write("_deep.py", "import json\n\ndef parse(text):\n    return json.loads(text)\n")
    write("bad.py", "from ._deep import parse\nparse('{')\n")
    diagnostic = only(load(folder).diagnostics)
    assert str(diagnostic.span) == f"{folder / '_deep.py'}:4:12"
    assert line_of(diagnostic) == "json.loads(text)"


def test_places_are_shown_below_the_folder_as_it_was_named(folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch):
    write("bad.py", "1/0\n")
    monkeypatch.chdir(folder.parent)
    assert str(only(load(Path("plugins")).diagnostics).span) == "plugins/bad.py:1:1"


def test_a_file_that_is_not_utf8(folder: Path, write: Write):
    (folder / "bad.py").write_bytes(b"x = 1\ny = '\xe9'\n")
    write("good.py", GOOD)
    loaded = load(folder)
    diagnostic = only(loaded.diagnostics)
    assert "utf-8" in diagnostic.message
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column) == (2, 6)
    assert loaded.registry.names == ("good.hello",)


def test_a_file_that_declares_its_encoding_loads(folder: Path):
    (folder / "old.py").write_bytes(
        b"# -*- coding: latin-1 -*-\nfrom orchestrator.functions import tool\n@tool\ndef f(): return '\xe9'\n"
    )
    assert load(folder).registry.functions["old.f"].callable() == "é"


@pytest.mark.parametrize("body", ["import time\ntime.sleep(60)\n", "while True:\n    pass\n"])
def test_an_import_that_hangs_is_bounded(body: str, folder: Path, write: Write):
    (folder / "bad.py").write_text("x = 1\n" + body)
    write("good.py", GOOD)
    started = time.monotonic()
    loaded = load(folder, import_timeout=0.3)
    assert time.monotonic() - started < 5
    diagnostic = only(loaded.diagnostics)
    assert "did not end within 0.3 s" in diagnostic.message
    assert diagnostic.span is not None
    assert diagnostic.span.line in {2, 3}
    assert loaded.registry.names == ("good.hello",)


def test_links_out_of_the_folder_are_refused_and_those_within_are_not(folder: Path, write: Write, tmp_path: Path):
    (tmp_path / "outside.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "out.py").symlink_to(tmp_path / "outside.py")
    (folder / "pack").symlink_to(tmp_path / "package")
    write("_real.py", GOOD)
    (folder / "inside.py").symlink_to(folder / "_real.py")
    (folder / "circle.py").symlink_to(folder / "circle.py")
    (folder / "dangling.py").symlink_to(folder / "gone.py")
    loaded = load(folder)
    assert loaded.registry.names == ("inside.hello",)
    text = "\n".join(d.message for d in loaded.diagnostics)
    assert [d.code for d in loaded.diagnostics] == ["PLG001"] * 4
    assert text.count("leads out of the plug-in folder") == 2
    assert text.count("cannot be read") == 2


def test_a_helper_may_not_be_a_link_out_either(folder: Path, write: Write, tmp_path: Path):
    (tmp_path / "outside.py").write_text("x = 1")
    (folder / "_helper.py").symlink_to(tmp_path / "outside.py")
    write("a.py", "from ._helper import x\n")
    assert "leads out of the plug-in folder" in only(load(folder).diagnostics).message


def test_a_fifo_is_not_opened(folder: Path, write: Write):
    os.mkfifo(folder / "pipe.py")
    write("good.py", GOOD)
    started = time.monotonic()
    loaded = load(folder)
    assert time.monotonic() - started < 5
    assert "not a regular file" in only(loaded.diagnostics).message
    assert loaded.registry.names == ("good.hello",)


def test_a_folder_called_like_a_file(folder: Path):
    (folder / "odd.py").mkdir()
    assert "not a regular file" in only(load(folder).diagnostics).message


def test_names_that_are_not_pythons(folder: Path, write: Write):
    write("my-plugin.py", GOOD)
    write("a.b.py", GOOD)
    (folder / os.fsdecode(b"\xe9.py")).write_text("x = 1")
    diagnostics = load(folder).diagnostics
    assert [d.hint for d in diagnostics] == [f"rename it to '{n}'" for n in ("_", "a_b", "my_plugin")]
    assert "\n".join(str(d) for d in diagnostics).encode()


def test_a_folder_without_init_is_a_warning(folder: Path, write: Write):
    write("pack/core.py", GOOD)
    loaded = load(folder)
    assert only(loaded.diagnostics).severity == "warning"
    assert loaded.ok


def test_hints_for_imports(folder: Path, write: Write):
    write("_shared.py", "x = 1")
    write("a.py", "from _shared import x\n")
    write("b.py", "import no_such_library.part\n")
    hints = [d.hint for d in load(folder).diagnostics]
    assert hints == [
        "files of the plug-in folder are imported with a dot: from ._shared import …",
        "install 'no_such_library' in the environment that orchestrator runs in",
    ]


def test_two_functions_of_one_name_name_both_places(folder: Path, write: Write):
    path = write(
        "a.py",
        """
        from orchestrator.functions import tool

        @tool
        def f(): ...

        @tool(name="f")
        def g(): ...
        """,
    )
    loaded = load(folder)
    diagnostic = only(loaded.diagnostics)
    assert diagnostic.code == "PLG002"
    assert f"{path}:5:5" in diagnostic.message
    assert f"{path}:8:5" in diagnostic.message
    assert loaded.registry.names == ()


def test_a_file_and_a_package_of_one_name(folder: Path, write: Write):
    write("a.py", GOOD)
    write("a/__init__.py", GOOD)
    diagnostic = only(load(folder).diagnostics)
    assert diagnostic.code == "PLG002"
    assert str(folder / "a.py") in diagnostic.message
    assert f"{folder / 'a'} and" in diagnostic.message


def test_the_registry_itself_refuses_a_clash():
    def f(): ...

    def g(): ...

    units = [Unit(name=n, functions=(function_of(c, unit="x"),)) for n, c in (("a", f), ("b", f), ("c", g))]
    with pytest.raises(PluginsInvalid) as caught:
        Registry.of(units)
    assert only(caught.value.diagnostics).code == "PLG002"


def test_a_signature_that_cannot_be_told(folder: Path, write: Write):
    path = write(
        "a.py",
        """
        from orchestrator.functions import tool

        class Opaque: ...

        @tool
        def f(
            fine: int,
            strange: Opaque,
        ): ...

        @tool(timeout=-1)
        def g(): ...
        """,
    )
    loaded = load(folder)
    first, second = loaded.diagnostics
    assert (first.code, second.code) == ("PLG003", "PLG003")
    assert str(first.span) == f"{path}:9:5"
    assert line_of(first) == "strange: Opaque,"
    assert "timeout" in second.message
    assert loaded.registry.names == ()


def test_no_pyc_is_written_and_a_stale_one_is_not_read(folder: Path, write: Write):
    path = write("a.py", "from orchestrator.functions import tool\n@tool\ndef f(): return 1\n")
    stamp = path.stat()
    assert load(folder).registry.functions["a.f"].callable() == 1
    path.write_text(path.read_text().replace("return 1", "return 2"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert load(folder).registry.functions["a.f"].callable() == 2
    assert list(folder.rglob("*.pyc")) == []


def test_a_failed_edit_keeps_the_last_good_version(folder: Path, write: Write):
    write("a.py", GOOD)
    write("b.py", GOOD)
    first = load(folder)
    write("a.py", "1/0\n")
    write("c.py", GOOD)
    second = load(folder, first.registry)
    assert second.registry.names == ("a.hello", "b.hello", "c.hello")
    assert second.registry.functions["a.hello"] is first.registry.functions["a.hello"]
    assert "the version loaded before stays in use" in (only(second.diagnostics).hint or "")
    assert second.registry.version == first.registry.version + 1
    write("a.py", GOOD.replace("Greet.", "Greet anew."))
    third = load(folder, second.registry)
    assert third.diagnostics == ()
    assert third.registry.functions["a.hello"] is not first.registry.functions["a.hello"]


def test_unchanged_units_are_taken_over(folder: Path, write: Write):
    write("a.py", GOOD)
    write("_shared.py", "X = 1")
    write("b.py", "from orchestrator.functions import tool\nfrom ._shared import X\n@tool\ndef f(): return X\n")
    first = load(folder).registry
    assert load(folder, first).registry is first
    write("_shared.py", "X = 2")
    second = load(folder, first).registry
    assert second.functions["a.hello"] is first.functions["a.hello"]
    assert (first.functions["b.f"].callable(), second.functions["b.f"].callable()) == (1, 2)


def test_a_deleted_file_takes_its_functions_along(folder: Path, write: Write):
    path = write("a.py", GOOD)
    first = load(folder).registry
    path.unlink()
    second = load(folder, first).registry
    assert second.names == ()
    assert second.version == first.version + 1


def test_generations_do_not_touch_each_other_and_old_ones_are_forgotten(folder: Path, write: Write):
    gc.collect()
    before = plug_modules()
    path = write(
        "a.py",
        "from orchestrator.functions import tool\nseen = []\n@tool\ndef f(x: int): seen.append(x); return seen\n",
    )
    first = load(folder).registry
    path.write_text(path.read_text() + "\n")
    second = load(folder, first).registry
    first.functions["a.f"].callable(1)
    assert second.functions["a.f"].callable(2) == [2]
    assert len(plug_modules() - before) == 4
    del first
    gc.collect()
    assert len(plug_modules() - before) == 2
    del second
    gc.collect()
    assert plug_modules() == before


def test_failed_loads_leave_nothing_behind(folder: Path, write: Write):
    gc.collect()
    before = plug_modules()
    write("a.py", "import json\njson.loads('{')\n")
    assert len(load(folder).diagnostics) == 1
    gc.collect()
    assert plug_modules() == before


def test_nothing_of_a_registry_can_be_changed(folder: Path, write: Write):
    write("a.py", GOOD)
    registry = load(folder).registry
    with pytest.raises(TypeError):
        registry.functions["x"] = registry.functions["a.hello"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.functions["a.hello"].name = "x"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.version = 9  # type: ignore[misc]
    assert registry.find("a.helo") is None


@pytest.mark.anyio
async def test_a_loaded_function_can_be_invoked(folder: Path, write: Write):
    write("a.py", GOOD)
    output = await invoke(load(folder).registry.functions["a.hello"], '{"name": "Ada"}')
    assert (output.text, output.ok) == ("hello Ada", True)


def test_a_hundred_units_load_quickly(folder: Path, write: Write):
    for number in range(100):
        write(f"unit{number}.py", GOOD)
    started = time.monotonic()
    registry = load(folder).registry
    seconds = time.monotonic() - started
    assert len(registry.names) == 100
    assert seconds < 10
