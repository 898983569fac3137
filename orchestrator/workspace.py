"""Manifests + plug-ins + target: the one file that knows every room. Commands call it and show what it returns."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.confined import Confined
from orchestrator.diagnostics import Diagnostic, Span, did_you_mean, in_order
from orchestrator.embedded import Functions, Snapshot
from orchestrator.errors import ManifestsInvalid, PluginsInvalid, SettingsError
from orchestrator.functions import Registry
from orchestrator.functions import load as load_functions
from orchestrator.functions.states import States
from orchestrator.journal import Journal, history
from orchestrator.manifests import Environment, Loaded, Placed, SecretPlace, Selection, resolve, select
from orchestrator.manifests import load as load_manifests
from orchestrator.manifests.loader import collector_paused
from orchestrator.plugging import plug
from orchestrator.reconcile import guards
from orchestrator.reconcile.changes import Update
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.desiring import desire, facts
from orchestrator.reconcile.fitting import EVERYTHING, Abilities, fit
from orchestrator.reconcile.holding import hold_back, still_held
from orchestrator.reconcile.observed import Target
from orchestrator.reconcile.plans import Plan, plan
from orchestrator.reconcile.review import Recorded
from orchestrator.reconcile.selecting import Choice, narrow
from orchestrator.reconcile.stamp import OWNER_LENGTH
from orchestrator.server.announcing import Place, announced
from orchestrator.server.models.directory import Directory
from orchestrator.server.performers.door import Limits
from orchestrator.server.running import running
from orchestrator.settings import DEFAULT_HOST, LOCAL, Settings
from orchestrator.targets import DIALECTS, HttpTarget, open_target
from orchestrator.upstreams import of_environment, script_faults

DEFAULT_PROJECT = "default"
IN_FLIGHT = 16  # requests at once, unless the environment says otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything that the files of a project say, for one environment. `diagnostics` are complaints and warnings.

    `code`: the functions of the plug-in folder; `registry`: these with what manifests say of them, and endpoints.
    """

    settings: Settings
    loaded: Loaded
    selection: Selection
    code: Registry
    registry: Registry
    desired: tuple[Desired, ...]
    diagnostics: tuple[Diagnostic, ...] = field(repr=False)

    @classmethod
    def read(cls, settings: Settings, previous: Workspace | None = None) -> Workspace:
        """Read manifests and plug-ins; every complaint of both is in `diagnostics`.

        Plug-ins whose files are what they were in `previous` are taken over, and so are those that are broken now.

        Raises:
            ManifestsInvalid: the environment itself is not there or cannot be expanded.
        """
        with collector_paused():
            return cls._read(settings, previous)

    @classmethod
    def _read(cls, settings: Settings, previous: Workspace | None) -> Workspace:
        plugins = load_functions(settings.plugins, previous.code if previous else None)
        loaded = load_manifests(settings.manifests, settings.environ)
        try:
            selection = select(loaded, settings.environment, settings.environ)
        except ManifestsInvalid as error:
            raise ManifestsInvalid(in_order([*plugins.diagnostics, *loaded.diagnostics, *error.diagnostics])) from error
        plugged = plug(plugins.registry, loaded, settings.folder, lambda place, where: _secret(settings, place, where))
        with closing(Confined(loaded.template_files)) as apart:
            wish = desire(
                selection,
                loaded,
                plugged.registry,
                lambda place, where: resolve(place, settings.environ, settings.folder, where=where),
                apart,
            )
        fitted = fit(wish.desired, selection.assistants, _abilities(selection.environment))
        complaints = [
            *plugins.diagnostics,
            *loaded.diagnostics,
            *plugged.diagnostics,
            *selection.diagnostics,
            *wish.diagnostics,
            *fitted.diagnostics,
            *_dialects(loaded),
            *script_faults(selection.environment, settings.folder),
        ]
        return cls(
            settings=settings,
            loaded=loaded,
            selection=selection,
            code=plugins.registry,
            registry=plugged.registry,
            desired=fitted.desired,
            diagnostics=in_order(dict.fromkeys(_from_here(one, settings.folder) for one in complaints)),
        )

    @property
    def environment(self) -> Placed[Environment]:
        """The selected environment, expanded."""
        return self.selection.environment

    @property
    def owner(self) -> str:
        """Who owns what we write: project/environment.

        Raises:
            SettingsError: the two together are too long for the stamp.
        """
        project = self.settings.project or self.environment.value.spec.project or DEFAULT_PROJECT
        owner = f"{project}/{self.settings.environment}"
        if len(owner) > OWNER_LENGTH or not owner.isascii() or not owner.isprintable():
            raise SettingsError(
                f"The project '{project[:80]}' can't be an owner.", hint=f"at most {OWNER_LENGTH} ASCII characters"
            )
        return owner

    def raise_for_errors(self) -> None:
        """Raise if any file is wrong.

        Raises:
            ManifestsInvalid, PluginsInvalid: with everything that is wrong in both.
        """
        errors = [d for d in self.diagnostics if d.severity == "error"]
        if errors:
            only_plugins = all(d.code.startswith("PLG") for d in errors)
            raise (PluginsInvalid if only_plugins else ManifestsInvalid)(self.diagnostics)

    @property
    def suspended(self) -> frozenset[str]:
        """Names of assistants that a controller leaves as they are."""
        return frozenset(name for name, one in self.selection.assistants.items() if one.value.spec.suspend)

    def find(self, name: str) -> Desired | None:
        """The desired assistant of that name."""
        return next((one for one in self.desired if one.name == name), None)

    def from_here_span(self, span: Span) -> Span:
        """A place, relative to the project's folder."""
        return replace(span, file=span.file.removeprefix(f"{self.settings.folder}{os.sep}"))

    def from_here(self, one: Diagnostic) -> Diagnostic:
        """With paths relative to the project's folder."""
        return _from_here(one, self.settings.folder)

    # ---- the target

    def functions(self) -> Functions:
        """A performer of what the manifests bind, as they are now."""
        limits = Limits(run_seconds=self.settings.run_seconds)
        return Functions(self.snapshot(), limits, States(self.settings.data))

    def snapshot(self) -> Snapshot:
        """What the embedded server has to know of manifests and functions."""
        return Snapshot(owner=self.owner, desired={one.name: one for one in self.desired}, registry=self.registry)

    def models(self) -> Directory:
        """The models that the environment names; whoever asks for them closes them.

        Raises:
            ManifestsInvalid: a key is missing, or a script is wrong.
        """
        return of_environment(self.environment, self.settings.environ, self.settings.folder)

    @asynccontextmanager
    async def serve(self, functions: Functions, models: Directory | None = None) -> AsyncGenerator[Place]:
        """The embedded server with this project's models and functions, which it closes; where it listens."""
        directory = models or self.models()
        try:
            async with running(self.settings, models=directory, functions=functions) as address:
                yield address
        finally:
            await functions.close()
            await directory.close()

    @asynccontextmanager
    async def target(self) -> AsyncGenerator[HttpTarget]:
        """The target of the environment.

        For `local` that is the server that runs on our data folder; if none does, one is started for as long as needed.
        """
        if self.settings.environment != LOCAL:
            target = self._remote()
            try:
                yield target
            finally:
                await target.close()
            return
        place = announced(self.settings.data)
        if place is not None:
            async with _local(place) as target:
                yield target
            return
        anywhere = replace(self, settings=replace(self.settings, host=DEFAULT_HOST, port=0, require_keys=False))
        async with anywhere.serve(self.functions()) as place, _local(place) as target:
            yield target

    def _remote(self) -> HttpTarget:
        spec = self.environment.value.spec
        settings = spec.target
        if settings is None:  # refused by the model of Environment already
            raise SettingsError(f"The environment '{self.settings.environment}' has no target.")
        where = self.environment.at("spec", "target", "apiKey")
        key = settings.api_key and resolve(settings.api_key, self.settings.environ, self.settings.folder, where=where)
        return open_target(
            settings.dialect,
            settings.base_url,
            api_key=key.get_secret_value() if key else None,
            workspace=settings.workspace,
            concurrency=spec.requests.concurrency or IN_FLIGHT,
            per_second=spec.requests.per_second,
        )

    # ---- verbs

    async def plan(
        self, target: Target, *, prune: bool = False, dedupe: bool = False, chosen: Choice | None = None
    ) -> Plan:
        """Compare what is wanted with what is there, all or what is chosen. Never writes."""
        planned = plan(self.desired, await target.observe(), owner=self.owner, prune=prune, dedupe=dedupe)
        narrowed = narrow(planned, chosen, facts(self.selection.assistants)) if chosen else planned
        return hold_back(narrowed, self.held())

    def held(self) -> frozenset[str]:
        """Names that a rollback holds, since their manifest is what it was then."""
        journal = Journal(self.settings.data)
        try:
            found = history.holds(journal, self.owner)
        finally:
            journal.close()
        return still_held(self.desired, {name: one.digest for name, one in found.items()})

    def recorded(self, planned: Plan) -> Recorded:
        """What the assistants of a plan were made of when they were written last, where this machine did that."""
        revisions = {
            change.before.stamp.manifest: change.before.stamp.revision
            for change in planned.changes
            if isinstance(change, Update) and change.before.stamp is not None
        }
        if not revisions:
            return lambda _: None
        journal = Journal(self.settings.data)
        try:
            found = history.inputs(journal, self.owner)
        finally:
            journal.close()
        return {name: made_of for name, (number, made_of) in found.items() if number == revisions.get(name)}.get

    async def plan_destroy(self, target: Target) -> Plan:
        """A plan that deletes all that this project owns in the environment.

        What is protected stays, what is retained is let go of.
        """
        names = {one.name for one in self.desired if one.protect}
        kept = {one.name for one in self.desired if one.retain}
        found = await target.observe()
        return plan((), found, owner=self.owner, prune=True, dedupe=True, protected=names, retained=kept)

    def check(self, planned: Plan, *, deletes: int | None = None) -> None:
        """Refuse a plan that deletes too much; `deletes`: so many were agreed to for this once.

        Raises:
            UnsafePlan: see `guards.check`.
        """
        policy = self.environment.value.spec.policy
        default = guards.DeleteLimits()
        limits = guards.DeleteLimits(
            allowed=policy.prune != "never",
            count=default.count if policy.max_deletes is None else policy.max_deletes,
            percent=default.percent if policy.max_delete_percent is None else policy.max_delete_percent,
        )
        guards.check(planned, limits.confirmed(deletes))

    def inputs(self) -> dict[str, str]:
        """SHA-256 of each manifest that was read, by its path below the folder."""
        files = sorted({one.place.file for one in self.desired} | {self.environment.at().file})
        return {name: found for name in files if (found := _sha256(self.settings.folder / name))}


def _secret(settings: Settings, place: SecretPlace, where: Span) -> str:
    return resolve(place, settings.environ, settings.folder, where=where).get_secret_value()


@asynccontextmanager
async def _local(place: Place) -> AsyncGenerator[HttpTarget]:
    target = open_target("dashscope", f"{place}/api/v1", api_key=place.key, concurrency=IN_FLIGHT)
    try:
        yield target
    finally:
        await target.close()


def _from_here(one: Diagnostic, folder: Path) -> Diagnostic:
    """With paths relative to the project's folder, so that a complaint reads the same on every machine."""
    here = f"{folder}{os.sep}"
    span = one.span and replace(one.span, file=one.span.file.removeprefix(here))
    return replace(one, span=span, message=one.message.replace(here, ""))


def _abilities(environment: Placed[Environment]) -> Abilities:
    """What the target can say; of a dialect that we do not know it is complained elsewhere."""
    target = environment.value.spec.target
    dialect = DIALECTS.get(target.dialect) if target is not None else None
    return dialect.abilities if dialect is not None else EVERYTHING


def _dialects(loaded: Loaded) -> Iterator[Diagnostic]:
    """Environments whose target speaks what we do not."""
    for environment in loaded.environments.values():
        target = environment.value.spec.target
        if target is not None and target.dialect not in DIALECTS:
            path = ("spec", "target", "dialect")
            hint = did_you_mean(target.dialect, DIALECTS)
            yield environment.complain("MAN004", f"unknown dialect '{target.dialect[:80]}'", path, hint=hint)


def _sha256(file: Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def new_attempt() -> str:
    """The id of a create, which travels in the stamp of what it makes."""
    return uuid.uuid4().hex[:16]
