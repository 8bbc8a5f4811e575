"""N-gram indexes of orders. `catalog.index` holds these methods: what `find` and `trace` search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from seenat.lookups import CatalogSection
from seenat.registry.answer import Answer, Answers, TableAnswer
from seenat.registry.units import BatchRange, merged_ranges

if TYPE_CHECKING:
    from seenat.attribution.ngrams.build.builder import BuildAdvance
    from seenat.attribution.ngrams.build.verify import DamagedShard
    from seenat.attribution.ngrams.index_table import IndexRecord, ShardRecord
    from seenat.registry.catalog.orders import Order

__all__ = ["IndexStatus", "IndexVerification", "Indexes"]


@dataclass(frozen=True, kw_only=True)
class IndexStatus(Answer):
    """One index of an order, and the batches that it covers."""

    order: str
    window: int
    """The index window: queries of at least this many ids are found exactly; 1 for a dense index."""
    batches: tuple[BatchRange, ...]
    """What it covers, in batches as the order counts them."""
    whole: bool
    """Whether it covers the whole order."""
    shards: int
    shard_batches: int
    samples: int
    """Positions that it holds."""
    bytes: int
    bytes_per_id: float | None
    fingerprints: bool

    @classmethod
    def of(cls, order: Order, index: IndexRecord, shards: tuple[ShardRecord, ...]) -> Self:
        """From the catalog's rows."""
        size, total = order.sequences_per_batch, sum(shard.state.bytes for shard in shards)
        covered = merged_ranges(shard.sequences for shard in shards)
        ids = sum(map(len, covered)) * order.geometry.tokens_per_sequence
        return cls(
            order=order.name,
            window=index.window,
            batches=tuple(BatchRange(part.start // size, -(-part.stop // size)) for part in covered),
            whole=covered == (order.sequences,),
            shards=len(shards),
            shard_batches=index.shard_sequences // size,
            samples=sum(shard.samples for shard in shards),
            bytes=total,
            bytes_per_id=total / ids if ids else None,
            fingerprints=index.fingerprints,
        )


@dataclass(frozen=True, kw_only=True)
class IndexVerification(TableAnswer):
    """Which shards of an order's indexes are not as they were built."""

    order: str
    shards: int
    """How many were read."""
    damaged: tuple[DamagedShard, ...]
    repaired: bool
    """Whether the damaged ones were built again."""

    table_field: ClassVar[str] = "damaged"


class Indexes(CatalogSection):
    """Building, listing and verifying the indexes of orders."""

    def build(
        self,
        order: str | Order,
        *,
        batches: BatchRange | str | None = None,
        window: int | None = None,
        shard_batches: int | None = None,
        fingerprints: bool | None = None,
        workers: int | None = None,
        progress: Callable[[BuildAdvance], None] | None = None,
    ) -> IndexStatus:
        """Index an order, or some of its batches; a call again continues, or adds other batches.

        batches=None        a range, as `BatchRange` or "START:STOP"; None for all
        window=8            queries of this many ids are found exactly, of 3 more at once; 1 for a dense index
        shard_batches=None  batches of a shard, which bounds memory: about 4 bytes an id a worker, 14 in a dense index
        fingerprints=False  keep a byte more of each position, which spares a slow disk reads of the order
        workers=None        processes; None for one a core

        `progress` gets a `BuildAdvance` again and again. Raises `UnknownOrder` where the order's content is not known.
        """
        from seenat.attribution.ngrams.build.builder import BuildRequest, build_index

        chosen = self._order(order)
        parsed = BatchRange.parse(batches, chosen.batches.stop) if isinstance(batches, str) else batches
        request = BuildRequest(
            batches=parsed, window=window, shard_batches=shard_batches, fingerprints=fingerprints, workers=workers
        )
        index = build_index(self._registry.database, chosen, request, progress or (lambda advance: None))
        return next(status for status in self.status(chosen) if status.window == index.window)

    def status(self, order: str | Order | None = None) -> Answers[IndexStatus]:
        """The indexes of an order, or of all, and what they cover."""
        from seenat.attribution.ngrams.index_table import indexes_of, shards_of

        orders = self._registry.orders() if order is None else (self._order(order),)
        with self._registry.database.read() as connection:
            return Answers(
                IndexStatus.of(chosen, index, shards_of(connection, index))
                for chosen in orders
                for index in indexes_of(connection, chosen.digest)
            )

    def verify(
        self, order: str | Order, *, repair: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> IndexVerification:
        """Read every shard of an order's indexes, and with `repair` build damaged ones again.

        `progress` gets (shards read, all). Raises `NotIndexed` where there is none.
        """
        from seenat.attribution.ngrams.build.verify import verify_indexes

        chosen = self._order(order)
        shards = sum(status.shards for status in self._indexed(chosen))
        damaged = verify_indexes(self._registry.database, chosen, repair, progress or (lambda done, total: None))
        return IndexVerification(order=chosen.name, shards=shards, damaged=damaged, repaired=repair and bool(damaged))

    def remove(self, order: str | Order, *, window: int | None = None) -> Answers[IndexStatus]:
        """Delete an order's indexes, or the one with this window; returns those that were there. Raises `NotIndexed`."""
        from seenat.attribution.ngrams.build.remove import remove_indexes

        chosen = self._order(order)
        removed = [status for status in self._indexed(chosen, window) if window in (None, status.window)]
        remove_indexes(self._registry.database, chosen, {status.window for status in removed})
        return Answers(removed)

    def remove_unused(self, digests: Iterable[str | None]) -> None:
        """Delete the indexes of contents, each by its digest, that no order has any more."""
        from seenat.attribution.ngrams.build.remove import remove_content

        for digest in set(digests) - {order.digest for order in self._registry.orders()}:
            if digest is not None:
                remove_content(self._registry.database, digest)

    def _indexed(self, order: Order, window: int | None = None) -> Answers[IndexStatus]:
        from seenat.registry.errors import NotIndexed

        statuses = self.status(order)
        if window is not None:
            statuses = Answers(status for status in statuses if status.window == window)
        if not statuses:
            which = "" if window is None else f" with window {window}"
            raise NotIndexed(
                f"{order.name} has no index{which}; build one with `seenat index build {order.name}`.", order=order.name
            )
        return statuses
