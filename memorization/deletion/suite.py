"""Deleting a suite of one's own: its models and orders, what was measured and imported of them, and nothing of its files.

Token files, checkpoints and SUITE.toml are the user's and stay where they are.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from sqlalchemy import Connection, select

from seenat.memorization.deletion.answers import Deletion
from seenat.memorization.deletion.results import check_at_rest, delete_files_of, delete_rows_of, sum_up
from seenat.memorization.jobs.job_table import jobs_of_measurement
from seenat.memorization.labels.store import remove_labels_of
from seenat.memorization.published.importer import forget_result_sets
from seenat.memorization.results.measurements import all_measurements_of, results_folder
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.engine import Database
from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.catalog import models, orders, suites
from seenat.registry.errors import NotFound, StillNeeded
from seenat.registry.evaluations.importer import forget_evaluations
from seenat.registry.storage.regular import remove_regular
from seenat.registry.suites.builtin import BUILT_IN
from seenat.registry.suites.write import delete_suite

__all__ = ["unregister"]


def unregister(catalog: Catalog, name: str, *, yes: bool = False) -> Deletion:
    """Delete a suite with its orders, models and their results; or, without `yes`, say what that is.

    Raises `NotFound` for a suite that is not registered, and `StillNeeded` for one that ships with seenat, whose orders other
    suites' models were trained on, or at whose models somebody works.
    """
    database, of_suite = catalog.database, [model for model in catalog.models() if model.suite == name]
    own = tuple(order.name for order in catalog.orders() if order.suite == name)
    contents = {order.digest for order in catalog.orders() if order.suite == name and order.digest is not None}
    with database.write() if yes else database.read() as connection:
        suite = _suite(connection, name)
        _check_unused(connection, suite)
        chosen = [each for model in of_suite for each in all_measurements_of(connection, model)]
        jobs = [row for measurement in chosen for row in jobs_of_measurement(connection, measurement.id)]
        check_at_rest(database, connection, jobs)
        deletion = sum_up(database, connection, f"the suite {name}", chosen, jobs, done=yes)
        files: list[str] = []
        if yes:
            objects = delete_rows_of(connection, chosen, jobs)
            files = _delete_rows(connection, of_suite, suite.id)
            _delete_labels(database, connection, contents)
    if yes:
        delete_files_of(database, chosen, jobs, objects)
        for file in files:
            remove_regular(results_folder(database) / file)
    return replace(deletion, models=tuple(model.name for model in of_suite), orders=own)


def _suite(connection: Connection, name: str) -> AnyRow:
    suite = connection.execute(select(suites).where(suites.c.name == name)).one_or_none()
    if suite is None:
        known = connection.execute(select(suites.c.name).order_by(suites.c.name)).scalars().all()
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise NotFound(f"No suite is called {name}; registered are {', '.join(known)}.{hint}", near or known)
    if suite.origin == BUILT_IN:
        raise StillNeeded(
            f"The suite {name} ships with seenat, and every upgrade brings it back, so it is not deleted."
        )
    return suite


def _check_unused(connection: Connection, suite: AnyRow) -> None:
    """Raise `StillNeeded` where models of other suites were trained on an order of this one."""
    query = select(models.c.name).join(orders, orders.c.id == models.c.order_id)
    others = query.where(orders.c.suite_id == suite.id, models.c.suite_id != suite.id).order_by(models.c.name)
    users = connection.execute(others).scalars().all()
    if users:
        raise StillNeeded(
            f"{', '.join(users)} of other suites were trained on an order of {suite.name}, so nothing was deleted; unregister "
            "their suites first."
        )


def _delete_labels(database: Database, connection: Connection, contents: set[str]) -> None:
    """Delete the labels of contents that no order has any more."""
    left = set(connection.execute(select(orders.c.digest)).scalars())
    for content in contents - left:
        remove_labels_of(database, connection, content)


def _delete_rows(connection: Connection, of_suite: list[Model], suite_id: int) -> list[str]:
    """Delete the rows of a suite; returns the files of what was imported of its models."""
    ids = [model.id for model in of_suite]
    forget_evaluations(connection, ids)
    files = forget_result_sets(connection, ids)
    delete_suite(connection, suite_id)
    return files
