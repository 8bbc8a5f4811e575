"""Names, steps and numbers as people type them, in commands, Python and the service; and what a shell completes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import Call, environment, run_process

import seenat
from seenat.registry import errors
from seenat.remote.parameters import PARAMETERS

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
HUB = "https://huggingface.co/EleutherAI/pythia-70m"

SAME = [
    ("step pythia-70m 3000", [f"step {HUB}/tree/step3000", "step Pythia-70M 3,000", f"step {HUB}/ Step3000"]),
    ("step pythia-70m 143000", ["step pythia-70m last", "step pythia-70m main", "step hf://EleutherAI/pythia-70m@main"]),
    ("learning-rate pythia-70m 3000", [f"learning-rate {HUB}/blob/step3000/config.json", "learning-rate pythia-70m 3k"]),
    ("order pile", ["order Pile"]),
    ("batch pile 1000", ["batch PILE 1_000"]),
    ("models --size 70m --family pythia", ["models --size 70M --family Pythia"]),
    ("checkpoints pythia-70m --tokens 10000000000:20000000000", ["checkpoints PYTHIA-70m --tokens 10B:20B"]),
    ("which first pocket-230k --by 128", ["which first pocket-230k --by step128", "which first Pocket-230K --by 128"]),
    ("which kept pocket-230k --since 64 --until 384", ["which kept pocket-230k --since step64 --until last"]),
    ("passages pocket-230k 16:20 --step 256", ["passages pocket-230k 16:20 --step step256"]),
    ("why pocket-230k 256 20", ["why pocket-230k step256 20"]),
    ("study batches pocket-230k --step 384", ["study batches pocket-230k --step last"]),
    ("memorize pocket-230k --steps 64,128 --submit", ["memorize pocket-230k --steps step64:129 --submit"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "others"), SAME, ids=[line for line, _ in SAME])
def test_the_same_in_other_words(call: Call, line: str, others: list[str]) -> None:
    wanted = call(*line.split(), "--json")
    assert wanted.code == 0, wanted.err
    for other in others:
        typed = call(*other.split(), "--json")
        assert (typed.code, typed.out) == (0, wanted.out), (other, typed.err)


def test_python_and_the_service_take_the_same_words(home: Path) -> None:
    with seenat.open(str(home / "catalog.sqlite")) as catalog:
        assert catalog.step(f"{HUB}/tree/step3000") == catalog.step("PYTHIA-70M", "3,000")
        assert catalog.which.first("pocket-230k", "step128") == catalog.which.first("pocket-230k", 128)
        with pytest.raises(seenat.InvalidValue, match="Name a step of pythia-70m"):
            catalog.step("pythia-70m")
        with pytest.raises(seenat.UnknownModel, match="did you mean pythia-70m-deduped"):
            catalog.model("pythia-70m-dedupd")
    for name in ("step", "by", "since", "until", "measured_step"):
        read = PARAMETERS[name].read
        assert [read(text) for text in ("64", "step64", "last")] == [64, "step64", "last"]
        with pytest.raises(seenat.InvalidValue, match="is not a step"):
            read("soon")


def test_a_batch_behind_the_end_of_a_run_was_not_trained_on(call: Call, home: Path) -> None:
    """Of an order that is longer than the run."""
    assert "was not trained on a batch 448: its run took batches 0 to 383" in call("batch", "pocket-2m", "448").err
    assert "which was not trained on it" in call("batch", "pocket-2m", "447").out
    assert "which was not trained on it" in call("sequence", "pocket-2m", "3583").out
    assert "not trained" not in call("batch", "pocket-2m", "383").out


def examples() -> list[tuple[int, str]]:
    rows = re.findall(r"^\| (\d) \|.*\| `([^`]+)` \|$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return [(int(code), line) for code, line in rows]


@pytest.mark.parametrize(("code", "line"), examples(), ids=[line for _, line in examples()])
def test_exit_codes_are_what_the_page_says(home: Path, tmp_path: Path, code: int, line: str) -> None:
    words = shlex.split(line)
    begin = words.index("seenat")
    settings = dict(word.split("=", 1) for word in words[:begin])
    done = run_process(home, words[begin + 1 :], folder=tmp_path, more=settings or None)
    assert done.returncode == code, done.stderr


def test_the_page_has_every_exit_code() -> None:
    kinds = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, seenat.SeenatError)
    }
    assert [code for code, _ in examples()] == sorted(kinds | {0})


# -- completion


def completed(home: Path, line: str, *, catalog: str | None = None) -> list[str]:
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    more = {"_SEENAT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    if catalog:
        more["SEENAT_DATABASE_URL"] = catalog
    done = run_process(home, [], more=more)
    assert done.stderr == ""
    return [row.partition(",")[2] for row in done.stdout.splitlines() if row]


def test_names_are_completed(home: Path) -> None:
    assert "pythia-70m-deduped" in completed(home, "seenat step PYTHIA-70M-d")
    assert completed(home, "seenat step pocket-2m step25") == ["step256"]
    assert completed(home, "seenat which first pocket-230k --by 12") == ["128"]
    assert completed(home, "seenat find x --order pocket") == ["pocket-order"]
    assert completed(home, "seenat order pocket-2m ") == []
    assert "export-index" in completed(home, "seenat export")
    assert completed(home, "seenat step pocket", catalog="postgresql://nobody@127.0.0.1:9/x") == []


def test_completion_takes_a_moment_and_loads_no_database(home: Path) -> None:
    """0.07 s of processor time where it was measured; what must not be loaded would take 0.3 s more."""
    script = (
        "import sys, time; sys.argv = ['seenat']\n"
        "from seenat.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*({'sqlalchemy', 'numpy', 'click'} & set(sys.modules)), time.process_time(), file=sys.stderr)\n"
    )
    more = {"_SEENAT_COMPLETE": "bash_complete", "COMP_WORDS": "seenat step pythia-7", "COMP_CWORD": "2"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, env=environment(home, **more), capture_output=True, text=True)
    loaded, seconds = done.stderr.split()
    assert loaded == "click"
    assert float(seconds) < 1


def test_completion_is_installed_by_one_command(home: Path, tmp_path: Path) -> None:
    more = {"HOME": str(tmp_path), "SHELL": "/bin/bash", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "ZDOTDIR": ""}
    (tmp_path / ".bashrc").write_text("# mine")
    for shell in ([], [], ["zsh"], ["fish"]):
        done = run_process(home, ["completion", "install", *shell], more=more)
        assert done.returncode == 0, done.stderr
    lines = (tmp_path / ".bashrc").read_text().splitlines()
    assert (lines[0], len(lines)) == ("# mine", 2)
    asked = f"PATH={Path(sys.executable).parent}:$PATH; . ~/.bashrc; complete -p seenat"
    spoken = subprocess.run(
        ["bash", "-c", asked], check=True, env=environment(home, **more), capture_output=True, text=True
    )
    assert "_seenat_completion" in spoken.stdout
    assert "compdef _seenat_completion seenat" in (tmp_path / ".local/share/seenat-completion/seenat.zsh").read_text()
    assert "complete --no-files" in (tmp_path / ".config/fish/completions/seenat.fish").read_text()
    assert run_process(home, ["completion", "install"], more={**more, "SHELL": "/bin/csh"}).returncode == 2
