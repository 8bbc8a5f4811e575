"""The client: the methods of the local catalog that read, with its arguments, answers and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import pytest
from support.addresses import WITH_FOLDERS, ask, told, values_of
from support.served import Served

import seenat
from seenat.registry.answer import to_json
from seenat.remote.routes import ROUTES, Route


@pytest.fixture
def remote(served: Served) -> Iterator[seenat.RemoteCatalog]:
    with seenat.connect(served.url) as catalog:
        yield catalog


def outcome(call: Any) -> Any:
    """What a call answers, as JSON, or the error that it raises."""
    try:
        return json.loads(json.dumps(to_json(call())))
    except seenat.SeenatError as error:
        return type(error), str(error), getattr(error, "nearest", None)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_it_answers_as_the_library(served: Served, remote: seenat.RemoteCatalog, route: Route) -> None:
    positional, named = route.arguments(values_of(route))
    found = outcome(lambda: attrgetter(route.method)(remote)(*positional, **named))
    expected = outcome(lambda: ask(served.catalog, route))
    assert found == (told(served.catalog, expected) if route.method in WITH_FOLDERS else expected)


@pytest.mark.parametrize(
    "question",
    [
        lambda catalog: catalog.step("pythia-70m", "step3000"),
        lambda catalog: catalog.batch("pocket-order", 2, tokens=True, decode=True),
        lambda catalog: catalog.sequence("pocket-230k", 20, decode=True),
        lambda catalog: catalog.checkpoints("pythia-70m", "pythia-160m", statuses=("suspect", "wrong")),
        lambda catalog: catalog.checkpoints(order="pile", tokens="0:1000000000", below=100_000_000),
        lambda catalog: catalog.which.first("pocket-230k", 384, limit=3, after=(128, 20)),
        lambda catalog: catalog.which.batches("pocket-230k", 384, "0:4"),
        lambda catalog: catalog.find([17, 204], order="pocket-order", variants=False),
        lambda catalog: catalog.find("self.", model="pocket-230k", step=256, limit=3, count=False, context=3),
        lambda catalog: catalog.studies.sets("pocket-230k", never="pocket-660k", within=64),
        lambda catalog: catalog.index.status(),
        lambda catalog: catalog.claims(),
        lambda catalog: catalog.step("pythia-70m", 1500),
        lambda catalog: catalog.order("pile-dedupt"),
        lambda catalog: catalog.which.first("pocket-230k", 384, protocol="zz"),
        lambda catalog: catalog.trajectory("pocket-230k", 3000),
    ],
)
def test_questions_and_errors_are_the_same(served: Served, remote: seenat.RemoteCatalog, question: Any) -> None:
    assert outcome(lambda: question(remote)) == outcome(lambda: question(served.catalog))


def test_answers_are_read_by_their_attributes(served: Served, remote: seenat.RemoteCatalog) -> None:
    step, local = remote.step("pythia-70m", 3000), served.catalog.step("pythia-70m", 3000)
    assert step == local
    assert (step.model, step.parameters.total, step.batches_seen.stop) == ("pythia-70m", local.parameters.total, 3000)
    assert len(step.sequences_seen) == len(local.sequences_seen)
    assert len(remote.models(size="70m").to_pandas()) == len(served.catalog.models(size="70m"))
    with pytest.raises(AttributeError, match="it has model"):
        _ = step.nonsense
    found = remote.trajectory("pocket-230k", 20)
    assert found == served.catalog.trajectory("pocket-230k", 20)


def test_methods_take_what_the_library_takes(remote: seenat.RemoteCatalog) -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        remote.step("pythia-70m", 3000, nonsense=1)
    with pytest.raises(TypeError, match="missing"):
        remote.batch("pythia-70m")
    with pytest.raises(seenat.InvalidValue, match="Name step"):
        remote.step("pythia-70m")
    with pytest.raises(AttributeError, match=r"seenat\.open"):
        remote.memorize("pocket-230k")
    with pytest.raises(seenat.InvalidValue, match="out"):
        remote.batch("pocket-order", 0, out="x.npy")
    assert {"models", "step", "which", "studies", "close"} <= set(dir(remote))
    assert set(dir(remote.which)) == {"first", "kept", "relearned", "changed", "earlier", "batches"}
    assert "protocol" in (remote.onsets.__doc__ or "") or remote.onsets.__doc__


def test_names_are_never_parts_of_an_address(remote: seenat.RemoteCatalog) -> None:
    for name in ("../../health", "a?b=c", "a#b", "a%2fb", "\x00", "..", "models/pythia-70m"):
        with pytest.raises((seenat.NotFound, seenat.InvalidValue)):
            remote.describe(name)


def test_what_does_not_answer_is_said() -> None:
    with seenat.connect("http://127.0.0.1:9") as nobody, pytest.raises(seenat.Unreachable, match="does not answer"):
        nobody.models()
    with pytest.raises(seenat.InvalidValue, match="http://"):
        seenat.connect("file:///etc/passwd")
