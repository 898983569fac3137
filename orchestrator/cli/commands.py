"""The list of commands: one line each, and the help that is made of it. Imports nothing."""

from __future__ import annotations

# command → (module below orchestrator.cli, what it does)
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a project that works at once."),
    "up": ("up", "Serve, apply assistants.d and perform functions of plugins, all in one."),
    "ask": ("ask", "Ask an assistant one question; the answer is on standard output."),
    "chat": ("chat", "Talk with an assistant."),
    "validate": ("validate", "Check manifests and plug-ins, everything in one run."),
    "fmt": ("fmt", "Format manifests, comments kept; --check writes nothing."),
    "render": ("render", "Show an assistant as it will be at the target."),
    "plan": ("plan", "Show what apply would do. Never writes."),
    "apply": ("apply", "Bring the target in line with the manifests."),
    "drift": ("drift", "Show what somebody changed at the target by hand. Never writes."),
    "diff": ("diff", "Compare two revisions of the folder, without any target."),
    "compare": ("compare", "Show how two environments differ, without any target."),
    "status": ("status", "Show the state of the assistants that up looks after."),
    "log": ("log", "Show what was applied from here; with NAME the revisions of an assistant."),
    "show": ("show", "Show what was written as a revision: NAME@REV."),
    "rollback": ("rollback", "Write an earlier revision again, and hold it until its manifest changes."),
    "resume": ("resume", "End the hold of a rollback."),
    "lock": ("lock", "List who applies now, and release a lock whose process is gone."),
    "plugin": ("plugin", "Make, list, show, call, test, check and document plug-ins."),
    "import": ("import_", "Write manifests of assistants that exist at the target, and take them over."),
    "adopt": ("adopt", "Take over an assistant that exists at the target."),
    "release": ("release", "Let go of an assistant: it stays, and is ours no more."),
    "destroy": ("destroy", "Delete every assistant of this project in an environment."),
    "serve": ("serve", "Serve the Assistant API alone, with models of options or of an Environment."),
    "usage": ("usage", "Show the tokens that were used, by day, assistant or model."),
    "thread": ("thread", "Export threads as JSON Lines, and import them with their ids."),
    "key": ("key", "Create, list, revoke and forget keys of the served API."),
    "doctor": ("doctor", "Look for what is missing or wrong, with a remedy for each."),
    "backup": ("backup", "Write a backup of the server's data, also while it runs."),
    "restore": ("restore", "Make a data folder of a backup."),
    "explain": ("explain", "Explain a field of a manifest: Assistant.spec.tools.approval."),
    "schema": ("schema", "Print the JSON Schema of manifests, for editors; --api: the OpenAPI document."),
    "version": ("version", "Print the version."),
}


NESTED = frozenset({"key", "lock", "plugin", "thread"})  # commands that have commands


def help_text() -> str:
    """The help of the program as a whole."""
    rows = [f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: orchestrator COMMAND [OPTIONS] …",
            "",
            "Assistants as code: declared in assistants.d, answered with functions of plugins.",
            "",
            "Commands:",
            *rows,
            "",
            "Options: --help of every command; -C DIR, -e ENV, --format text|json of most.",
            "ORCHESTRATOR_DIR, _ENV, _PROJECT, _DATA, _HOST and _PORT set defaults.",
        ]
    )
