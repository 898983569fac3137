"""The one room that speaks HTTP as a client: `Client` to where the operator sends us, `guarded` to where others do.

The addresses of targets and models come from the operator, so `Client` connects to whatever it is told. Those of
plug-ins, of documents by URL and of what a model asks for are hostile ground: `Outside` reaches what a `Reach`
allows, and no private address behind a public name.
"""

from __future__ import annotations

from orchestrator.transport.client import MAX_ANSWER, NOTHING, Answer, Client, Lines, Stalled, carried
from orchestrator.transport.reach import Origin, Reach

__all__ = ["MAX_ANSWER", "NOTHING", "Answer", "Client", "Lines", "Origin", "Reach", "Stalled", "carried"]
