"""What was applied from this machine: history, open intents, holds, locks. Dispensable: the stamps are the truth.

One SQLite file in the data folder, `journal.db`; `Journal` opens it. Never a secret: bodies are in comparable form.
"""

from orchestrator.journal.records import Applied, Hold, Intent, Lease, Revision, Step
from orchestrator.journal.store import Journal

__all__ = ["Applied", "Hold", "Intent", "Journal", "Lease", "Revision", "Step"]
