"""From a request to a page, or to the page of an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from seenat.registry.errors import InvalidValue, SeenatError
from seenat.remote.problems import problem_kind
from seenat.remote.routes import PREFIX
from seenat.service.api.answering import Answering
from seenat.service.api.reading import read_fields
from seenat.service.api.withheld import Policy
from seenat.service.http.problems import problem
from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Elsewhere, Page
from seenat.service.pages.rendering import render
from seenat.service.pages.table import PAGES_BY_PATH
from seenat.service.pages.wording import worded

__all__ = ["Pages", "explain"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {"content-security-policy": _POLICY, "cache-control": "no-cache", "vary": "Accept"}
_HTML = "text/html; charset=utf-8"

# The parameter that another value would mend, by the kind of error.
_MENDED = {
    "unknown-model": "model",
    "unknown-order": "order",
    "unknown-checkpoint": "step",
    "unknown-batch": "batch",
    "unknown-sequence": "sequence",
    "unknown-job": "job",
}


@dataclass(frozen=True)
class Pages:
    """Answers requests for pages."""

    answering: Answering
    policy: Policy

    def endpoint(self, page: Page) -> Callable[[Request], Any]:
        """What answers a page."""

        async def answer(request: Request) -> Response:
            values = read_fields(page, request.path_params, _without_blanks(request.scope["query_string"]))
            base = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
            body = await self.answering.run(partial(self._body, page, values, base), is_slow=page.is_slow)
            if isinstance(body, Elsewhere):
                return Response(status_code=303, headers={"location": body.address, "cache-control": "no-store"})
            return _send(request, body)

        answer.__name__ = page.name
        return answer

    def form(self, page: Page, suffix: str) -> Callable[[Request], Any]:
        """What answers a page's address with a suffix, `json` or `csv`: where its answer is in that form."""

        async def answer(request: Request) -> Response:
            values = read_fields(page, request.path_params, _without_blanks(request.scope["query_string"]))
            address = await self.answering.run(partial(self._form, page, values, suffix), is_slow=page.is_slow)
            return RedirectResponse(address, 307)

        answer.__name__ = f"{page.name}-{suffix}"
        return answer

    def _form(self, page: Page, values: Mapping[str, Any], suffix: str) -> str:
        asked = Asked(page, values, self.answering, self.policy)
        view = page.view(asked)
        if isinstance(view, Elsewhere):
            return f"{view.address}.{suffix}"
        if not asked.sources:
            raise InvalidValue(
                f"{page.path} shows no answer for this address; it takes {', '.join(page.query) or 'nothing'}."
            )
        return min(asked.sources, key=lambda source: page.shows.index(source.route.path)).as_form(suffix)

    def _body(self, page: Page, values: Mapping[str, Any], base: str) -> bytes | Elsewhere:
        asked = Asked(page, values, self.answering, self.policy)
        view = page.view(asked)
        if isinstance(view, Elsewhere):
            return view
        sources = sorted(asked.sources, key=lambda source: page.shows.index(source.route.path))
        forms = [worded(source, base) for source in sources]
        here = page.href(values)
        return render(page.template, PAGES_BY_PATH, view=view, page=page, here=here, base=base, forms=forms).encode()


def explain(
    error: Exception,
    request_id: str,
    scope: Scope,
    tell: Callable[[SeenatError, Scope], str] = lambda error, _scope: str(error),
) -> Response:
    """The response for an error: a page for a browser that asked for a page, else a problem; `tell` gives its sentence."""
    told = error if isinstance(error, SeenatError) else None
    detail = tell(told, scope) if told else "Its log has more under the id of this request."
    plain = problem(error, request_id, detail)
    accepted = dict(scope["headers"]).get(b"accept", b"")
    if scope["path"].startswith(PREFIX) or b"text/html" not in accepted:
        return plain
    body = render(
        "error.html",
        PAGES_BY_PATH,
        here=scope["path"],
        page=None,
        status=plain.status_code,
        title=problem_kind(type(told)).replace("-", " ").capitalize() if told else "A fault of the service",
        detail=detail,
        nearest=_nearest(error, scope),
        request=request_id,
    )
    headers = {**_HEADERS, "cache-control": "no-store"}
    headers |= {name: plain.headers[name] for name in ("retry-after", "allow") if name in plain.headers}
    return Response(body, plain.status_code, headers, media_type=_HTML)


def _nearest(error: Exception, scope: Scope) -> list[tuple[str, str | None]]:
    """What is nearest to what was asked for, with its address where it would lead to a page."""
    nearest = getattr(error, "nearest", ())
    key = _MENDED.get(problem_kind(type(error))) if isinstance(error, SeenatError) else None
    given = scope.get("path_params", {})
    page = next((page for page in PAGES_BY_PATH.values() if page.name == _name_of(scope)), None)
    if page is None or key not in page.in_path:
        return [(str(value), None) for value in nearest]
    return [(str(value), page.href({**given, key: value})) for value in nearest]


def _name_of(scope: Scope) -> str | None:
    return getattr(scope.get("endpoint"), "__name__", None)


def _without_blanks(query: bytes) -> bytes:
    """A query without fields that a form sent empty."""
    try:
        fields = parse_qsl(query.decode(), errors="strict")
    except (UnicodeDecodeError, ValueError):
        return query  # It is refused where it is read.
    return urlencode(fields).encode()


def _send(request: Request, body: bytes) -> Response:
    tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {**_HEADERS, "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=_HTML)
