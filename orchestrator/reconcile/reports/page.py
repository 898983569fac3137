"""A plan as one page of HTML: no script, no address, everything escaped; light and dark. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from orchestrator.reconcile.changes import Update
from orchestrator.reconcile.reports import words
from orchestrator.reconcile.reports.shape import Line, Shape, lines, wrapped
from orchestrator.reconcile.review import Passage, Review, Reviewed
from orchestrator.reconcile.visible import line, visible

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--dim:#59636e;--line:#d8dee4;--box:#f6f8fa;--add:#dafbe1;
--addfg:#116329;--del:#ffebe9;--delfg:#a40e26;--high:#cf222e;--medium:#9a6700;--low:#59636e}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#30363d;--box:#151b23;
--add:#12361f;--addfg:#7ee2a0;--del:#4a1a1e;--delfg:#ffa198;--high:#ff7b72;--medium:#e3b341;--low:#9198a1}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem;background:var(--bg);color:var(--fg);
font:16px/1.55 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:0;display:inline}
.dim,.gap{color:var(--dim)}
ul{margin:.4rem 0;padding-left:1.2rem}
section{border:1px solid var(--line);border-radius:8px;margin:1rem 0;overflow:hidden}
header{background:var(--box);padding:.6rem 1rem;border-bottom:1px solid var(--line)}
.body{padding:.6rem 1rem}
.risk{float:right;font-size:.8rem;font-weight:600;border:1px solid;border-radius:1rem;padding:0 .6rem}
.high{color:var(--high)}.medium{color:var(--medium)}.low{color:var(--low)}
h3{font-size:.9rem;margin:.9rem 0 .3rem}
code,.value{font-family:ui-monospace,monospace;font-size:.875em;overflow-wrap:anywhere}
p{margin:.25rem 0;overflow-wrap:anywhere;white-space:pre-wrap}
.text p{padding:.1rem .6rem;border-left:3px solid transparent}
.text .added{background:var(--add);border-color:var(--addfg)}
.text .removed{background:var(--del);border-color:var(--delfg)}
.text .changed{border-color:var(--medium)}.text .moved{border-color:var(--dim)}.text .heading{font-weight:600}
ins{background:var(--add);color:var(--addfg);text-decoration:underline}del{background:var(--del);color:var(--delfg)}
footer{border-top:1px solid var(--line);padding-top:.75rem;font-weight:600}
"""
_NOTES = {"added": "added: ", "removed": "removed: ", "moved": "moved: ", "gap": "… "}


def render(found: Review, shape: Shape) -> str:
    """The page."""
    return "\n".join(_page(found, shape)) + "\n"


def _page(found: Review, shape: Shape) -> Iterator[str]:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>Plan for {_one(found.plan.owner)}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>Plan for {_one(found.plan.owner)}</h1>"
    risk = f"Risk: {words.risk_line(found)}" if found.changes else "Nothing to do."
    yield f'<p class="dim">{_one(risk)}</p>'
    yield from _list(words.cause_line(s) for s in found.causes if len(s.names) > 1)
    for one in found.changes:
        yield from _section(one, shape)
    yield from _list(words.left_alone(found.plan))
    yield from _list([words.complaint(one) for one in found.told])
    yield f"<footer>{_one(words.summary(found.plan))}</footer></body></html>"


def _section(one: Reviewed, shape: Shape) -> Iterator[str]:
    where = one.place or one.id or ""
    yield f'<section><header><span class="risk {one.risk.level}">{one.risk.level} risk</span>'
    yield f'<h2>{words.sign(one)} {_one(one.name)}</h2> <code class="dim">{_one(str(where))}</code></header>'
    yield '<div class="body">'
    yield from _list([*words.reasons(one), *_further(one)])
    for passage in words.passages(one, shape):
        yield from _passage(passage, shape)
    if isinstance(one.change, Update) and not one.passages:
        yield '<p class="dim">only our mark is renewed</p>'
    yield "</div></section>"


def _further(one: Reviewed) -> Iterator[str]:
    yield from one.capabilities
    yield from (f"because {cause}" for cause in one.causes if cause.kind not in ("edited", "drift"))
    if tokens := words.tokens_line(one):
        yield tokens


def _passage(passage: Passage, shape: Shape) -> Iterator[str]:
    d = passage.difference
    note = ' <span class="medium">changed at the target</span>' if d.drifted else ""
    yield f"<h3>{_one(d.field)}{note}</h3>"
    if passage.text is None:
        yield from (f'<p class="value">{_one(text)}</p>' for text in words.field_lines(d))
        return
    yield '<div class="text">'
    yield from (f'<p class="{one.mark}">{_pieces(one)}</p>' for one in lines(passage.text, shape))
    yield "</div>"


def _pieces(one: Line) -> str:
    if one.mark != "changed":
        return f'<span class="dim">{_NOTES.get(one.mark, "")}</span>{escape(visible(one.text))}'
    tags = {"added": ("<ins>", "</ins>"), "removed": ("<del>", "</del>"), "same": ("", "")}
    return "".join(wrapped(piece, tags[piece.op], lambda text: escape(visible(text))) for piece in one.pieces)


def _list(sentences: Iterator[str] | list[str]) -> Iterator[str]:
    items = [f"<li>{_one(sentence)}</li>" for sentence in sentences]
    if items:
        yield f"<ul>{''.join(items)}</ul>"


def _one(text: str) -> str:
    return escape(line(text))
