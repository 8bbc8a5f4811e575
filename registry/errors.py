"""Every error that seenat raises on purpose, and what each means to a shell and to a web client.

    SeenatError                       exit 1, HTTP 500
    ├── InvalidValue                  exit 2, HTTP 422   a value that cannot be what it should
    │   ├── InvalidManifest           exit 2, HTTP 422   a mistake in a SUITE.toml, with its key and line
    │   ├── NotServed                 a catalog that is read over HTTP does not do this
    │   └── UnknownParameter          exit 2, HTTP 422   an address or a body takes no such parameter
    ├── NotFound                      exit 3, HTTP 404
    │   ├── UnknownModel
    │   ├── UnknownOrder              also: the model's training order is not published
    │   ├── UnknownSuite
    │   ├── UnknownCheckpoint
    │   ├── UnknownBatch
    │   ├── UnknownSequence
    │   ├── UnknownJob
    │   ├── UnknownLabel
    │   ├── UnknownToken
    │   ├── NotMeasured               nothing has been measured there yet
    │   ├── NotIndexed                the order has no index there yet
    │   ├── NothingToDraw             what was measured leaves a chart empty
    │   └── UnknownRoute              the service has no such address
    ├── CorruptFile                   exit 1, HTTP 500   a file is not what it claims to be
    ├── SuiteChanged                  exit 1, HTTP 409   a registered suite's files or facts differ from before
    ├── PlanChanged                   exit 1, HTTP 409   a job was resumed with another plan
    ├── StaleResults                  exit 1, HTTP 409   what was counted of results is of files that were replaced
    ├── JobFailed                     exit 1, HTTP 500   some shards could not be measured
    ├── StillNeeded                   exit 1, HTTP 409   what is to be deleted is worked at, or others rest on it
    ├── MissingExtra                  exit 1, HTTP 501   an optional dependency is not installed
    ├── NoRoom                        exit 1, HTTP 507   a disk cannot hold what is fetched or written
    ├── OutOfMemory                   exit 1, HTTP 507   a device does not hold a model, or what it makes of one sequence
    ├── StaleSchema                   exit 4, HTTP 503   the catalog needs `seenat db upgrade`
    ├── Refused                       exit 1, HTTP 400   a service does not answer a request
    │   ├── NotPermitted              exit 1, HTTP 403   it writes, and may not
    │   │   ├── Unauthenticated       exit 1, HTTP 401   it brings no token that holds
    │   │   ├── OutOfScope            exit 1, HTTP 403   its token is not for this
    │   │   └── CrossSite             exit 1, HTTP 403   a page of another site asks for it
    │   ├── Withheld                  exit 1, HTTP 403   its operator does not show this
    │   ├── MethodNotAllowed          exit 1, HTTP 405
    │   ├── SlowRequest               exit 1, HTTP 408   its body does not come
    │   ├── WrongMediaType            exit 1, HTTP 415   its body is no JSON, or does not say so
    │   ├── TooLarge                  exit 1, HTTP 413   a body, an address or an answer beyond its bounds
    │   ├── TooManyRequests           exit 1, HTTP 429
    │   └── TooSlow                   exit 1, HTTP 503   it would take longer than the service allows
    └── Unreachable                   exit 5, HTTP 502   a network, hub or database did not answer
        ├── HubUnavailable
        ├── DatabaseUnavailable
        └── StoreUnavailable          an object store, or a folder in the place of one

A message is one sentence that says what happened, with the value, and what to do next; of a value of 10 MB it keeps the
beginning and the end. The class is the identity:
callers catch classes, never read messages. The two numbers are class attributes, so this module is the whole table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from seenat.registry.printable import one_line, shorten

__all__ = [
    "CorruptFile",
    "CrossSite",
    "DatabaseUnavailable",
    "HubUnavailable",
    "InvalidManifest",
    "InvalidValue",
    "JobFailed",
    "MethodNotAllowed",
    "MissingExtra",
    "NoRoom",
    "NotFound",
    "NotIndexed",
    "NotMeasured",
    "NotPermitted",
    "NotServed",
    "NothingToDraw",
    "OutOfMemory",
    "OutOfScope",
    "PlanChanged",
    "Refused",
    "SeenatError",
    "SlowRequest",
    "StaleResults",
    "StaleSchema",
    "StillNeeded",
    "StoreUnavailable",
    "SuiteChanged",
    "TooLarge",
    "TooManyRequests",
    "TooSlow",
    "Unauthenticated",
    "UnknownBatch",
    "UnknownCheckpoint",
    "UnknownJob",
    "UnknownLabel",
    "UnknownModel",
    "UnknownOrder",
    "UnknownParameter",
    "UnknownRoute",
    "UnknownSequence",
    "UnknownSuite",
    "UnknownToken",
    "Unreachable",
    "Withheld",
    "WrongMediaType",
]


class SeenatError(Exception):
    """The root: catch it to catch everything that seenat raises on purpose."""

    exit_code: ClassVar[int] = 1
    """Exit code of the command line."""
    http_status: ClassVar[int] = 500
    """Status of the HTTP answer."""

    def __init__(self, message: str = "", *lines: str) -> None:
        """A sentence, and lines below it; a line end within one of them is one of a value, and is escaped."""
        super().__init__(shorten("\n".join(map(one_line, (message, *lines))) if lines else message))
        self.has_lines = bool(lines)


class InvalidValue(SeenatError):
    """A value given by the user cannot be what it should be."""

    exit_code = 2
    http_status = 422


class InvalidManifest(InvalidValue):
    """A SUITE.toml says something that cannot be registered; a line each, where it is several things."""


class UnknownParameter(InvalidValue):
    """An address of the service, or a body, takes no parameter of this name; `nearest` holds those that it takes."""

    def __init__(self, message: str, nearest: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)


class NotServed(InvalidValue, AttributeError):
    """A catalog that is read over HTTP has no such method; open the catalog itself."""


class NotFound(SeenatError):
    """What was asked for does not exist.

    `nearest` holds what does, next to it. `model`, `order` and `step` hold what the message speaks of, as far as it was known
    where the error was raised; else None.
    """

    exit_code = 3
    http_status = 404

    def __init__(
        self,
        message: str,
        nearest: Iterable[str | int] = (),
        *,
        model: str | None = None,
        order: str | None = None,
        step: float | None = None,
    ) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)
        self.model = model
        self.order = order
        self.step = step


class UnknownModel(NotFound):
    """No model has this name or alias."""


class UnknownOrder(NotFound):
    """No order has this name, or a model's order is not published."""


class UnknownSuite(NotFound):
    """No suite has this name."""


class UnknownCheckpoint(NotFound):
    """The model has no checkpoint at this step."""


class UnknownBatch(NotFound):
    """The order or schedule has no batch of this index."""


class UnknownSequence(NotFound):
    """The order has no sequence of this index."""


class UnknownJob(NotFound):
    """No job has this id."""


class UnknownLabel(NotFound):
    """The order has no label of this name, or no sequence with this value of it."""


class UnknownToken(NotFound):
    """No token has this id."""


class NotMeasured(NotFound):
    """Nothing has been measured there yet."""


class NotIndexed(NotFound):
    """The order has no index there yet."""


class NothingToDraw(NotFound):
    """A chart of what was found would be empty; no file was written."""


class UnknownRoute(NotFound):
    """The service has no such address; `nearest` holds those that are alike."""


class CorruptFile(SeenatError):
    """A file is not what it, its index or its manifest says: the message names file, offset and reason."""


class SuiteChanged(SeenatError):
    """A suite registered before has other files or facts now, a line each; nothing was written."""

    http_status = 409


class PlanChanged(SeenatError):
    """A job cannot be resumed, because what it would measure is no longer what was planned."""

    http_status = 409


class StaleResults(SeenatError):
    """What was counted of results is of contents that were replaced since; it must be counted anew."""

    http_status = 409


class JobFailed(SeenatError):
    """Long work ended without its result: shards that could not be measured, a training process that failed."""


class StillNeeded(SeenatError):
    """What is to be deleted is worked at right now, or something else rests on it; nothing was deleted."""

    http_status = 409


class MissingExtra(SeenatError):
    """A feature needs packages that are not installed."""

    http_status = 501


class NoRoom(SeenatError):
    """A disk has not enough free space for what is about to be fetched or written; nothing of it was left."""

    http_status = 507


class OutOfMemory(SeenatError):
    """A device's memory does not hold a model, or what the model makes of a single sequence."""

    http_status = 507


class StaleSchema(SeenatError):
    """The catalog's schema is not the one this version reads and writes."""

    exit_code = 4
    http_status = 503


class Refused(SeenatError):
    """A service does not answer a request, whatever the catalog holds."""

    http_status = 400


class NotPermitted(Refused):
    """A request that writes is not let through; `token` is the id of its token, where that is one of the catalog."""

    http_status = 403

    def __init__(self, message: str, token: int | None = None) -> None:
        super().__init__(message)
        self.token = token


class Unauthenticated(NotPermitted):
    """A request that writes brings no token, or one that is unknown, has expired or was revoked."""

    http_status = 401


class OutOfScope(NotPermitted):
    """A token is not for what is asked with it."""


class CrossSite(NotPermitted):
    """A browser sends a request that writes for a page of another site."""


class Withheld(Refused):
    """The operator of a service does not show what was asked for."""

    http_status = 403


class MethodNotAllowed(Refused):
    """An address of the service does not answer this method; `allowed` holds those that it does."""

    http_status = 405

    def __init__(self, message: str, allowed: Iterable[str] = ("GET", "HEAD")) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class SlowRequest(Refused):
    """The body of a request does not come within the time that the service waits for it."""

    http_status = 408


class WrongMediaType(Refused):
    """A body is in no form that the service reads."""

    http_status = 415


class TooLarge(Refused):
    """A request or its answer is larger than the service allows."""

    http_status = 413


class TooManyRequests(Refused):
    """An address has sent more requests a second than the service allows."""

    http_status = 429


class TooSlow(Refused):
    """An answer takes longer than the service allows, or the service has no time for it now."""

    http_status = 503


class Unreachable(SeenatError):
    """Something outside this process did not answer."""

    exit_code = 5
    http_status = 502


class HubUnavailable(Unreachable):
    """The model or data hub refused or did not answer."""


class DatabaseUnavailable(Unreachable):
    """The catalog's database refused or did not answer."""

    passes = False
    """Whether the same may succeed when it is tried again: the connection was lost, or others were in the way."""


class StoreUnavailable(Unreachable):
    """A store of results or indexes refused or did not answer."""
