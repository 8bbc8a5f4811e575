"""The contrast of every colour with its ground, by WCAG 2's formula."""

from __future__ import annotations

import pytest

from seenat.service.pages.palette import GRAPHICS, PALETTE, TEXTS


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXTS, 4.5), (GRAPHICS, 3.0)], ids=["texts", "graphics"])
def test_every_colour_can_be_told_from_its_ground(pairs: tuple[tuple[str, str], ...], least: float, mode: int) -> None:
    found = {pair: contrast(PALETTE[pair[0]][mode], PALETTE[pair[1]][mode]) for pair in pairs}
    assert {pair: round(value, 2) for pair, value in found.items() if value < least} == {}


def test_the_formula_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
