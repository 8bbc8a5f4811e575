"""Charts of the measured pocket suite in every format, and one definition behind all of them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair
import pytest

from seenat.memorization.plots.charts import onset_chart, trajectory_chart
from seenat.memorization.plots.save import check_plot_path, save
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.queries.trajectories import SequenceTrajectory, trajectory
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, NothingToDraw
from seenat.registry.units import SequenceRange

MODELS = ("pocket-230k", "pocket-660k", "pocket-2m")


def foreign(html: str) -> list[Any]:
    """What a page would have to fetch from elsewhere."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.extend(
        (tag, value) for name, value in attributes if name in ("src", "href")
    )
    parser.feed(html)
    return found


@pytest.fixture(scope="module")
def charts(measured_pocket: Catalog) -> dict[str, Any]:
    models = [measured_pocket.model(name) for name in MODELS]
    return {
        "onset": onset_chart([onsets(measured_pocket, model) for model in models]),
        "trajectory": trajectory_chart(trajectory(measured_pocket, models[2], 1030)),
        "control": trajectory_chart(trajectory(measured_pocket, models[0], 3583)),
    }


@pytest.fixture
def mine_loss(mine_catalog: Catalog, measured: Callable[..., Any]) -> SequenceTrajectory:
    """The trajectory of a loss, of a sequence that the last two of three checkpoints had seen."""
    protocol = Protocol.default_for(0, "loss", prompt=9, continuation=4)
    measured(mine_catalog, "mine-a", protocol, steps=(0, 100, 200), sequences=SequenceRange(0, 24), unseen=True)
    return trajectory(mine_catalog, mine_catalog.model("mine-a"), 20)


def test_the_chart_of_a_loss_shows_surprisal_per_id(mine_loss: SequenceTrajectory, tmp_path: Path) -> None:
    drawn = trajectory_chart(mine_loss).to_dict()
    line = next(layer for layer in drawn["layer"] if layer["mark"]["type"] == "line")
    expected = [
        {"step": point.step, "seen": point.seen, "of": words, "surprisal": point.values[name] / ids}
        for point in mine_loss.trajectory.points
        for name, words, ids in (
            ("prompt", "prompt", 8),
            ("continuation", "continuation", 4),
            ("min_k", "least likely fifth", 1),
        )
    ]
    assert line["data"]["values"] == expected
    assert [row["seen"] for row in expected[::3]] == [False, True, True]
    assert "seen by step 3" in json.dumps(drawn)
    save(trajectory_chart(mine_loss), tmp_path / "chart.svg")
    assert "surprisal of an id (nats)" in (tmp_path / "chart.svg").read_text()


@pytest.mark.parametrize("name", ["onset", "trajectory", "control"])
def test_a_chart_is_drawn_as_its_file_is_called(charts: dict[str, Any], tmp_path: Path, name: str) -> None:
    for ending in ("svg", "png", "HTML"):
        save(charts[name], tmp_path / f"chart.{ending}")
    svg = ElementTree.fromstring((tmp_path / "chart.svg").read_text())
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert "step (optimizer updates)" in "".join(svg.itertext())
    png = (tmp_path / "chart.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert width > 800
    assert height > 500
    html = (tmp_path / "chart.HTML").read_text()
    assert foreign(html) == []
    assert "vegaEmbed" in html
    assert "step (optimizer updates)" in html
    assert sorted(path.name for path in tmp_path.glob("chart*")) == ["chart.HTML", "chart.png", "chart.svg"]


def encodings(chart: Any) -> list[dict[str, Any]]:
    drawn = chart.to_dict()
    return [{**drawn.get("encoding", {}), **layer["encoding"]} for layer in drawn["layer"]]


def test_steps_end_at_the_last_one(charts: dict[str, Any], mine_loss: SequenceTrajectory, tmp_path: Path) -> None:
    """An axis rounded up to 400 has its last label run into 380."""
    for chart, first, last in (
        (charts["onset"], 0, 384),
        (charts["trajectory"], 192, 384),
        (trajectory_chart(mine_loss), 0, 200),
    ):
        for encoding in encodings(chart):
            assert (encoding["x"]["scale"]["domain"], encoding["x"]["scale"]["nice"]) == ([first, last], False)
            assert encoding["x"]["axis"]["labelFlush"] is False
    save(charts["onset"], tmp_path / "chart.svg")
    assert ">384<" in (tmp_path / "chart.svg").read_text()
    assert ">400<" not in (tmp_path / "chart.svg").read_text()


def test_a_share_of_nothing_is_drawn_at_the_foot(measured_pocket: Catalog) -> None:
    found = onsets(measured_pocket, measured_pocket.model("pocket-2m"))
    early = replace(found, steps=tuple(count for count in found.steps if count.step <= 64))
    assert all(encoding["y"]["scale"]["domain"] == [0, 1] for encoding in encodings(onset_chart([early])))
    with pytest.raises(NothingToDraw, match=r"Nothing that pocket-2m had seen .* `seenat memorize pocket-2m`"):
        onset_chart([replace(found, steps=())])


def test_models_beyond_ten_have_dashes_and_whole_names(measured_pocket: Catalog, tmp_path: Path) -> None:
    found = onsets(measured_pocket, measured_pocket.model("pocket-2m"))
    names = [f"a-model-with-a-rather-long-name-{place}" for place in range(11)]
    for number, dashed in ((10, False), (11, True)):
        chart = onset_chart([replace(found, model=name) for name in names[:number]])
        assert any(encoding.get("strokeDash", {}).get("field") == "model" for encoding in encodings(chart)) == dashed
        bands = [layer["encoding"] for layer in chart.to_dict()["layer"] if layer["mark"]["type"] == "area"]
        assert len(bands) == 1
        assert "strokeDash" not in bands[0], "the browser's console warns of dashes on areas"
        save(chart, tmp_path / "chart.svg", force=True)
        assert all(f">{name}<" in (tmp_path / "chart.svg").read_text() for name in names[:number])


def test_the_onset_chart_shows_every_measured_share(charts: dict[str, Any], measured_pocket: Catalog) -> None:
    drawn = charts["onset"].to_dict()["data"]["values"]
    expected = [
        (name, count.step, count.share)
        for name in MODELS
        for count in onsets(measured_pocket, measured_pocket.model(name)).steps
        if count.measured
    ]
    assert [(row["model"], row["step"], row["share"]) for row in drawn] == expected
    assert len(drawn) == 3 * 12


def test_the_trajectory_chart_shows_every_point_and_when_it_was_seen(
    charts: dict[str, Any], measured_pocket: Catalog
) -> None:
    found = trajectory(measured_pocket, measured_pocket.model("pocket-2m"), 1030)
    drawn = charts["trajectory"].to_dict()
    points = next(layer["data"]["values"] for layer in drawn["layer"] if layer["mark"]["type"] == "point")
    assert [(row["step"], row["prefix"], row["seen"]) for row in points] == [
        (point.step, point.values["prefix"], point.seen) for point in found.trajectory.points
    ]
    assert {row["memorized"] for row in points if row["prefix"] == 32} <= {True}
    rule = next(layer for layer in drawn["layer"] if layer["mark"]["type"] == "rule")
    assert rule["data"]["values"] == [{"step": 192, "label": "seen by step 192"}]
    assert {layer["mark"]["type"] for layer in charts["control"].to_dict()["layer"]} == {"line", "point"}


@pytest.mark.parametrize("name", ["chart.gif", "chart", "svg"])
def test_other_files_are_refused_before_anything_is_drawn(charts: dict[str, Any], tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidValue, match=r"does not end in \.svg, \.png, \.pdf or \.html"):
        check_plot_path(tmp_path / name)
    with pytest.raises(InvalidValue):
        save(charts["control"], tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_name_is_text_in_every_format(tmp_path: Path) -> None:
    """An escape character once ended the renderer, and the process with it; a `</script>` ran what stood behind it."""
    name = "</script><script>alert(1)</script><!--\x1b[2J\u202e\u2028\udcff\x00"
    rows = [{"model": name, "step": 1}]
    chart = altair.Chart(altair.Data(values=rows), title=name).mark_point().encode(x="step:Q", color="model:N")
    for ending in ("svg", "png", "html"):
        save(chart, tmp_path / f"chart.{ending}")
    shown = "</script><script>alert(1)</script><!--\\x1b[2J\\u202e\\u2028\\udcff\\x00"
    svg = ElementTree.parse(tmp_path / "chart.svg").getroot()
    assert "".join(svg.itertext()).endswith(shown)  # The title; a legend's labels are cut to its width.
    page = (tmp_path / "chart.html").read_text()
    scripts: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: scripts.append(tag) if tag == "script" else None  # type: ignore[method-assign]
    parser.feed(page)
    assert len(scripts) == 2
    (definition,) = re.findall(r"const spec = (\{.*\});", page)
    assert json.loads(definition)["title"] == shown
    assert json.loads(definition)["data"]["values"] == [{"model": shown, "step": 1}]
