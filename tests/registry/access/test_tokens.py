"""Tokens: made once, kept as digests, checked, expired, revoked, and every step in the log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from support.tokens import expire, tokens_of

import seenat
from seenat.registry.access.lifetimes import parse_lifetime
from seenat.registry.access.secrets import Secret, digest_of, id_of, is_of
from seenat.registry.catalog.catalog import Catalog

WRITE = ("jobs:write",)
Dump = Callable[[Any], dict[str, list[tuple[Any, ...]]]]


def refusal(catalog: seenat.Catalog, text: str | None, scopes: tuple[str, ...] = WRITE) -> seenat.NotPermitted:
    """The error with which a token is refused, whether it is only looked at or used."""
    with pytest.raises(seenat.NotPermitted) as looked_at:
        catalog.access.check(text, scopes)
    with pytest.raises(seenat.NotPermitted) as used:
        catalog.access.use(text, scopes, "a test", client="127.0.0.1", request="abc")
    assert (type(used.value), str(used.value)) == (type(looked_at.value), str(looked_at.value))
    return used.value


def test_a_token_on_either_database(catalog: Catalog, dump: Dump) -> None:
    opened = seenat.Catalog(catalog)
    created = opened.access.create_token("jobs:write", name="mine", expires="30d")
    text = str(created.text)
    assert re.fullmatch(r"seenat_1_[\w-]{43}", text)
    assert (opened.access.check(text, WRITE), opened.access.tokens()) == (created.token, (created.token,))
    stored = dump(catalog.database)
    assert text not in str(stored)
    assert digest_of(text) in str(stored["access_tokens"])
    opened.access.use(text, WRITE, "submit", client="127.0.0.1", request="abc")
    assert opened.access.revoke_token(1).state == "revoked"
    assert opened.access.revoke_token(1) == opened.access.tokens()[0]
    assert (refusal(opened, text).http_status, refusal(opened, text).token) == (401, 1)
    assert [(line.event, line.token) for line in opened.access.log()] == [("revoked", 1), ("used", 1), ("created", 1)]
    assert opened.access.log(limit=1)[0].event == "revoked"


def test_what_is_no_token_is_refused(sqlite_catalog: Catalog) -> None:
    catalog = seenat.Catalog(sqlite_catalog)
    tokens = tokens_of(catalog)
    good, other = tokens["jobs:write"], tokens["jobs:cancel"]
    mixed = good[: len("seenat_1_")] + other[len("seenat_2_") :]
    for text in (
        None,
        "",
        " ",
        good[:-1],
        f"{good}x",
        good.upper(),
        mixed,
        "seenat_99_" + good[9:],
        "\udcff",
        "x" * 9999,
    ):
        assert type(refusal(catalog, text)) is seenat.Unauthenticated, text
    assert "expired" in str(refusal(catalog, tokens["expired"]))
    assert "revoked" in str(refusal(catalog, tokens["revoked"]))
    out_of_scope = refusal(catalog, other)
    assert (type(out_of_scope), out_of_scope.token) == (seenat.OutOfScope, 2)
    assert catalog.access.check(other, ("jobs:write", "jobs:cancel")).id == 2
    assert [line.event for line in catalog.access.log()] == ["revoked"] + ["created"] * 4


def test_a_token_ends_with_its_time(sqlite_catalog: Catalog) -> None:
    catalog = seenat.Catalog(sqlite_catalog)
    created = catalog.access.create_token("jobs:write", expires="never")
    assert created.token.expires_at is None
    expire(catalog, created.token.id)
    assert catalog.access.tokens()[0].state == "expired"
    assert type(refusal(catalog, str(created.text))) is seenat.Unauthenticated


def test_a_text_is_shown_once(sqlite_catalog: Catalog) -> None:
    catalog = seenat.Catalog(sqlite_catalog)
    created = catalog.access.create_token("jobs:write")
    secret = created.text[len("seenat_1_") :]
    assert secret not in repr(created) + str(catalog.access.tokens()) + str(catalog.access.log()) + repr(created.text)
    assert json.loads(json.dumps(created.to_json()))["text"] == str(created.text)
    assert secret not in json.dumps(catalog.access.tokens().to_json())


@pytest.mark.parametrize(
    ("scopes", "options", "message"),
    [
        ((), {}, "needs a scope"),
        (("jobs:read",), {}, "'jobs:read' is no scope; choose from jobs:write, jobs:cancel"),
        (WRITE, {"expires": "30"}, "'30' is no lifetime"),
        (WRITE, {"expires": "0d"}, "no lifetime"),
        (WRITE, {"expires": "9999999w"}, "ten years"),
        (WRITE, {"name": "a\nb"}, "no name"),
        (WRITE, {"name": "\u202e"}, "no name"),
        (WRITE, {"name": "x" * 201}, "no name"),
    ],
)
def test_what_cannot_be_made(
    sqlite_catalog: Catalog, scopes: tuple[str, ...], options: dict[str, str], message: str
) -> None:
    catalog = seenat.Catalog(sqlite_catalog)
    with pytest.raises(seenat.InvalidValue, match=message):
        catalog.access.create_token(*scopes, **options)
    assert catalog.access.tokens() == ()
    with pytest.raises(seenat.UnknownToken, match="none yet"):
        catalog.access.revoke_token(7)
    with pytest.raises(seenat.InvalidValue, match="-1"):
        catalog.access.log(limit=-1)


def test_lifetimes() -> None:
    assert [parse_lifetime(text) for text in ("90m", "12h", " 30d", "8w", "never")] == [
        timedelta(minutes=90),
        timedelta(hours=12),
        timedelta(days=30),
        timedelta(weeks=8),
        None,
    ]


def test_digests_are_of_the_whole_text() -> None:
    text = Secret("seenat_7_" + "a" * 43)
    assert id_of(text) == 7
    assert is_of(text, digest_of(text))
    assert not is_of(text, digest_of(text.replace("7", "8")))
    assert not is_of(text, None)
    assert repr(text) == "'seenat_7_...'"


def test_the_log_holds_what_others_wrote_inert(sqlite_catalog: Catalog) -> None:
    catalog = seenat.Catalog(sqlite_catalog)
    catalog.access.note("refused", "\x1b[31m\u202e\n" + "x" * 9000, token=None, client="c" * 99, request="r" * 99)
    [line] = catalog.access.log()
    assert line.detail.isprintable()
    assert (len(line.detail) < 600, len(line.client or ""), len(line.request or "")) == (True, 64, 80)
