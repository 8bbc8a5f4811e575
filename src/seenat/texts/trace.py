"""The part of the public catalog that traces texts, and what checkpoints generate, back to training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from seenat.texts.find import Texts

if TYPE_CHECKING:
    from seenat.attribution.find.find import Query
    from seenat.attribution.trace.answers import Traced
    from seenat.attribution.trace.generate import Generated
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.catalog.orders import Order

__all__ = ["AllTraceOptions", "GenerateOptions", "TraceOptions", "Tracing"]


class TraceOptions(TypedDict, total=False):
    """What `Catalog.trace` looks for, as its help explains it."""

    minimum: int | None
    max_frequency: int | None
    gaps: int
    exposures: int


class AllTraceOptions(TraceOptions, total=False):
    """Every keyword of `Catalog.trace`, as its help explains them."""

    order: str | Order | None
    model: str | Model | None
    step: int | str | Checkpoint | None
    html: str | Path | None
    force: bool


class GenerateOptions(TypedDict, total=False):
    """How `Catalog.generate` continues a prompt, as its help explains it."""

    length: int
    temperature: float
    seed: int
    allow_suspect: bool
    device: str | None


class Tracing(Texts):
    """Which parts of a text were seen in training word for word."""

    def trace(
        self,
        query: Query,
        *,
        order: str | Order | None = None,
        model: str | Model | None = None,
        step: int | str | Checkpoint | None = None,
        html: str | Path | None = None,
        force: bool = False,
        **options: Unpack[TraceOptions],
    ) -> Traced:
        """All longest parts of a text, or of a list of ids, that stand in training word for word, and where; the rarest first.

        order=None           the order to search; None for the model's, or the only one that has an index
        model=None           count batches and steps as this model's schedule does, and only what it was trained on
        step=None            only what this checkpoint of the model had seen
        minimum=None         the shortest part, in ids; None for 3 more than the index window, which is fast
        max_frequency=20000  leave out parts all of whose shortest pieces stand there more often; None leaves out none
        gaps=0               also find parts in which up to so many ids differ
        exposures=10         exposures that are listed of each part
        html=None            also write the answer to a new .html file
        force=False          replace that file where it exists

        Raises `NotIndexed` without an index and `InvalidValue` for parts shorter than its window.
        """
        from seenat.attribution.ngrams.open import open_indexes
        from seenat.attribution.trace.page import trace_page
        from seenat.attribution.trace.trace import TraceRequest, trace
        from seenat.registry.storage.outputs import check_output, write_output

        request = TraceRequest(**options)
        if html is not None:
            check_output(Path(html), (".html",), force=force)
        viewpoint = self._viewpoint(order, model, step)
        with open_indexes(self._registry.database, viewpoint.order) as opened:
            traced = trace(opened, viewpoint, query, request)
        if html is not None:
            write_output(Path(html), trace_page(traced).encode(), force=force)
        return traced

    def trace_sequence(
        self,
        source: str | Order | Model,
        sequence: int,
        **options: Unpack[AllTraceOptions],
    ) -> Traced:
        """Where the parts of a sequence of one order, or of a model's, stand in another: as `trace` of its ids.

        Between orders of different tokenizers its text is traced. Raises as `trace` does, and `UnknownSequence`.
        """
        from seenat.registry.integrity.batch_digests import read_sequences
        from seenat.registry.orders.text.detokenize import decode
        from seenat.registry.units import SequenceRange

        here = self._order(source)
        here.batch_of(sequence)  # It refuses what is not there.
        there = self._viewpoint(options.get("order"), options.get("model"), options.get("step")).order
        same = (here.tokenizer, here.vocab_size) == (there.tokenizer, there.vocab_size)
        ids = read_sequences(self._registry, here, SequenceRange(sequence, sequence + 1))
        query: Query = ids[0].tolist() if same else decode(here.tokenizer, ids, order=here.name)[0]
        return self.trace(query, **options)

    def generate(
        self,
        model: str | Model,
        step: int | str | Checkpoint,
        prompt: Query,
        *,
        trace: TraceOptions | bool = False,
        **options: Unpack[GenerateOptions],
    ) -> Generated:
        """Continue a prompt, a text or ids, by a checkpoint; `trace` finds what of it the checkpoint had seen in training.

        length=32            ids to generate at most; the end of a document ends it
        temperature=0.0      0 for the most probable id each time, else ids are drawn
        seed=0               of the draws
        allow_suspect=False  also load a checkpoint that may hold other weights
        device=None          "cpu", "cuda", "cuda:1", "mps"; None for cuda where there is one
        trace=False          True, or the options of `trace`; spans that end within the prompt are left out

        Raises `UnknownCheckpoint` for one that is wrong or missing, `NotIndexed` where `trace` has no index.
        """
        from seenat.attribution.trace.generate import GenerateRequest, generate

        chosen = self._model(model)
        if trace is not False:
            self._check_indexed(chosen.order)
        generated = generate(self._registry, chosen, step, prompt, GenerateRequest(**options))
        if trace is False:
            return generated
        settings: TraceOptions = {} if trace is True else trace
        found = self.trace(list(generated.all_ids), model=chosen, step=generated.step, **settings)
        return generated.with_trace(found)

    def _check_indexed(self, order: Order) -> None:
        """Raise `NotIndexed` for an order that cannot be traced: before a checkpoint is fetched and loaded for it."""
        from seenat.attribution.trace.trace import not_indexed

        if not self.index.status(order):
            raise not_indexed(order.name)
