"""The part of the public catalog about suites, and whether checkpoints are what they should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seenat.lookups import Lookups
from seenat.registry.answer import Answers

if TYPE_CHECKING:
    from seenat.checkpoints import SyncAnswer
    from seenat.memorization.deletion.answers import Deletion
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.catalog.orders import Order
    from seenat.registry.integrity.audit import Audit
    from seenat.registry.integrity.verify import Verification
    from seenat.registry.integrity.verify_order import OrderVerification
    from seenat.registry.suites.register import Registered

__all__ = ["Suites"]

Progress = Callable[[int, int], None]
NamedProgress = Callable[[str, int, int], None]


class Suites(Lookups):
    """Registering, reading and auditing suites."""

    def register(self, path: str | Path, *, replace: bool = False, progress: NamedProgress | None = None) -> Registered:
        """Add a suite of one's own by its SUITE.toml; `progress` gets (file, bytes read, all).

        Every file is hashed and checked first. Raises `InvalidManifest`, and `SuiteChanged` for a suite that was registered
        before and has changed since, unless `replace` is given.
        """
        from seenat.registry.suites.register import register_suite

        registered = register_suite(
            self._registry, Path(path), replace_changed=replace, progress=progress or _silent_named
        )
        self._count_onsets_anew()
        return registered

    def unregister(self, suite: str, *, yes: bool = False) -> Deletion:
        """Delete a suite of one's own, its orders, models and all results of these; without `yes`, only say what that is.

        The suite's own files stay. Raises `NotFound`, and `StillNeeded` for a suite that ships with seenat, on whose orders
        models of another suite were trained, or at whose models somebody works.
        """
        from seenat.memorization.deletion.suite import unregister
        from seenat.texts.indexes import Indexes

        digests = {order.digest for order in self.orders() if order.suite == suite}
        deletion = unregister(self._registry, suite, yes=yes)
        if yes:
            Indexes(self._registry).remove_unused(digests)
        return deletion

    def sync(self, *models: str | Model, progress: NamedProgress | None = None) -> SyncAnswer:
        """Read which revisions and files the hub has of these models, or of all, and audit them; no weights are fetched.

        A call again reads only what is not known yet. `progress` gets (model, checkpoints read, all). A hub that stops
        answering is no error: `unreached` of the answer says so.
        """
        from seenat.checkpoints import SyncAnswer
        from seenat.registry.integrity.audit import audit
        from seenat.registry.integrity.sync import sync_models

        chosen = self._models(models) or [model for model in self.models() if model.repository]
        synced = sync_models(self._registry, chosen, progress or _silent_named)
        self._count_onsets_anew()
        audited = audit(self._registry, {model.model for model in synced.models})
        return SyncAnswer(models=synced.models, failures=synced.failures, audit=audited, unreached=synced.unreached)

    def audit(self, *models: str | Model) -> Audit:
        """Find checkpoints of these models, or of all, whose files are not what their names say; nothing is fetched."""
        from seenat.registry.integrity.audit import audit

        return audit(self._registry, {model.name for model in self._models(models)} if models else None)

    def findings(self, *models: str | Model) -> Audit:
        """What the last audit found of these models, or of all; nothing is written, so none of it is new."""
        from seenat.registry.integrity.findings import findings

        return findings(self._registry, {model.name for model in self._models(models)} if models else None)

    def verify(
        self, model: str | Model, *steps: int | str | Checkpoint, progress: Progress | None = None
    ) -> Answers[Verification]:
        """Read the files of these checkpoints, or of all on this machine, and compare them with the recorded digests.

        `faults` of an answer says what differs. `progress` gets (checkpoints verified, all). Raises `UnknownCheckpoint` where
        the files are not on this machine.
        """
        from seenat.registry.errors import UnknownCheckpoint
        from seenat.registry.integrity.verify import local_folder, verify_checkpoint

        run = self._model(model)
        typed = [one for step in steps for one in (run.schedule.parse_saved(step) if isinstance(step, str) else [step])]
        named = [run.checkpoint(step) for step in typed]
        chosen = named or [saved for saved in run.checkpoints if local_folder(run, saved) is not None]
        if not chosen:
            raise UnknownCheckpoint(
                f"No checkpoint of {run.name} is on this machine; a job fetches what it measures: seenat memorize {run.name}."
            )
        verifications = []
        for done, checkpoint in enumerate(chosen):
            (progress or _silent)(done, len(chosen))
            verifications.append(verify_checkpoint(self._registry, run, checkpoint))
        self._count_onsets_anew()
        return Answers(verifications)

    def verify_order(self, order: str | Order, *, progress: Progress | None = None) -> OrderVerification:
        """Read an order's files in a folder, or its known batches on a hub, and compare them with the recorded digests.

        `faults` of the answer says what differs. `progress` gets (bytes read, all), on a hub (batches read, all). Raises
        `UnknownOrder`, and `HubUnavailable` where a hub does not answer.
        """
        from seenat.registry.integrity.verify_order import verify_order

        chosen = self.order(order)
        return verify_order(self._registry, chosen, progress or _silent)

    def _count_onsets_anew(self) -> None:
        """Derive onsets anew where files of checkpoints were replaced; readers refuse what is stale and never write."""
        from seenat.memorization.results.refresh import refresh_stale_onsets

        refresh_stale_onsets(self._registry)

    # -- who may write over HTTP


def _silent(_done: int, _all: int) -> None: ...


def _silent_named(_name: str, _done: int, _all: int) -> None: ...
