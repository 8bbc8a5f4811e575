"""Every method of the catalog that reads, and the address that answers it. The service and the client share this table.

A route's path is below `/api/v1`; `{model}` and the like are parameters that stand in the path. Each parameter is given to
the method under its own name, or under the one that `renamed` says. Where the method takes any number of models, `star` names
the parameter that holds them.
"""

from __future__ import annotations

from seenat.remote.cost_routes import COST_ROUTES
from seenat.remote.route import PREFIX, Route

__all__ = ["PREFIX", "ROUTES", "Route"]

_PAGE = ("limit", "after", "protocol")
_NAME_INDEX = {"order": "name", "model": "name", "batch": "index", "sequence": "index"}
_CONTENT = ("tokens", "decode", "documents")
_FIND = ("text", "ids", "limit", "after", "count", "context", "variants", "where", "by_label")
_TRACE = ("text", "ids", "minimum", "max_frequency", "gaps", "exposures")
_QUERY = {"text": "query", "ids": "query"}
_FOUND = {**_QUERY, "by_label": "by"}
_POCKET = {"model": "pocket-230k", "order": "pocket-order"}
_PYTHIA = {"model": "pythia-70m", "order": "pile-deduped"}

_CATALOG = (
    Route(path="/suites", method="suites"),
    Route(path="/suites/{suite}", method="suite", renamed={"suite": "name"}, example={"suite": "pythia"}),
    Route(
        path="/models",
        method="models",
        query=("size", "family", "order", "limit", "after_name"),
        renamed={"after_name": "after"},
        keyed_by=("name",),
        example={"size": "70m", "limit": "5"},
        follows_from_catalog=True,
    ),
    Route(path="/models/{model}", method="describe", example=_PYTHIA),
    Route(path="/models/{model}/citation", method="cite", example=_PYTHIA, follows_from_catalog=True),
    Route(
        path="/models/{model}/learning-rates/{step}",
        method="learning_rate",
        example={**_PYTHIA, "step": "1500"},
        reads="little",
        follows_from_catalog=True,
    ),
    Route(
        path="/models/{model}/checkpoints",
        method="checkpoints",
        query=("tokens_seen", "statuses", "not_statuses", "limit", "after_checkpoint"),
        renamed={"tokens_seen": "tokens", "after_checkpoint": "after"},
        keyed_by=("model", "step"),
        star="model",
        example=_PYTHIA,
        follows_from_catalog=True,
    ),
    Route(
        path="/models/{model}/steps/{step}",
        method="step",
        example={**_PYTHIA, "step": "3000"},
        reads="little",
        follows_from_catalog=True,
    ),
    Route(
        path="/models/{model}/batches/{batch}",
        method="batch",
        query=_CONTENT,
        renamed=_NAME_INDEX,
        reads="little",
        example={**_PYTHIA, "batch": "71490"},
        follows_from_catalog=True,
    ),
    Route(
        path="/models/{model}/sequences/{sequence}",
        method="sequence",
        query=_CONTENT,
        renamed=_NAME_INDEX,
        reads="place",
        example={**_PYTHIA, "sequence": "3071999"},
    ),
    Route(
        path="/checkpoints",
        method="checkpoints",
        query=(
            *("models", "family", "size", "order", "below", "tokens_seen", "statuses", "not_statuses"),
            *("limit", "after_checkpoint"),
        ),
        renamed={"tokens_seen": "tokens", "after_checkpoint": "after"},
        star="models",
        keyed_by=("model", "step"),
        example={"size": "70m", "order": "pile", "limit": "20"},
        follows_from_catalog=True,
    ),
    Route(
        path="/orders",
        method="orders",
        query=("limit", "after_name"),
        renamed={"after_name": "after"},
        keyed_by=("name",),
        follows_from_catalog=True,
    ),
    Route(
        path="/checkpoints/broken",
        method="broken",
        query=("models",),
        star="models",
        example={"models": "pythia-2.8b"},
        follows_from_catalog=True,
    ),
    Route(
        path="/orders/{order}", method="order", renamed={"order": "name"}, example=_PYTHIA, follows_from_catalog=True
    ),
    Route(path="/labels", method="labels"),
    Route(path="/orders/{order}/labels", method="labels", example=_POCKET),
    Route(
        path="/orders/{order}/batches/{batch}",
        method="batch",
        query=_CONTENT,
        renamed=_NAME_INDEX,
        reads="little",
        example={**_PYTHIA, "batch": "0"},
        follows_from_catalog=True,
    ),
    Route(
        path="/orders/{order}/sequences/{sequence}",
        method="sequence",
        query=_CONTENT,
        renamed=_NAME_INDEX,
        reads="place",
        example={**_PYTHIA, "sequence": "1024"},
    ),
    Route(
        path="/claims",
        method="claims",
        query=("subject", "limit", "after_id"),
        renamed={"after_id": "after"},
        keyed_by=("id",),
        example={"subject": "pythia-70m"},
    ),
    Route(path="/audits", method="findings", query=("models",), star="models", example={"models": "pythia-70m"}),
    Route(path="/models/{model}/evaluations", method="evaluations", query=("task", "metric", "shots"), example=_PYTHIA),
)

_RESULTS = (
    Route(path="/results", method="results", query=("model",)),
    Route(path="/models/{model}/results", method="results", example=_POCKET),
    Route(
        path="/jobs",
        method="jobs",
        query=("limit", "after_id"),
        renamed={"after_id": "after"},
        keyed_by=("job",),
        example={"limit": "10"},
    ),
    Route(path="/jobs/{job}", method="job", renamed={"job": "id_"}, example={"job": "1"}),
    Route(path="/models/{model}/onsets", method="onsets", query=("limit", "protocol", "where"), example=_POCKET),
    Route(
        path="/models/{model}/trajectories/{sequence}",
        method="trajectory",
        query=("protocol",),
        example={**_POCKET, "sequence": "20"},
    ),
    Route(
        path="/models/{model}/batches/{batch}/trajectories",
        method="trajectories",
        query=("protocol",),
        example={**_POCKET, "batch": "2"},
    ),
    Route(
        path="/models/{model}/passages/{sequences}",
        method="passages",
        query=("step", "protocol"),
        example={**_POCKET, "sequences": "16:24", "step": "256"},
        reads="order",
    ),
    Route(
        path="/models/{model}/steps/{step}/sequences/{sequence}/why",
        method="why",
        query=("protocol",),
        example={**_POCKET, "step": "256", "sequence": "20"},
    ),
    Route(
        path="/models/{model}/which/first",
        method="which.first",
        query=("by", *_PAGE, "where"),
        required=("by",),
        example={**_POCKET, "by": "384"},
        pages=2,
    ),
    Route(
        path="/models/{model}/which/earlier",
        method="which.earlier",
        query=("other", *_PAGE, "where"),
        required=("other",),
        example={**_POCKET, "other": "pocket-660k"},
        pages=1,
    ),
    Route(
        path="/models/{model}/which/kept",
        method="which.kept",
        query=("since", "until", *_PAGE, "where"),
        required=("since",),
        example={**_POCKET, "since": "256"},
        pages=1,
    ),
    Route(
        path="/models/{model}/which/relearned",
        method="which.relearned",
        query=(*_PAGE, "where"),
        example=_POCKET,
        pages=1,
    ),
    Route(
        path="/models/{model}/which/changed",
        method="which.changed",
        query=("since", "until", "other", "change", *_PAGE, "where"),
        required=("since",),
        example={**_POCKET, "since": "256"},
        pages=1,
    ),
    Route(
        path="/models/{model}/which/batches",
        method="which.batches",
        query=("measured_step", "batches", "protocol", "where"),
        required=("measured_step",),
        renamed={"measured_step": "step"},
        example={**_POCKET, "measured_step": "384", "batches": "0:8"},
    ),
    Route(path="/models/{model}/comparisons", method="compare", query=("protocol",), example=_POCKET, reads="order"),
    Route(
        path="/models/{model}/exposures",
        method="exposures",
        query=("anywhere", "until", "limit", "protocol"),
        example=_POCKET,
        reads="order",
    ),
)

_STUDIES = (
    *(
        Route(
            path=f"/studies/{name}",
            method=f"studies.{name}",
            query=("models", "protocol", "where", "by_label"),
            renamed={"by_label": "by"},
            required=("models",),
            star="models",
            example={"models": "pocket-230k"},
        )
        for name in ("onsets", "forgetting")
    ),
    Route(
        path="/studies/exposures",
        method="studies.exposures",
        query=("models", "until", "measured", "protocol", "where"),
        required=("models",),
        star="models",
        reads="order",
        example={"models": "pocket-230k"},
    ),
    Route(
        path="/studies/batches",
        method="studies.batches",
        query=("model", "measured_step", "slice_sequences", "protocol"),
        renamed={"measured_step": "step"},
        required=("model",),
        reads="order",
        example=_POCKET,
    ),
    Route(
        path="/studies/predict",
        method="studies.predict",
        query=("model", "others", "measured_step", "protocol", "where"),
        renamed={"measured_step": "step"},
        required=("model",),
        reads="order",
        example=_POCKET,
    ),
    Route(
        path="/studies/sets",
        method="studies.sets",
        query=("model", "never", "within", "limit", "protocol", "where"),
        required=("model", "never"),
        reads="order",
        example={**_POCKET, "never": "pocket-660k"},
    ),
    Route(
        path="/studies/counterfactual",
        method="studies.counterfactual",
        query=("models", "quantity", "control", "repeated", "least", "protocol", "where"),
        required=("models",),
        star="models",
        reads="order",
        example={"models": "pocket-230k", "control": "not-yet"},
    ),
    Route(
        path="/studies/labels",
        method="studies.labels",
        query=("model", "quantity", "repeated", "protocol", "where"),
        required=("model",),
        reads="order",
        example=_POCKET,
    ),
)

_TEXTS = (
    Route(
        path="/find",
        method="find",
        query=(*_FIND, "order", "model", "step"),
        renamed=_FOUND,
        example={"text": "self", "model": "pocket-230k", "step": "256"},
        reads="order",
        pages=2,
    ),
    Route(
        path="/find/curve",
        method="exposure_curve",
        query=("text", "ids", "variants", "where", "order", "model", "step"),
        renamed=_QUERY,
        example={"text": "self", "model": "pocket-230k"},
        reads="order",
    ),
    Route(
        path="/trace",
        method="trace",
        query=(*_TRACE, "order", "model", "step"),
        renamed=_QUERY,
        example={"text": "the distributed process group of this rank"},
        reads="order",
    ),
    Route(
        path="/sequences/{source}/{sequence}/trace",
        method="trace_sequence",
        query=(*_TRACE[2:], "order", "model", "step"),
        example={"source": "pocket-order", "sequence": "20", "order": "pocket-order"},
        reads="order",
    ),
    Route(path="/indexes", method="index.status", query=("order",)),
    Route(
        path="/orders/{order}/find",
        method="find",
        query=_FIND,
        renamed=_FOUND,
        example={**_POCKET, "text": "self"},
        reads="order",
        pages=2,
    ),
    Route(
        path="/models/{model}/find",
        method="find",
        query=(*_FIND, "step"),
        renamed=_FOUND,
        example={**_POCKET, "text": "self"},
        reads="order",
        pages=2,
    ),
    Route(
        path="/orders/{order}/trace",
        method="trace",
        query=_TRACE,
        renamed=_QUERY,
        example={**_POCKET, "text": "the distributed process group of this rank"},
        reads="order",
    ),
    Route(
        path="/models/{model}/trace",
        method="trace",
        query=(*_TRACE, "step"),
        renamed=_QUERY,
        example={**_POCKET, "text": "the distributed process group of this rank"},
        reads="order",
    ),
    Route(
        path="/orders/{order}/duplicates",
        method="duplicates",
        query=("batches", "window", "limit"),
        renamed={"order": "name"},
        example=_POCKET,
        reads="order",
    ),
    Route(
        path="/orders/{order}/repeats",
        method="repeats",
        query=("minimum", "batches", "most_places", "limit"),
        renamed={"order": "name"},
        example=_POCKET,
        reads="order",
    ),
    Route(
        path="/orders/{order}/near-duplicates/{sequence}",
        method="near_duplicates",
        query=("batches", "ngram", "limit"),
        renamed={"order": "name"},
        example={**_POCKET, "sequence": "20"},
        reads="order",
    ),
)

ROUTES: tuple[Route, ...] = (*_CATALOG, *_RESULTS, *COST_ROUTES, *_STUDIES, *_TEXTS)
"""Every route, as users meet them."""
