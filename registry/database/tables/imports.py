"""What others measured: benchmark results and published memorization results; and who brought what into the catalog."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Integer, String, Table, Text, TypedColumns

from seenat.registry.database.tables.base import WITHOUT_ROWID, metadata

__all__ = ["evaluation_files", "evaluations", "import_log", "reference_counts", "result_sets"]


class EvaluationFileColumns(TypedColumns):
    """A file of benchmark results that was read, and what became of it."""

    id = Column(Integer, primary_key=True)
    path = Column(String(300), nullable=False, unique=True)
    """Within the folder that was imported."""
    sha256 = Column(String(80), nullable=False)
    model_id: Column[int | None] = Column(Integer, ForeignKey("models.id"), index=True)
    step: Column[int | None] = Column(Integer)
    shots: Column[int | None] = Column(Integer)
    status = Column(String(16), nullable=False)
    """`imported` or `quarantined`."""
    reason: Column[str | None] = Column(Text)
    """Why it is quarantined, or what is odd about it."""
    versions: Column[dict[str, str] | None] = Column(JSON)
    """The version of each task, as the file states it; null where it states none, or was imported by an older seenat."""
    imported_at = Column(String(32), nullable=False)


evaluation_files = Table("evaluation_files", metadata, EvaluationFileColumns)


class EvaluationColumns(TypedColumns):
    """One number of one file."""

    file_id = Column(Integer, ForeignKey("evaluation_files.id"), primary_key=True)
    task = Column(String(96), primary_key=True)
    metric = Column(String(64), primary_key=True)
    value: Column[float] = Column(Double, nullable=False)


evaluations = Table("evaluations", metadata, EvaluationColumns, **WITHOUT_ROWID)


class ResultSetColumns(TypedColumns):
    """Memorization results that others published, as imported."""

    id = Column(Integer, primary_key=True)
    name = Column(String(200), nullable=False, unique=True)
    model_id = Column(Integer, ForeignKey("models.id"), nullable=False, index=True)
    step = Column(Integer, nullable=False)
    kind = Column(String(16), nullable=False)
    """`memorized`: the memorized sequences; `sample`: scores of a random sample."""
    protocol: Column[dict[str, Any]] = Column(JSON, nullable=False)
    """As far as the source states it."""
    sequences = Column(BigInteger, nullable=False)
    file = Column(String(200), nullable=False)
    """Relative to the folder of all results."""
    digest = Column(String(80), nullable=False)
    source: Column[str] = Column(Text, nullable=False)
    note: Column[str | None] = Column(Text)
    imported_at = Column(String(32), nullable=False)


result_sets = Table("result_sets", metadata, ResultSetColumns)


class ReferenceCountColumns(TypedColumns):
    """A published count of memorized sequences, to put ours beside."""

    model_id = Column(Integer, ForeignKey("models.id"), primary_key=True)
    step = Column(Integer, primary_key=True)
    memorized = Column(BigInteger, nullable=False)
    sequences = Column(BigInteger, nullable=False)
    """How many were measured."""
    source: Column[str] = Column(Text, nullable=False)
    note: Column[str | None] = Column(Text)


reference_counts = Table("reference_counts", metadata, ReferenceCountColumns)


class ImportLogColumns(TypedColumns):
    """Something that came from outside into the catalog, or went out of it again; rows are only ever added."""

    id = Column(Integer, primary_key=True)
    at = Column(String(32), nullable=False)
    who = Column(String(200), nullable=False)
    """The user and the machine, as the machine names them: `ann@node7`."""
    action = Column(String(16), nullable=False)
    """`added`, `replaced`, `removed` or `attached`."""
    kind = Column(String(16), nullable=False)
    """`memorized`, `sample`, `evals`, `results` or `index`."""
    name = Column(String(300), nullable=False)
    """Of the set, the folder or what was attached, as answers name it."""
    source: Column[str] = Column(Text, nullable=False)
    digest: Column[str | None] = Column(String(80))
    """Of the file that the catalog keeps of it; null where it is not one file."""
    detail: Column[str | None] = Column(Text)


import_log = Table("import_log", metadata, ImportLogColumns)
