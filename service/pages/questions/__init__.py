"""Pages that answer a visitor's question: each is a form that is sent by GET, and its answer.

search    a text: its exposures, and the checkpoint that first saw it
trace     which parts of a text stand in training, and where
compare   what changed between two checkpoints, or two sizes
studies   the studies, their forms and plots
tables    the table of each study
jobs      jobs, and how far one is
random    a sequence by chance
choices   what forms offer, and what is said where nothing can be answered
texts     texts of others as pieces: what is marked, and where a document ends
"""

from __future__ import annotations

from seenat.service.pages.page import Page
from seenat.service.pages.questions.compare import COMPARE_PAGE
from seenat.service.pages.questions.jobs import JOB_PAGE, JOBS_PAGE
from seenat.service.pages.questions.random import RANDOM_PAGE
from seenat.service.pages.questions.search import SEARCH_PAGE
from seenat.service.pages.questions.studies import STUDIES_PAGE, STUDY_PAGE
from seenat.service.pages.questions.trace import TRACE_PAGE

__all__ = ["QUESTION_PAGES"]

QUESTION_PAGES: tuple[Page, ...] = (
    SEARCH_PAGE,
    TRACE_PAGE,
    COMPARE_PAGE,
    STUDIES_PAGE,
    STUDY_PAGE,
    JOBS_PAGE,
    JOB_PAGE,
    RANDOM_PAGE,
)
"""The pages of this room."""
