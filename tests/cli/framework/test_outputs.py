"""Whatever a command writes to, it writes by one rule: this walks over all commands and holds it for each."""

from __future__ import annotations

import csv
import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pyarrow.parquet as pq
import pytest
from support.cli import Call, environment, run_process

from seenat import __version__ as seenat_version
from seenat.cli.framework.outputs import OutputType
from seenat.cli.main import seenat
from seenat.memorization.plots.metadata import described

READ = {
    "attach folder", "find --file", "label path", "import evals folder", "import scores folder", "import scores --rows", "register path",
    "db restore folder", "serve --config", "serve --withheld", "trace file",
}  # fmt: skip
"""Files and folders that commands read. Whoever adds one that is written gives it `OutputType`."""


def commands(group: click.Group = seenat, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def parameters() -> Iterator[tuple[str, click.Command, click.Parameter]]:
    for name, command in commands():
        for parameter in command.params:
            word = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.name
            yield f"{name} {word}", command, parameter


WRITTEN = [(name, command, one) for name, command, one in parameters() if isinstance(one.type, OutputType)]


def test_every_path_is_read_or_written_by_the_rule() -> None:
    paths = {name for name, _, one in parameters() if isinstance(one.type, click.Path | click.File)}
    assert paths == READ
    assert len(WRITTEN) > 20
    by_name = {
        name for name, _, one in parameters() if {"--out", "--plot", "--html", "--table", "--script"} & {*one.opts}
    }
    assert by_name <= {name for name, _, _ in WRITTEN}


@pytest.mark.parametrize(("name", "command", "parameter"), WRITTEN, ids=[name for name, _, _ in WRITTEN])
def test_a_file_is_written_by_the_rule(
    name: str, command: click.Command, parameter: click.Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kind = parameter.type
    assert isinstance(kind, OutputType)
    assert "force" in {one.name for one in command.params}

    def refusal(value: str) -> str:
        with click.Context(command) as context, pytest.raises(click.BadParameter) as refused:
            kind.convert(value, parameter, context)
        return refused.value.message

    for ending in kind.endings or ("",):
        assert "missing does not exist" in refusal(f"missing/out{ending}")
        Path(f"out{ending}").write_text("mine")
        assert "exists already" in refusal(f"out{ending}")
        with click.Context(command) as context:
            assert kind.convert(f"new{ending}", parameter, context).path == Path(f"new{ending}")
    if kind.endings:
        said = refusal("out.wrong")
        assert all(ending in said for ending in kind.endings)
    else:
        assert "cannot be written to standard output" in refusal("-")
    assert sorted({path.read_text() for path in tmp_path.iterdir()}) == ["mine"], "nothing was made or touched"


def test_force_replaces_a_file_and_never_a_folder_of_others(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    (tmp_path / "folder").mkdir()
    line = "export-batches pocket-2m --batches 0:1 --force --out"
    assert call(*line.split(), "mine.csv").code == 0
    assert (tmp_path / "mine.csv").read_text().startswith('"sequence"')
    refused = call(*line.split(), "folder")
    assert (refused.code, "no folder that seenat wrote" in refused.err) == (2, True)
    for _ in range(2):
        assert call(*line.split(), "batches").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batches", "folder", "mine.csv", "mine.csv.json"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_rows_are_the_same_in_every_format(call: Call, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rows.{kind}"
    assert call("export-dataset", "pocket-order", "--batches", "0:1", "--out", path.name).code == 0
    if kind == "parquet":
        steps = pq.read_table(path).column("step").to_pylist()
        about = pq.read_schema(path).metadata[b"seenat"]
    else:
        text = path.read_text("utf-8")
        steps = [
            int(row["step"])
            for row in (csv.DictReader(text.splitlines()) if kind == "csv" else map(json.loads, text.splitlines()))
        ]
        about = path.with_name(f"{path.name}.json").read_bytes()
    assert steps == [1] * 8
    assert json.loads(about)["order"] == "pocket-order"


def test_standard_output(home: Path) -> None:
    """Bytes go there whole, talk goes elsewhere; a second file, or a document beside it, is refused before any work."""
    line = ["export-batches", "pocket-2m", "--batches", "0:1", "--out"]
    done = run_process(home, [*line, "-"])
    assert done.returncode == 0
    assert [json.loads(row)["batch"] for row in done.stdout.splitlines()] == [0] * 8
    assert "Written to standard output: 8 rows" in done.stderr
    for more in (["--json"], ["--force", "--json"]):
        refused = run_process(home, [*line, "-", *more])
        assert (refused.returncode, refused.stdout) == (2, "")
    assert run_process(home, [*line, "-.csv"]).stdout.startswith('"sequence"')
    assert "-.svg is not standard output" in run_process(home, [*line, "-.svg"]).stderr


def test_a_picture_says_what_it_was_drawn_from() -> None:
    source = {"command": "seenat onset <a> --plot é.svg"}
    assert described(b"<svg a='1'><g/></svg>", ".svg", source).startswith(b"<svg a='1'><metadata>{&quot;seenat&quot;")
    assert b'<head><meta name="description" content="{' in described(b"<html><head></head></html>", ".html", source)
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(13 + 4)
    picture = described(header + b"rest", ".png", source)
    length, kind = struct.unpack(">I4s", picture[len(header) :][:8])
    chunk = picture[len(header) + 4 :][: 4 + length]
    assert (kind, chunk[:16]) == (b"tEXt", b"tEXtDescription\0")
    assert json.loads(chunk[16:]) == {"seenat": seenat_version, **source}
    assert picture[len(header) + 8 + length :] == struct.pack(">I", zlib.crc32(chunk)) + b"rest"


def test_a_batch_goes_to_a_pipe(home: Path) -> None:
    command = [sys.executable, "-m", "seenat", "batch", "pocket-2m", "0", "--out", "-"]
    done = subprocess.run(command, check=True, env=environment(home), capture_output=True)
    assert np.load(io.BytesIO(done.stdout)).shape == (8, 65)
