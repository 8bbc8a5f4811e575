"""The catalog: what `seenat.open()` gives. A method for every command, named for what it returns or does.

Models are given by name, alias or hub repository, or as a `Model`. `protocol` is the beginning of a protocol's id; without it
the only protocol answers, or else the default one. What was not measured raises `NotMeasured`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from seenat.jobs import Jobs
from seenat.keeping.methods import Keeping
from seenat.labels import Labels
from seenat.lookups import number_of
from seenat.registry.answer import Answers
from seenat.registry.closing import ClosesOnExit
from seenat.results.exports import Exports
from seenat.suites import Suites
from seenat.texts.exchange import Exchange
from seenat.texts.influence import Influences
from seenat.texts.trace import Tracing

if TYPE_CHECKING:
    from seenat.keeping.access import Access
    from seenat.memorization.jobs.runners.local import Advance
    from seenat.memorization.labels.choose import Where
    from seenat.memorization.pocket.demo import ClassOutcome
    from seenat.memorization.pocket.progress import PocketProgress
    from seenat.memorization.published.compare import Comparison
    from seenat.memorization.published.importer import ImportedSet, RemovedSet
    from seenat.memorization.queries.batches import BatchTrajectories
    from seenat.memorization.queries.onsets import Onsets
    from seenat.memorization.queries.passages import Passages
    from seenat.memorization.queries.provenance import Provenance
    from seenat.memorization.queries.trajectories import SequenceTrajectory
    from seenat.memorization.results.compaction import Compaction
    from seenat.memorize import MemorizeAnswer, MemorizeObserver, MemorizeOptions
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.catalog.orders import Batch, OrderSequence
    from seenat.registry.evaluations.importer import EvaluationImport
    from seenat.registry.evaluations.query import Benchmarks
    from seenat.results.studies import Studies
    from seenat.results.which import Which

__all__ = ["Catalog", "open_catalog"]

Progress = Callable[[int, int], None]
NamedProgress = Callable[[str, int, int], None]


class Catalog(Jobs, Exports, Labels, Suites, Tracing, Influences, Exchange, Keeping, ClosesOnExit):
    """A catalog of models, orders and results. It is a context manager; `close` gives back its connections.

    `which` lists memorized sequences, `studies` asks what papers ask of results.
    """

    def close(self) -> None:
        """Give back the database connections."""
        self._registry.close()

    def __repr__(self) -> str:
        return f"<seenat catalog {self._registry.database}>"

    # -- measuring

    def memorize(
        self,
        model: str | Model,
        *,
        progress: Callable[[Advance], None] | None = None,
        observer: MemorizeObserver | None = None,
        **options: Unpack[MemorizeOptions],
    ) -> MemorizeAnswer:
        """Measure what each checkpoint has memorized of the sequences it has seen; a call again continues or does nothing.

        steps="all"           checkpoints: "all", a list of steps, or text such as "1,2,64:128,last"
        sequences=None        a range, as `SequenceRange` or "START:STOP"; None for all
        sample=None, seed=0   this many of them, drawn at random with this seed
        unseen=False          also measure sequences that a checkpoint had not seen yet
        measure="prefix"      "prefix", "score" or "loss"
        prompt=32             ids given to the model; several lengths, as a list, are measured together
        continuation=32       ids to reproduce; several lengths as well
        offset=0              ids before the prompt
        eos=None              "banned" or "allowed": whether decoding may end a document; None for the measure's default
        dtype="float32"       or "bfloat16", "float16", "bfloat16-rechecked"
        adaptive=False        measure some checkpoints over all, the others over what these find memorized
        coarse=None           the checkpoints that an adaptive job measures over all, or how many; None for one in 8
        audit=None            sequences that an adaptive job draws to estimate what it misses; None for 1 in 1,000
        allow_suspect=False   also measure checkpoints that may hold other weights
        device=None           "cpu", "cuda", "cuda:1", "mps"; None for cuda where there is one
        keep_checkpoints=None keep this many of the checkpoints fetched from a hub; None for all
        faster=False          take the exact job for an adaptive one, and float32 for a rechecked type, where these are faster
        name=None, note=None  what the job is called, and what else there is to say of it
        submit=False          only plan the job, for `work` to measure
        priority=None         workers take jobs of a greater one first; None for 0, or for what the job has
        same_device=False     measure all of it on one kind of device, and refuse others
        runner=None           "local": by processes of this machine; "slurm": by an array of tasks, which is submitted;
                              "ray": by actors of a cluster
        workers=None          how many; None for one a GPU, one task, or as many as the cluster has room for
        script=None           write Slurm's script to this file and submit nothing
        force=False           let the script replace a file
        address=None          Ray's cluster; None for that of RAY_ADDRESS, or one of this machine

        `progress` gets an `Advance` again and again; `observer` hears of plans too, and replaces it. Raises `InvalidValue` for
        what cannot be measured, `UnknownCheckpoint`, and `JobFailed` where shards could not be measured or the job was cancelled.
        Before a job exists, raises what is missing for it: `MissingExtra`, `NoRoom`, `HubUnavailable`.
        """
        from seenat.memorize import MemorizeObserver, MemorizeRequest, run_request

        request = MemorizeRequest(**options)
        return run_request(self._registry, self._model(model), request, observer or MemorizeObserver(progress))

    # -- results

    def onsets(
        self, model: str | Model, *, limit: int | None = 20, protocol: str | None = None, where: Where = None
    ) -> Onsets:
        """When a model memorized what: counts at every measured checkpoint, and the first `limit` sequences by onset.

        With `limit=None` all sequences; `to_pandas()` of the answer is a row each. `where` chooses sequences by their labels:
        "LABEL=VALUE", several of such, or {"LABEL": "VALUE"}; `studies.onsets(model, by="LABEL")` groups by one.
        """
        from seenat.memorization.queries.onsets import onsets

        return onsets(self._registry, self._model(model), protocol, limit, where)

    def trajectory(
        self, model: str | Model, sequence: int | OrderSequence, *, protocol: str | None = None
    ) -> SequenceTrajectory:
        """One sequence's values over the measured checkpoints: when it was memorized, forgotten, learned again."""
        from seenat.memorization.queries.trajectories import trajectory

        return trajectory(self._registry, self._model(model), number_of(sequence, "sequence"), protocol)

    def trajectories(self, model: str | Model, batch: int | Batch, *, protocol: str | None = None) -> BatchTrajectories:
        """All sequences of a batch over the measured checkpoints: how many ids each reproduced, and when it was memorized."""
        from seenat.memorization.queries.batches import batch_trajectories

        return batch_trajectories(self._registry, self._model(model), number_of(batch, "batch"), protocol)

    def passages(
        self,
        model: str | Model,
        sequences: Collection[int] | str,
        *,
        step: int | str | Checkpoint | None = None,
        protocol: str | None = None,
    ) -> Passages:
        """What a protocol reads of some sequences, an id at a time; with a step, how many ids it reproduced of each.

        `sequences` are at most 1,024 numbers, or a text: "START:STOP", or "3,9,20". Raises `UnknownSequence` beyond the order.
        """
        from seenat.memorization.queries.passages import passages
        from seenat.registry.units import parse_sequences

        chosen = self._model(model)
        if isinstance(sequences, str):
            sequences = parse_sequences(sequences, chosen.order.sequences.stop)
        return passages(self._registry, chosen, sequences, self._step(chosen, step), protocol)

    def why(
        self,
        model: str | Model,
        step: int | str | Checkpoint,
        sequence: int | OrderSequence,
        *,
        protocol: str | None = None,
    ) -> Provenance:
        """Where the value of a sequence at a checkpoint comes from: job, shard, checkpoint, files of ids, protocol.

        Raises `NotMeasured` where there is no such value, with the steps that have one.
        """
        from seenat.memorization.queries.provenance import provenance

        chosen = self._model(model)
        return provenance(self._registry, chosen, chosen.step_number(step), number_of(sequence, "sequence"), protocol)

    @property
    def which(self) -> Which:
        """Which sequences a model memorized: `first`, `kept`, `relearned`, `changed`, `batches`."""
        from seenat.results.which import Which

        return Which(self._registry)

    @property
    def studies(self) -> Studies:
        """The studies: `onsets`, `exposures`, `batches`, `predict`, `sets`, `forgetting`, `counterfactual`, `labels`."""
        from seenat.results.studies import Studies

        return Studies(self._registry)

    def compact(
        self, model: str | Model, *, protocol: str | None = None, progress: Progress | None = None
    ) -> Compaction:
        """Store results a second time by sequence, so that a trajectory is one read; `progress` gets (blocks done, all).

        Jobs do this when they finish. What is written may be deleted; a call again writes only what has changed since.
        """
        from seenat.memorization.results.compaction import compact

        return compact(self._registry, self._model(model), protocol, progress or _silent)

    # -- what others measured

    def evaluations(
        self, model: str | Model, *, task: str | None = None, metric: str | None = None, shots: int | None = None
    ) -> Benchmarks:
        """Benchmark results by task, number of examples, metric and step; `task` may be a pattern, "hendrycksTest-*"."""
        from seenat.registry.evaluations.query import benchmarks

        return benchmarks(self._registry, self._model(model), task=task, metric=metric, shots=shots)

    def compare(self, model: str | Model, *, protocol: str | None = None) -> Comparison:
        """Our memorization results beside published ones: counts, and sequence by sequence."""
        from seenat.memorization.published.compare import compare

        return compare(self._registry, self._model(model), protocol)

    def import_evaluations(self, folder: str | Path, *, progress: Progress | None = None) -> EvaluationImport:
        """Import benchmark results: `evals` of a clone of EleutherAI/pythia, or a part of it.

        Files that contradict themselves are quarantined with a reason. `progress` gets (files read, all).
        """
        from seenat.registry.evaluations.importer import import_evaluations

        return import_evaluations(self._registry, Path(folder), progress or _silent)

    def import_results(
        self,
        source: str,
        *,
        split: str | None = None,
        model: str | None = None,
        step: int | str | None = None,
        corpus: str | None = None,
        sequences: str | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> Answers[ImportedSet]:
        """Import published memorization results: a data set on the hub, a folder, or a Parquet file.

        `model` and `step` say what they are about where the name does not; `corpus` is "duped" or "deduped", whose scores a
        random sample holds; `sequences`, "0:600", which ones a list of memorized sequences covers, where it is not Pythia's.
        `progress` gets (split, rows read).
        """
        from seenat.memorization.published.importer import import_published

        sets = import_published(
            self._registry,
            source,
            split=split,
            model=model,
            step=step,
            deduplicated=None if corpus is None else corpus == "deduped",
            sequences=sequences,
            progress=progress or (lambda name, rows: None),
        )
        return Answers(sets)

    def remove_import(self, name: str, *, yes: bool = False) -> RemovedSet:
        """Remove published results by the name that `import_results` gave them; without `yes`, only say what would go.

        `import_history` keeps who did it and when. Raises `NotMeasured` with the names that there are.
        """
        from seenat.memorization.published.importer import remove_imported

        return remove_imported(self._registry, name, yes=yes)

    @property
    def access(self) -> Access:
        """Tokens with which a service lets the catalog be written: `create_token`, `tokens`, `revoke_token`, `log`."""
        from seenat.keeping.access import Access

        return Access(self._registry)

    # -- the pocket suite

    def train_pocket_suite(self, *, seed: int = 1234, progress: Callable[[PocketProgress], None] | None = None) -> Path:
        """Train the pocket suite in seenat's own folder, a minute or two; returns its SUITE.toml, to `register`.

        Three GPT-NeoX models learn a small text in a recorded order. A stopped training is continued, a finished one is
        returned at once. Raises `MissingExtra` without torch.
        """
        from seenat.memorization.pocket import build_pocket_suite, pocket_folder
        from seenat.registry import settings

        return build_pocket_suite(pocket_folder(settings.home(), seed), seed=seed, progress=progress)

    def repetition_outcomes(self, *models: str | Model) -> Answers[ClassOutcome]:
        """How much models of the pocket suite memorized of the sequences repeated 64, 32, ... times, and by which step."""
        from seenat.memorization.pocket.demo import outcomes

        return Answers(outcomes(self._registry, tuple(self._models(models))))


def open_catalog(url: str | Path | None, talk: Callable[[str], None], threads: int) -> Catalog:
    """Open the catalog at `url`; `seenat.open` says what that may be."""
    from seenat.registry.open import open_catalog as open_registry

    return Catalog(open_registry(None if url is None else str(url), talk, threads))


def _silent(_done: int, _all: int) -> None: ...


def _silent_named(_name: str, _done: int, _all: int) -> None: ...
