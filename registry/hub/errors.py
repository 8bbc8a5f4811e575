"""huggingface_hub's errors as errors of this project.

Whatever goes wrong becomes one of two errors: an error for an unknown thing when the hub says that the repository, revision
or file does not exist, and `HubUnavailable` when the hub refuses, fails or does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from seenat.registry.errors import HubUnavailable, InvalidValue, NotFound, SeenatError, UnknownCheckpoint
from seenat.registry.hub.answers import hub_name

__all__ = ["hub_errors", "is_unreachable"]

# Characters of an error of huggingface_hub's: it may hold a whole head of the hub's.
_LONGEST_LINE = 300


@contextmanager
def hub_errors(subject: str, unknown: type[NotFound] = UnknownCheckpoint) -> Iterator[None]:
    """Translate what huggingface_hub raises while `subject` is fetched or read.

    `unknown` is the class of the error where the hub does not have it.
    """
    from httpx2 import HTTPError
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except HFValidationError as error:
        raise InvalidValue(f"{subject} cannot be on a hub: {_first_line(error)}.") from error
    except (HTTPError, EntryNotFoundError, OfflineModeIsEnabled) as error:
        raise _translated(subject, error, unknown) from error
    except OSError as error:
        # Errors of the disk have a number; huggingface_hub's own, such as an incomplete transfer, have none.
        if error.errno is not None:
            raise
        raise HubUnavailable(f"{hub_name()} did not send all of {subject}: {_first_line(error)}.") from error


def is_unreachable(error: Exception) -> bool:
    """Whether the hub failed or could not be reached, so that a copy in the cache may serve instead."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    failed = isinstance(error, HfHubHTTPError) and error.response.status_code >= 500
    return failed or isinstance(error, TransportError | OfflineModeIsEnabled | HubUnavailable)


def _translated(subject: str, error: Exception, unknown: type[NotFound]) -> SeenatError:
    from huggingface_hub import errors

    # The library wraps what went wrong on the network in "not in the cache"; the cause says more.
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return _translated(subject, error.__cause__, unknown)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubUnavailable(f"{subject} is not in the cache, and HF_HUB_OFFLINE is set; unset it to fetch it.")
    # A gated repository is also "not found" by its class, so it comes first.
    if isinstance(error, errors.GatedRepoError):
        return HubUnavailable(f"{hub_name()} keeps {subject} gated; ask for access on its page, then set HF_TOKEN.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return unknown(
            f"{hub_name()} shows no repository for {subject}; check the name, or set HF_TOKEN if it is private."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return unknown(f"{hub_name()} has no such revision: {subject}.")
    if isinstance(error, errors.HfHubHTTPError):
        return _of_status(subject, error.response.status_code, unknown)
    return HubUnavailable(f"{hub_name()} cannot be reached for {subject} ({type(error).__name__}); try again later.")


def _of_status(subject: str, status: int, unknown: type[NotFound]) -> SeenatError:
    if status == 404:
        return unknown(f"{hub_name()} has no file that {subject} needs.")
    if status in (401, 403):
        return HubUnavailable(
            f"{hub_name()} refuses {subject} ({status}); check that HF_TOKEN is valid and may read it."
        )
    return HubUnavailable(f"{hub_name()} failed on {subject} ({status}); try again later.")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")[:_LONGEST_LINE]
