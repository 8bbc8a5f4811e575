"""What all figures share: colours and places of models, scales and ticks of steps, intervals, captions, widths, PDF."""

from __future__ import annotations

import re
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import altair
import pytest

from seenat.memorization.plots.axes import COLOURS, by_model, step_axis, step_scale
from seenat.memorization.plots.figure import READABLE_WIDTH, Look, captioned, drawn_as, laid_out, places_of, ticks
from seenat.memorization.plots.intervals import INTERVALS, interval_marks, interval_words, share_row, wilson
from seenat.memorization.plots.save import save
from seenat.registry.errors import InvalidValue

PYTHIA = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *range(1000, 143_001, 1000))
PLACES = places_of([*((f"a-{place}", "first") for place in range(12)), ("b-0", "second"), ("b-1", "second")])


def looks(*names: str) -> dict[str, tuple[str, Any]]:
    """Colour and dashes of each model, in the order of the legend."""
    with drawn_as(Look(places=PLACES)):
        found = by_model(altair, names)
    colours = found["color"].to_dict()["scale"]
    dashes = found["strokeDash"].to_dict()["scale"]["range"] if "strokeDash" in found else [[1, 0]] * len(names)
    return dict(zip(colours["domain"], zip(colours["range"], map(tuple, dashes), strict=True), strict=True))


def test_a_model_has_one_colour_and_one_place_whatever_else_is_drawn() -> None:
    alone, among = looks("a-3"), looks("a-7", "a-3", "a-0", "unknown")
    assert alone["a-3"] == among["a-3"] == (COLOURS[3], (1, 0))
    assert list(among) == ["a-0", "a-3", "a-7", "unknown"]
    assert looks("b-0")["b-0"] == (COLOURS[0], (1, 0))
    assert looks("a-2, earlier")["a-2, earlier"] == (COLOURS[2], (1, 0))
    values = looks("a-3, x", "a-3, y", "a-3, z")  # Of one model alone each line has a colour.
    assert list(values.values()) == [(colour, (1, 0)) for colour in COLOURS[:3]]
    both = looks("b-0", "a-0", "a-10")
    assert [colour for colour, _ in both.values()] == [COLOURS[0]] * 3
    assert len({dashes for _, dashes in both.values()}) == 3


@pytest.mark.parametrize(
    ("steps", "telling", "asked", "expected"),
    [
        (PYTHIA, (), None, ("symlog", 0, 143_000)),
        (PYTHIA[1:], (), None, ("log", 1, 143_000)),
        (PYTHIA, range(3000, 143_001, 1000), None, ("linear", 0, 143_000)),
        (PYTHIA, (), "linear", ("linear", 0, 143_000)),
        (PYTHIA, (), "log", ("log", 1, 143_000)),
        (range(0, 143_001, 1000), (), None, ("linear", 0, 143_000)),
        ((0, 1000, 143_000), (), None, ("symlog", 0, 143_000)),
        ((0, 100, 200), (), None, ("linear", 0, 200)),
        ((192, 256, 384), (), None, ("linear", 192, 384)),
        ((0,), (), None, ("linear", 0, 1)),
        ((0,), (), "log", ("log", 1, 2)),
    ],
)
def test_the_scale_suits_the_steps(steps: Any, telling: Any, asked: str | None, expected: Any) -> None:
    with drawn_as(Look(x=asked)):
        assert step_scale(list(steps), telling) == expected


def test_no_part_of_an_axis_is_empty_before_the_first_step_after_0() -> None:
    scale = step_axis(altair, (0, 1000, 143_000)).to_dict()["scale"]
    assert (scale["type"], scale["constant"]) == ("symlog", 1000)
    assert ticks("symlog", 0, 143_000, (), 240, constant=1000)[:2] == [0, 1000]
    assert step_axis(altair, PYTHIA).to_dict()["scale"]["constant"] == 1


def test_another_scale_is_refused() -> None:
    with pytest.raises(InvalidValue, match="log, symlog, linear, not 'cubic'"):
        Look(x="cubic")


@pytest.mark.parametrize("width", [60, 240, 520])
@pytest.mark.parametrize("kind", ["linear", "symlog", "log"])
def test_ticks_are_at_the_last_step_and_at_marks_and_apart(kind: str, width: int) -> None:
    first = 1 if kind == "log" else 0
    found = ticks(kind, first, 143_000, [9000], width)
    assert found[-1] == 143_000
    assert 9000 in found or width == 60
    assert len(found) >= {60: 1, 240: 3, 520: 4}[width]
    assert found == sorted(set(found))
    if kind == "linear":
        assert all((later - earlier) / 143_000 * width > 20 for earlier, later in pairwise(found))


def test_wilson_is_where_the_share_lies_at_the_end_of_its_own_error() -> None:
    for successes, of in ((0, 10), (1, 8), (81, 263), (1632, 3072), (8, 8)):
        low, high = wilson(successes, of)
        assert 0 <= low <= successes / of <= high <= 1
        for end in {low, high} - {0.0, 1.0}:
            assert abs(end - successes / of) == pytest.approx(1.959964 * sqrt(end * (1 - end) / of), rel=1e-5)
    # Newcombe 1998 gives 81 of 263 and 15 of 148.
    assert [round(end, 4) for end in (*wilson(81, 263), *wilson(15, 148))] == [0.2553, 0.3662, 0.0624, 0.1605]
    assert wilson(0, 0) == (0.0, 1.0)
    assert share_row(0, 10, "_x") == {"low_x": 0.0, "high_x": pytest.approx(0.2775, abs=1e-4)}


@pytest.mark.parametrize(("steps", "mark"), [((1, 9), "rule"), (range(1, 9), "area")])
def test_intervals_of_few_steps_are_bars_beside_each_other(steps: Any, mark: str) -> None:
    rows = [{"model": name, "step": step, **share_row(5, 100)} for name in ("a-0", "a-1") for step in steps]
    base = altair.Chart(altair.Data(values=rows)).encode(x="step:Q")
    y = {"scale": altair.Scale(domain=[0, 1])}
    drawn = interval_marks(altair, base, rows, y).to_dict()
    marks = [layer["mark"] for layer in drawn.get("layer", [drawn])]
    assert {one["type"] for one in marks} == {mark}
    assert len({one.get("xOffset") for one in marks}) == len(marks)


def test_an_interval_that_would_hide_all_else_is_left_out_and_the_caption_says_so() -> None:
    rows = [{"model": "a-0", "step": step, **share_row(found, of)} for step, found, of in ((1, 0, 1), (2, 5, 100))]
    base, wide, narrow = (
        altair.Chart(altair.Data(values=rows)),
        altair.Scale(domain=[0, 1]),
        altair.Scale(domain=[0, 0.1]),
    )
    assert "none where so few were counted" in interval_words(rows, narrow)
    assert interval_words(rows[1:], narrow) == interval_words(rows[1:], wide) == INTERVALS
    drawn = interval_marks(altair, base, rows, {"scale": narrow}).to_dict()
    kept = drawn["layer"][0]["transform"][0]["filter"]
    assert "datum.low > 0 || datum.high <= 0.05" in kept


@pytest.fixture
def chart() -> Any:
    return drawing()


def panel() -> Any:
    rows = [{"model": "a-1", "step": step, "value": step % 7} for step in PYTHIA]
    base = altair.Chart(altair.Data(values=rows), width=300, height=200).mark_line()
    return base.encode(x=step_axis(altair, PYTHIA), y="value:Q", **by_model(altair, ["a-1"]))


def drawing() -> Any:
    return captioned(
        altair,
        panel(),
        "Seven",
        "A first sentence that goes on and on, for much longer than the whole chart with its legend is wide.",
        "",
        "(2)",
    )


def svg(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_width_title_and_scale_are_as_asked_for(tmp_path: Path) -> None:
    with drawn_as(Look(x="log", width=333, title="Mine", places=PLACES)):
        save(drawing(), tmp_path / "chart.svg")
    text = svg(tmp_path / "chart.svg")
    assert float(re.findall(r'viewBox="0 0 ([\d.]+) ', text)[0]) == pytest.approx(333, abs=2)
    assert ">Mine<" in text
    assert ">Seven<" not in text
    assert "Step 0 has no logarithm" in " ".join(re.findall(r">([^<>]+)<", text))
    assert COLOURS[1] in text
    with drawn_as(Look(title="")):
        save(drawing(), tmp_path / "bare.svg")
    assert not re.search(r"A first sentence|role-title", svg(tmp_path / "bare.svg"))
    with drawn_as(Look(width=40)), pytest.raises(InvalidValue, match="40 points is too narrow"):
        save(drawing(), tmp_path / "narrow.svg")


def test_panels_that_could_not_be_read_beside_each_other_stand_below_each_other(tmp_path: Path) -> None:
    three = captioned(altair, altair.hconcat(panel(), panel(), panel()), "Three")
    widths, heights = [], []
    for width in (1200, 340):
        with drawn_as(Look(width=width, places=PLACES)):
            save(three, tmp_path / f"{width}.svg")
        drawn = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg(tmp_path / f"{width}.svg"))[0]
        widths.append(float(drawn[0]))
        heights.append(float(drawn[1]))
    assert widths == pytest.approx([1200, 340], abs=3)
    assert heights[1] > 2 * heights[0]
    assert READABLE_WIDTH < 340


@pytest.mark.parametrize("words", range(20, 60))
def test_the_last_line_of_a_caption_is_no_single_word(words: int) -> None:
    caption = captioned(altair, panel(), "Seven", " ".join(["word"] * words) + ".").to_dict()
    lines = laid_out(caption)["title"]["subtitle"]
    assert " ".join(lines) == " ".join(["word"] * words) + "."
    assert len(lines) == 1 or len(lines[-1]) >= 0.25 * max(map(len, lines))


def test_a_caption_is_cut_into_lines_within_the_figure(chart: Any, tmp_path: Path) -> None:
    save(chart, tmp_path / "chart.svg")
    lines = re.findall(r">([^<>]+)<", svg(tmp_path / "chart.svg"))
    assert "Step 0 has no logarithm" not in " ".join(lines)
    words = "A first sentence that goes on and on, for much longer than the whole chart with its legend is wide. (2)"
    assert words in " ".join(lines)
    assert words not in lines
    assert ">143,000<" in svg(tmp_path / "chart.svg")


def test_a_pdf_says_what_it_was_drawn_from(chart: Any, tmp_path: Path) -> None:
    save(chart, tmp_path / "chart.pdf", source={"command": "seenat (x) \\ y"})
    data = (tmp_path / "chart.pdf").read_bytes()
    assert data.startswith(b"%PDF-1.")
    start = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    entry = re.match(rb"xref\n(\d+) 1\n(\d{10}) 00000 n\r\ntrailer\n.*/Info (\d+) 0 R", data[start:])
    assert entry
    assert entry[1] == entry[3]
    assert data[int(entry[2]) :].startswith(entry[1] + b" 0 obj\n<< /Subject ({")
    assert rb"seenat \(x\) \\\\ y" in data[int(entry[2]) :]
    earlier = int(re.findall(rb"/Prev (\d+)", data)[-1])
    assert data[earlier:].startswith(b"xref")
