"""seenat: which training step saw it, and from which step it stuck.

`seenat.open()` opens a catalog of language models whose training order is known. Everything else is a method of it:

    import seenat

    catalog = seenat.open()

What a checkpoint had seen, and where the data lies:

    catalog.models(size="70m")                      models, a row each
    catalog.model("pythia-70m").checkpoint(3000)    one checkpoint
    catalog.step("pythia-70m", 3000)                what it had seen, its status, its files
    catalog.batch("pythia-70m", 71490)              where a batch lies, and the checkpoints around it
    catalog.sequence("pythia-70m", 3071999)         the same of a sequence, and what was measured of it
    catalog.order("pile-deduped").batch(0).tokens() ids, a uint16 array [sequences, tokens_per_sequence]
    catalog.checkpoints(order="pile", tokens=...)   a search over all checkpoints
    catalog.suites()                                what was registered together, and where it is from
    catalog.broken(), catalog.cite("pythia-70m")    what not to trust; BibTeX; learning_rate is that of any update

What it has memorized, and when:

    catalog.memorize("pocket-2m")                   measures, or continues a stopped job
    catalog.results("pocket-2m")                    what was measured, by which protocols, on what
    catalog.onsets("pocket-2m")                     what was memorized when
    catalog.trajectory("pocket-2m", 20)             one sequence over all checkpoints
    catalog.which.first("pocket-2m", by=128)        lists of sequences: first, earlier, kept, relearned, batches
    catalog.studies.predict("pocket-2m")            the studies of docs/studies.md
    catalog.label("pocket-order", "subsets.csv")    values a sequence, to group and choose by: labels, where=, by=
    catalog.export("pocket-2m", "values.parquet")   every value, for other programs
    seenat.write_table(answer, "rows.parquet")      the rows of any answer that is a table

What an order repeats, and what was seen before:

    catalog.duplicates("pocket-order")              sequences, or windows of them, that hold the same ids
    catalog.repeats("pocket-order", 64)             equal ids at any offset; near_duplicates finds what is alike
    catalog.exposures("pocket-2m")                  how often what was memorized had been seen before its onset

From a text back to training:

    catalog.index.build("pocket-order")             indexes an order
    catalog.find("some text", model="pocket-2m")    every exposure, with batch, step and the checkpoints around it
    catalog.trace("some text", model="pocket-2m")   which parts of it stand in training word for word, and where
    catalog.generate("pocket-2m", 384, "some text") what a checkpoint makes of it, and with trace=True from where
    catalog.influence("pocket-2m", "a text", ...)   the training sequences that mattered to it

Your own runs, and what others have:

    catalog.register("SUITE.toml")                  adds a training run of your own; unregister deletes it
    catalog.sync("pythia-70m")                      reads which files the hub has, and audits them
    catalog.audit(), catalog.verify("pocket-2m")    whether checkpoints are what their names say
    catalog.evaluations("pythia-70m")               benchmark results; import_evaluations reads them
    catalog.compare("pythia-70m")                   ours beside published results; import_results reads those

`help(seenat.Catalog)` has every method. Answers are frozen values: read their attributes, or call `to_json()`, and where they
are tables `to_pandas()` or `to_arrow()`. Ranges are half-open: the checkpoint at step N has seen batches 0 to N - 1.
`seenat.connect("http://...")` reads a catalog that `seenat serve` serves, by the same methods.
`seenat.read_manifest` checks a SUITE.toml without registering it; `seenat.upgrade` brings an older catalog up to date.

For annotations and `except`, `seenat` holds all classes of these values; `seenat.__all__` lists them. One meets first:

    Catalog, Model, Checkpoint, Order, Batch            what a catalog holds
    SequenceRange, BatchRange                           half-open ranges; methods also take "START:STOP"
    StepAnswer, BatchAnswer, SequenceAnswer             look-ups
    Job, Protocol, Selection, MemorizeAnswer            what was measured, and how
    Onsets, Onset, SequenceTrajectory                   when it was memorized
    SeenatError, InvalidValue, NotFound, NotMeasured    every error raised on purpose is a SeenatError

docs/python.md is a tour.
"""

# The files of this folder; the rooms beside it (registry, memorization, attribution, service, migrations, cli) are links.
#
#   catalog      Catalog: one call a method
#   lookups      its look-ups: models, orders, steps, batches, sequences; what its parts share
#   memorize     its `memorize`: options, the run, what an observer is told
#   preflight    its `estimate`: what measuring costs before a job exists
#   jobs         its methods about stored jobs: submit, status, watch, work, cancel
#   texts/       its methods from text back to training: find, trace, index, duplicates, influence, exchange
#   remote/      the catalog over HTTP: which address answers which method, and the client
#   labels       its methods about labels of sequences
#   suites       its methods about suites, and whether checkpoints are what they should be
#   keeping/     copies of a catalog, whether it is true, who may write to it
#   results/     its `which`, `studies` and exports
#   names        where each public name comes from
#   models       answers about models
#   checkpoints  answers about checkpoints
#   batches      answers about batches and sequences

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seenat.names import PLACES

if TYPE_CHECKING:
    from seenat.attribution.duplicates.answers import (
        DuplicateGroup,
        DuplicatePlace,
        Duplicates,
        NearDuplicate,
        NearDuplicates,
        Repeat,
        Repeats,
    )
    from seenat.attribution.duplicates.exposure_answers import MemorizedExposures, SequenceExposures
    from seenat.attribution.exchange.scores import ImportedScores, ScoredSequence
    from seenat.attribution.exchange.tokengrams import SuffixIndex
    from seenat.attribution.find.answers import (
        Context,
        Coverage,
        Exposure,
        Found,
        FoundVariant,
        MeasuredText,
        Place,
        StoredResult,
        TextPoint,
        ValueExposures,
    )
    from seenat.attribution.find.curve import ExposureCurve, ExposureCurvePoint
    from seenat.attribution.influence.answer import (
        BaselineSequence,
        CheckpointPart,
        Influence,
        InfluenceMethod,
        InfluenceQuery,
        InfluentialSequence,
    )
    from seenat.attribution.ngrams.attach import AttachedIndex
    from seenat.attribution.trace.answers import Characters, Traced, TracedExposure, TracedSpan
    from seenat.attribution.trace.generate import Generated
    from seenat.batches import BatchAnswer, ByteExtent, SequenceAnswer
    from seenat.catalog import Catalog
    from seenat.checkpoints import BrokenCheckpoints, BrokenSteps, CheckpointAnswer, FileAnswer, StepAnswer, SyncAnswer
    from seenat.keeping.access import Access
    from seenat.keeping.attach import Attached
    from seenat.keeping.backup import Backup
    from seenat.keeping.garbage import Garbage, GarbageFile
    from seenat.keeping.restore import Restored, restore
    from seenat.keeping.schema import SchemaAnswer, UpgradeAnswer, check_schema, upgrade
    from seenat.keeping.verify import CatalogVerification
    from seenat.memorization.adaptive.adaptive_job import AdaptiveJob
    from seenat.memorization.deletion.answers import Deletion
    from seenat.memorization.estimate.answers import Estimate, GpuTime, HereTime
    from seenat.memorization.estimate.rates import Rate
    from seenat.memorization.estimate.volumes import Volumes
    from seenat.memorization.jobs.progress.pace import Pace
    from seenat.memorization.jobs.runners.local import Advance
    from seenat.memorization.jobs.runners.worker import Worked
    from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
    from seenat.memorization.jobs.status import CheckpointProgress, Job, JobWorker, ShardRecord
    from seenat.memorization.labels.store import LabelDeletion
    from seenat.memorization.labels.table import Label, LabelValue
    from seenat.memorization.pocket.demo import ClassOutcome
    from seenat.memorization.protocol.protocol import Protocol
    from seenat.memorization.protocol.selection import Selection
    from seenat.memorization.published.compare import Comparison
    from seenat.memorization.published.importer import ImportedSet, RemovedSet
    from seenat.memorization.queries.batches import BatchTrajectories, SequenceValues
    from seenat.memorization.queries.earlier import Earlier, EarlierSequence
    from seenat.memorization.queries.measured import MeasuredBy, MeasuredOn, MeasuredProtocol
    from seenat.memorization.queries.memorized import FirstMemorized, MemorizedByBatch
    from seenat.memorization.queries.onsets import MemorizedSequence, Onsets
    from seenat.memorization.queries.passages import Passage, Passages
    from seenat.memorization.queries.provenance import BlockRecord, CellShard, MeasuredCheckpoint, Provenance, TokenFile
    from seenat.memorization.queries.recited import Recital, Said
    from seenat.memorization.queries.trajectories import SequenceTrajectory
    from seenat.memorization.results.compaction import Compaction
    from seenat.memorization.results.measurements import ProtocolName
    from seenat.memorization.results.trajectory import Onset, Trajectory
    from seenat.memorization.studies.changes import Changed, ChangedSequence
    from seenat.memorization.studies.dispersion import BatchDispersion
    from seenat.memorization.studies.effects.counterfactual import CounterfactualProfile
    from seenat.memorization.studies.effects.step_labels import StepLabels
    from seenat.memorization.studies.exposures import ExposureOnsets
    from seenat.memorization.studies.forgetting import Curve
    from seenat.memorization.studies.prediction import Predictions
    from seenat.memorization.studies.retention import Kept, Relearned
    from seenat.memorization.studies.set_difference import SetDifference
    from seenat.memorization.upkeep.attach import AttachedResults, NotAttached
    from seenat.memorization.upkeep.recheck import ContestedCell, Recheck
    from seenat.memorization.upkeep.rederive import ResultFault
    from seenat.memorize import JobAnswer, MemorizeAnswer, MemorizeObserver, MemorizeOptions, SubmitOptions
    from seenat.models import (
        Citation,
        CitationEntry,
        LearningRate,
        ModelAnswer,
        Models,
        ModelSummary,
        RateAt,
        ScheduleAnswer,
    )
    from seenat.preflight import EstimateOptions
    from seenat.registry.access.import_log import ImportEntry
    from seenat.registry.access.log import AccessEntry
    from seenat.registry.access.tokens import AccessToken, CreatedToken
    from seenat.registry.answer import Answer, Answers, TableAnswer
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.catalog.orders import Batch, Order, OrderSequence, Sequences
    from seenat.registry.catalog.status import Evidence
    from seenat.registry.columns import Columns
    from seenat.registry.errors import (
        CorruptFile,
        CrossSite,
        DatabaseUnavailable,
        HubUnavailable,
        InvalidManifest,
        InvalidValue,
        JobFailed,
        MethodNotAllowed,
        MissingExtra,
        NoRoom,
        NotFound,
        NothingToDraw,
        NotIndexed,
        NotMeasured,
        NotPermitted,
        NotServed,
        OutOfMemory,
        OutOfScope,
        PlanChanged,
        Refused,
        SeenatError,
        SlowRequest,
        StaleResults,
        StaleSchema,
        StillNeeded,
        StoreUnavailable,
        SuiteChanged,
        TooLarge,
        TooManyRequests,
        TooSlow,
        Unauthenticated,
        UnknownBatch,
        UnknownCheckpoint,
        UnknownJob,
        UnknownLabel,
        UnknownModel,
        UnknownOrder,
        UnknownParameter,
        UnknownRoute,
        UnknownSequence,
        UnknownSuite,
        UnknownToken,
        Unreachable,
        Withheld,
        WrongMediaType,
    )
    from seenat.registry.evaluations.importer import EvaluationImport
    from seenat.registry.evaluations.query import Benchmarks
    from seenat.registry.exports.answers import write_table
    from seenat.registry.exports.batches import Exported
    from seenat.registry.integrity.audit import Audit
    from seenat.registry.integrity.verify import Verification
    from seenat.registry.integrity.verify_order import OrderVerification
    from seenat.registry.orders.text.documents import Document
    from seenat.registry.suites.answers import SuiteAnswer
    from seenat.registry.suites.cards import Card
    from seenat.registry.suites.claims import Claim
    from seenat.registry.suites.manifest.manifest import SuiteManifest, read_manifest
    from seenat.registry.suites.register import Registered
    from seenat.registry.units import BatchRange, SequenceRange
    from seenat.remote.client import RemoteCatalog
    from seenat.remote.reading.answers import RemoteAnswer
    from seenat.results.exports import ExportOptions
    from seenat.results.studies import Studies
    from seenat.results.which import Which
    from seenat.texts.find import FindOptions, SearchOptions, Texts
    from seenat.texts.indexes import Indexes, IndexStatus, IndexVerification
    from seenat.texts.influence import InfluenceOptions
    from seenat.texts.trace import AllTraceOptions, GenerateOptions, TraceOptions, Tracing

# fmt: off
__all__ = [
    "Access", "AccessEntry", "AccessToken", "AdaptiveJob", "Advance", "AllTraceOptions", "Answer", "Answers",
    "Attached", "AttachedIndex", "AttachedResults", "Audit", "Backup", "BaselineSequence", "Batch", "BatchAnswer",
    "BatchDispersion", "BatchRange", "BatchTrajectories", "Benchmarks", "BlockRecord", "BrokenCheckpoints",
    "BrokenSteps", "ByteExtent", "Card", "Catalog", "CatalogVerification", "CellShard", "Changed", "ChangedSequence",
    "Characters", "Checkpoint", "CheckpointAnswer", "CheckpointPart", "CheckpointProgress", "Citation", "CitationEntry",
    "Claim", "ClassOutcome", "Columns", "Compaction", "Comparison", "ContestedCell", "Context", "CorruptFile",
    "CounterfactualProfile", "Coverage", "CreatedToken", "CrossSite", "Curve", "DatabaseUnavailable", "Deletion",
    "Document", "DuplicateGroup", "DuplicatePlace", "Duplicates", "Earlier", "EarlierSequence", "Estimate",
    "EstimateOptions", "EvaluationImport", "Evidence", "ExportOptions", "Exported", "Exposure", "ExposureCurve",
    "ExposureCurvePoint", "ExposureOnsets", "FileAnswer", "FindOptions", "FirstMemorized", "Found", "FoundVariant",
    "Garbage", "GarbageFile", "GenerateOptions", "Generated", "GpuTime", "HereTime", "HubUnavailable", "ImportEntry",
    "ImportedScores", "ImportedSet", "IndexStatus", "IndexVerification", "Indexes", "Influence", "InfluenceMethod",
    "InfluenceOptions", "InfluenceQuery", "InfluentialSequence", "InvalidManifest", "InvalidValue", "Job", "JobAnswer",
    "JobFailed", "JobWorker", "Kept", "Label", "LabelDeletion", "LabelValue", "LearningRate", "MeasuredBy",
    "MeasuredCheckpoint", "MeasuredOn", "MeasuredProtocol", "MeasuredText", "MemorizeAnswer", "MemorizeObserver",
    "MemorizeOptions", "MemorizedByBatch", "MemorizedExposures", "MemorizedSequence", "MethodNotAllowed",
    "MissingExtra", "Model", "ModelAnswer", "ModelSummary", "Models", "NearDuplicate", "NearDuplicates", "NoRoom",
    "NotAttached", "NotFound", "NotIndexed", "NotMeasured", "NotPermitted", "NotServed", "NothingToDraw", "Onset",
    "Onsets", "Order", "OrderSequence", "OrderVerification", "OutOfMemory", "OutOfScope", "Pace", "Passage", "Passages",
    "Place", "PlanChanged", "Predictions", "Protocol", "ProtocolName", "Provenance", "Rate", "RateAt", "Recheck",
    "Recital", "Refused", "Registered", "Relearned", "RemoteAnswer", "RemoteCatalog", "RemovedSet", "Repeat", "Repeats",
    "Restored", "ResultFault", "Said", "ScheduleAnswer", "SchemaAnswer", "ScoredSequence", "SearchOptions",
    "SeenatError", "Selection", "SequenceAnswer", "SequenceExposures", "SequenceRange", "SequenceTrajectory",
    "SequenceValues", "Sequences", "SetDifference", "ShardRecord", "SlowRequest", "StaleResults", "StaleSchema",
    "StepAnswer", "StepLabels", "StillNeeded", "StoreUnavailable", "StoredResult", "Studies", "SubmitOptions",
    "SuffixIndex", "SuiteAnswer", "SuiteChanged", "SuiteManifest", "SyncAnswer", "TableAnswer", "TextPoint", "Texts",
    "TokenFile", "TooLarge", "TooManyRequests", "TooSlow", "TraceOptions", "Traced", "TracedExposure", "TracedSpan",
    "Tracing", "Trajectory", "Unauthenticated", "UnknownBatch", "UnknownCheckpoint", "UnknownJob", "UnknownLabel",
    "UnknownModel", "UnknownOrder", "UnknownParameter", "UnknownRoute", "UnknownSequence", "UnknownSuite",
    "UnknownToken", "Unreachable", "UpgradeAnswer", "ValueExposures", "Verification", "Volumes", "Which", "Withheld",
    "Worked", "WorkerObserver", "WrongMediaType", "__version__", "check_schema", "connect", "open", "read_manifest",
    "restore", "upgrade", "write_table",
]
# fmt: on

__version__ = "0.1.0"

# Where each public name comes from. It is imported when it is first used: most of these modules cost more than the whole of
# `seenat --help`. So `dir` lists what is loaded, and `help(seenat)` is the page above instead of 6,000 lines.


def open(url: str | Path | None = None, *, talk: Callable[[str], None] | None = None, threads: int = 2) -> Catalog:
    """Open the catalog at `url`: a SQLAlchemy URL, the path of a SQLite file, or that of a folder that holds `catalog.sqlite`.

    Without `url`: `SEENAT_DATABASE_URL`, else the SQLite file in seenat's own folder (`SEENAT_HOME`). A SQLite catalog that
    does not exist yet is made, with the built-in suites, and `talk` gets a sentence about that. `threads` is how many ask at the same
    time: so many connections to PostgreSQL are kept open, and more threads wait for none but make their own each time.

    Raises `StaleSchema` when the catalog was made by another version and `DatabaseUnavailable` when it cannot be reached.
    """
    from seenat.catalog import open_catalog

    return open_catalog(url, talk or (lambda _: None), threads)


def connect(url: str, token: str | None = None) -> RemoteCatalog:
    """The catalog that `seenat serve` serves at `url`: the methods that read, with the same arguments, answers and errors.

    `submit` and `cancel` need a token, made by `seenat token create`: this one, or else that of `SEENAT_TOKEN`. Nothing is sent
    before the first of the methods. Raises `InvalidValue` for what is no address; the methods raise `Unreachable` where no
    service answers.
    """
    from seenat.remote.client import RemoteCatalog

    return RemoteCatalog(url, token)


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module 'seenat' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"seenat.{PLACES[name]}"), name)
    globals()[name] = value
    return value
