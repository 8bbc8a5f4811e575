"""The commands, and the method of the catalog that answers each."""

from __future__ import annotations

from collections.abc import Iterator

import click

import seenat
from seenat.results.studies import Studies
from seenat.results.which import Which

__all__ = ["METHODS", "WRITE_OR_COMPUTE", "commands"]

# The method that answers each command; `doctor` is about the installation, `demo` is made of three other methods,
# `serve` serves all of them.
METHODS = {
    "models": seenat.Catalog.models,
    "model": seenat.Catalog.describe,
    "checkpoints": seenat.Catalog.checkpoints,
    "broken": seenat.Catalog.broken,
    "learning-rate": seenat.Catalog.learning_rate,
    "orders": seenat.Catalog.orders,
    "order": seenat.Catalog.order,
    "cite": seenat.Catalog.cite,
    "step": seenat.Catalog.step,
    "batch": seenat.Catalog.batch,
    "sequence": seenat.Catalog.sequence,
    "export-batches": seenat.Catalog.export_batches,
    "memorize": seenat.Catalog.memorize,
    "delete results": seenat.Catalog.delete_results,
    "delete job": seenat.Catalog.delete_job,
    "delete label": seenat.Catalog.delete_label,
    "label": seenat.Catalog.label,
    "labels": seenat.Catalog.labels,
    "unregister": seenat.Catalog.unregister,
    "estimate": seenat.Catalog.estimate,
    "results": seenat.Catalog.results,
    "jobs": seenat.Catalog.jobs,
    "job": seenat.Catalog.job,
    "cancel": seenat.Catalog.cancel,
    "pause": seenat.Catalog.pause,
    "resume": seenat.Catalog.resume,
    "prioritize": seenat.Catalog.prioritize,
    "retry": seenat.Catalog.retry,
    "recheck": seenat.Catalog.recheck,
    "worker": seenat.Catalog.work,
    "trajectory": seenat.Catalog.trajectory,
    "trajectories": seenat.Catalog.trajectories,
    "passages": seenat.Catalog.passages,
    "why": seenat.Catalog.why,
    "onset": seenat.Catalog.onsets,
    "which first": Which.first,
    "which earlier": Which.earlier,
    "which kept": Which.kept,
    "which relearned": Which.relearned,
    "which changed": Which.changed,
    "which batches": Which.batches,
    "compact": seenat.Catalog.compact,
    "influence": seenat.Catalog.influence,
    "study onsets": Studies.onsets,
    "study exposures": Studies.exposures,
    "study batches": Studies.batches,
    "study predict": Studies.predict,
    "study sets": Studies.sets,
    "study forgetting": Studies.forgetting,
    "study counterfactual": Studies.counterfactual,
    "study labels": Studies.labels,
    "find": seenat.Catalog.find,
    "index build": seenat.Indexes.build,
    "index status": seenat.Indexes.status,
    "index verify": seenat.Indexes.verify,
    "index remove": seenat.Indexes.remove,
    "duplicates": seenat.Catalog.duplicates,
    "exposures": seenat.Catalog.exposures,
    "compare": seenat.Catalog.compare,
    "export": seenat.Catalog.export,
    "evals": seenat.Catalog.evaluations,
    "import evals": seenat.Catalog.import_evaluations,
    "import memorized": seenat.Catalog.import_results,
    "import scores": seenat.Catalog.import_scores,
    "export-index": seenat.Catalog.export_index,
    "export-dataset": seenat.Catalog.export_dataset,
    "export-memorized": seenat.Catalog.export_memorized,
    "sync": seenat.Catalog.sync,
    "audit": seenat.Catalog.audit,
    "verify": seenat.Catalog.verify,
    "register": seenat.Catalog.register,
    "token create": seenat.Access.create_token,
    "token list": seenat.Access.tokens,
    "token revoke": seenat.Access.revoke_token,
    "token log": seenat.Access.log,
    "db upgrade": seenat.upgrade,
    "db check": seenat.check_schema,
    "db backup": seenat.Catalog.back_up,
    "db restore": seenat.restore,
    "db verify": seenat.Catalog.verify_stored,
    "gc": seenat.Catalog.garbage,
    "attach": seenat.Catalog.attach,
    "import history": seenat.Catalog.import_history,
    "trace": seenat.Catalog.trace,
    "generate": seenat.Catalog.generate,
}


WRITE_OR_COMPUTE = {
    *("attach", "import history"),
    *("cancel", "compact", "db backup", "db check", "db restore", "db upgrade", "db verify", "delete job"),
    *("delete label", "label"),
    *("delete results", "export", "export-batches", "export-dataset", "export-index", "export-memorized", "gc"),
    *("generate", "import evals", "import memorized", "import scores", "index build", "index remove", "index verify"),
    *("influence", "memorize", "pause", "prioritize", "recheck", "register", "resume", "retry", "sync"),
    *("token create", "token list", "token log", "token revoke", "unregister", "verify", "worker"),
}
"""Commands that write, load a checkpoint, or read what no request may make a service read."""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of all commands of a group, `index build` and the like."""
    for name in group.list_commands(click.Context(group)):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))
