"""The view of each page: a dataclass, made from the answers that the page shows.

grid      the suite: models by saved steps
model     a model: parameters, claims, curves, checkpoints
step      what a checkpoint had seen, and what is known of it
audit     which checkpoints cannot be trusted
batch     a batch's sequences by checkpoints, and their texts
sequence  a sequence: what each checkpoint reproduced, and why
courses   trajectories as small multiples
order     a batch and a sequence of an order, without a model
texts     the texts of sequences, cut into their parts
empty     why something is missing, and what fills it
"""

from __future__ import annotations

from seenat.service.pages.page import Page
from seenat.service.pages.views.audit import AUDIT_PAGE
from seenat.service.pages.views.batch import BATCH_PAGE
from seenat.service.pages.views.grid import GRID_PAGE
from seenat.service.pages.views.model import MODEL_PAGE
from seenat.service.pages.views.order import ORDER_BATCH_PAGE, ORDER_SEQUENCE_PAGE
from seenat.service.pages.views.sequence import SEQUENCE_PAGE
from seenat.service.pages.views.step import STEP_PAGE

__all__ = ["VIEW_PAGES"]

VIEW_PAGES: tuple[Page, ...] = (
    GRID_PAGE,
    MODEL_PAGE,
    STEP_PAGE,
    BATCH_PAGE,
    ORDER_BATCH_PAGE,
    SEQUENCE_PAGE,
    ORDER_SEQUENCE_PAGE,
    AUDIT_PAGE,
)
"""The pages of this room."""
