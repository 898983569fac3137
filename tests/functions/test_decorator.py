"""The mark that an author sets."""

import subprocess
import sys
import threading

import pytest

from orchestrator.functions.decorator import Options, Plugin, ToolError, collecting, tool


def plain(a: int) -> int:
    return a


def test_the_same_object_comes_back():
    with collecting():
        assert tool(plain) is plain
        assert tool(name="x", timeout=3)(plain) is plain
    assert tool(plain) is plain
    assert vars(plain) == {}


def test_marks_are_collected_while_loading_and_only_then():
    tool(plain)
    with collecting() as collector:
        tool(name="x", description="d", timeout=3, idempotent=True)(plain)
    tool(plain)
    (found,) = collector.declarations
    assert found.callable is plain
    assert found.options == Options(name="x", description="d", timeout=3, idempotent=True)
    assert found.module == __name__


def test_a_single_word_stands_for_a_list_of_one():
    with collecting() as collector:
        tool(permissions="net:a.example", tags="x", retry_on=OSError)(plain)
    (found,) = collector.declarations
    assert (found.options.permissions, found.options.tags, found.options.retry_on) == (
        ("net:a.example",),
        ("x",),
        (OSError,),
    )


def test_a_word_that_the_mark_does_not_know_is_refused_outside_of_loading_too():
    with pytest.raises(TypeError, match="knows no timeuot; it knows approval, concurrency"):
        tool(timeuot=3)  # type: ignore[call-overload]


def test_a_plug_in_is_collected_with_its_module():
    with collecting() as collector:
        plugin = Plugin("Weather", "2", permissions=["net:a.example"])
    assert collector.plugins == [(__name__, plugin)]
    assert plugin.tool is tool


def test_another_thread_is_not_collected():
    with collecting() as collector:
        thread = threading.Thread(target=tool, args=(plain,))
        thread.start()
        thread.join()
    assert collector.declarations == []


def test_the_decorator_is_light():
    code = (
        "import sys\nfrom orchestrator import Context, Plugin, ToolError, Transient, tool\n"
        "print('pydantic' in sys.modules, 'anyio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_tool_error_carries_message_and_code():
    error = ToolError("no station", code="unknown_city")
    assert (str(error), error.message, error.code) == ("no station", "no station", "unknown_city")
    assert ToolError("x").code == "tool_error"


def test_unknown_names_of_the_room_are_attribute_errors():
    import orchestrator.functions as room

    with pytest.raises(AttributeError, match="nothing_here"):
        room.nothing_here  # noqa: B018
    assert {n for n in room.__all__ if getattr(room, n) is not None} == set(room.__all__)
