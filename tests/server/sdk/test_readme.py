"""What the README promises to whoever keeps an application: its snippets run as they stand, but for the address."""

import re
from pathlib import Path

import pytest
from live import Live

README = (Path(__file__).parents[3] / "README.md").read_text()
SECTION = README.partition("## Keep your application")[2].partition("\n## ")[0]
SNIPPETS = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["dashscope", "openai"])
def test_a_snippet_runs(live: Live, capsys: pytest.CaptureFixture[str], snippet: str) -> None:
    assert "http://127.0.0.1:8700/" in snippet
    exec(snippet.replace("http://127.0.0.1:8700", live.url), {})
    assert capsys.readouterr().out.strip() == "[offline model] Hello"
