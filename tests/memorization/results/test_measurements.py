"""Measurements in the catalog: what makes values comparable, and which row is which checkpoint's content."""

from pathlib import Path

import pytest
from sqlalchemy import update

from seenat.memorization.protocol.measures import MEASURES
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.measurements import (
    array_rows,
    current_rows,
    ensure_measurement,
    ensure_row,
    find_measurement,
    measurement_by_id,
    measurements_of,
    results_folder,
)
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.tables.catalog import orders
from seenat.registry.errors import InvalidValue, NotMeasured, UnknownOrder
from seenat.registry.open import open_catalog


def test_a_measurement_is_one_protocol_one_model_and_one_order(mine_catalog):
    model, other = mine_catalog.model("mine-a"), mine_catalog.model("mine-b")
    with mine_catalog.database.write() as connection:
        made = ensure_measurement(connection, model, Protocol())
        assert ensure_measurement(connection, model, Protocol()) == made
        others = [
            ensure_measurement(connection, model, Protocol(offset=1)),
            ensure_measurement(connection, other, Protocol()),
        ]
    assert len({made.id, *(one.id for one in others)}) == 3
    assert len({made.folder, *(one.folder for one in others)}) == 3
    with mine_catalog.database.read() as connection:
        assert measurement_by_id(connection, made.id) == made
    assert made.blocks == 5
    assert [made.block(block).start for block in range(5)] == [0, 624, 1248, 1872, 2496]
    assert made.block(4).stop == 2520


def test_the_one_to_answer_from_is_asked_for_or_the_usual_one(mine_catalog):
    model, odd = mine_catalog.model("mine-a"), [Protocol(offset=1), Protocol(offset=2)]
    with mine_catalog.database.write() as connection:
        with pytest.raises(NotMeasured, match="Nothing of mine-a has been measured yet; run `seenat memorize mine-a`"):
            find_measurement(connection, model)
        ensure_measurement(connection, model, odd[0])
        assert find_measurement(connection, model).protocol == odd[0]
        ensure_measurement(connection, model, odd[1])
        with pytest.raises(InvalidValue, match=f"choose one with --protocol: {odd[0].id} .*, {odd[1].id} "):
            find_measurement(connection, model)
        ensure_measurement(connection, model, Protocol())
        assert find_measurement(connection, model).protocol == Protocol()
        assert find_measurement(connection, model, odd[1].id[:6]).protocol == odd[1]
        with pytest.raises(NotMeasured, match=f"by protocol ffff yet; there is {odd[0].id}") as caught:
            find_measurement(connection, model, "ffff")
    assert caught.value.nearest == (odd[0].id, odd[1].id, Protocol().id)


def test_losses_do_not_answer_what_is_memorized(mine_catalog):
    model, loss = mine_catalog.model("mine-a"), Protocol.default_for(mine_catalog.model("mine-a").order.eos_id, "loss")
    everything = tuple(MEASURES)
    with mine_catalog.database.write() as connection:
        ensure_measurement(connection, model, loss)
        only = "Of mine-a only loss has been measured, and this needs prefix or score; run `seenat memorize mine-a --measure prefix`"
        with pytest.raises(NotMeasured, match=only):
            find_measurement(connection, model)
        with pytest.raises(NotMeasured, match=f"measured by protocol {loss.id}, and this needs"):
            find_measurement(connection, model, loss.id)
        assert find_measurement(connection, model, measures=everything).protocol == loss
        ensure_measurement(connection, model, Protocol(offset=1))
        assert find_measurement(connection, model).protocol == Protocol(offset=1)
        assert find_measurement(connection, model, measures=("loss",)).protocol == loss
        # Of several the usual one, and of usual ones that of the first measure.
        assert find_measurement(connection, model, measures=everything).protocol == loss
        usual = Protocol.default_for(model.order.eos_id)
        ensure_measurement(connection, model, usual)
        assert find_measurement(connection, model, measures=everything).protocol == usual
        assert [one.protocol for one in measurements_of(connection, model)] == [loss, Protocol(offset=1), usual]


def test_an_order_whose_content_is_not_known_cannot_be_measured(mine_catalog):
    with mine_catalog.database.write() as connection:
        connection.execute(update(orders).where(orders.c.name == "mine-bare").values(digest=None))
    with mine_catalog.database.write() as connection, pytest.raises(UnknownOrder, match="register its files"):
        ensure_measurement(connection, mine_catalog.model("mine-b"), Protocol())


def test_rows_ascend_by_step_and_later_contents_follow(mine_catalog):
    model = mine_catalog.model("mine-a")
    saved = model.checkpoints
    with mine_catalog.database.write() as connection:
        measurement = ensure_measurement(connection, model, Protocol())
        rows = [ensure_row(connection, measurement, saved[place].id, saved[place].digest) for place in (5, 2)]
        assert rows == [5, 2]
        assert array_rows(connection, measurement) == 42
        assert current_rows(connection, measurement) == [(2, saved[2].step), (5, saved[5].step)]
        later = [ensure_row(connection, measurement, saved[5].id, f"sha256:{number}") for number in (1, 2, 1)]
        assert later == [42, 43, 42]
        assert array_rows(connection, measurement) == 44
        assert ensure_row(connection, measurement, saved[5].id, saved[5].digest) == 5
        # Contents that are not the present ones are no longer shown.
        assert current_rows(connection, measurement) == [(2, saved[2].step), (5, saved[5].step)]


def test_results_lie_beside_a_sqlite_catalog(new_home):
    path = new_home("here")
    with open_catalog(str(path)) as catalog:
        assert results_folder(catalog.database) == path.with_name(f"{path.name}.results")


def test_results_lie_beside_the_file_that_a_link_leads_to(tmp_path):
    (tmp_path / "large-disk").mkdir()
    link, file = tmp_path / "catalog.sqlite", tmp_path / "large-disk" / "mine.sqlite"
    link.symlink_to(file)
    (tmp_path / "other-name").symlink_to(tmp_path / "large-disk")
    names = (link, file, tmp_path / "other-name" / "mine.sqlite")
    databases = [Database(parse_url(str(name))) for name in names]
    assert {results_folder(database) for database in databases} == {tmp_path / "large-disk" / "mine.sqlite.results"}
    (tmp_path / "catalog.sqlite.results").mkdir()
    assert results_folder(databases[0]) == tmp_path / "catalog.sqlite.results", "of an older version"
    (tmp_path / "large-disk" / "mine.sqlite.results").mkdir()
    assert results_folder(databases[0]) == tmp_path / "large-disk" / "mine.sqlite.results"


def test_results_lie_apart_for_each_database(catalog, tmp_path):
    folder = results_folder(catalog.database)
    if catalog.database.is_sqlite:
        assert folder.parent == tmp_path
    else:
        assert folder.parent == tmp_path / "home" / "results"
        assert folder != results_folder(type(catalog.database)(catalog.database.url.set(database="another")))
    assert isinstance(folder, Path)
