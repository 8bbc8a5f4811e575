"""`seenat completion`: lets a shell complete commands, options, and the names of models, orders and steps."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click

from seenat.cli.framework.output import Output, json_option
from seenat.registry import settings
from seenat.registry.errors import InvalidValue

__all__ = ["completion"]

_SHELLS = ("bash", "fish", "zsh")
_VARIABLE = "_SEENAT_COMPLETE"
_shell = click.argument("shell", type=click.Choice(_SHELLS), required=False)


class _Place(NamedTuple):
    """Where a shell's script lies, and the file that reads it when a shell begins; None where the shell finds it itself."""

    script: Path
    start: Path | None
    line: str


@click.group()
def completion() -> None:
    """Let bash, fish or zsh complete commands, options, and the names of models, orders and steps.

    \b
    Example:
      seenat completion show bash
    """


@completion.command(short_help="Install it for the shell that is used here.")
@_shell
@json_option
def install(shell: str | None, as_json: bool) -> None:
    """Write the script of completions where the shell finds it; without a SHELL, for the login shell.

    bash and zsh are told of it by a line at the end of ~/.bashrc or .zshrc, which is added once. It holds for new shells.

    \b
    Examples:
      seenat completion install
      seenat completion install zsh
    """
    from seenat.registry.storage.local import write_atomic

    chosen = shell or _login_shell()
    place = _place(chosen)
    write_atomic(place.script, _script(chosen).encode())
    added = place.start is not None and _add_line(place.start, place.line)
    out = Output(as_json)
    if out.data({"shell": chosen, "script": place.script, "start_file": place.start, "line_added": added}):
        return
    out.line(f"Written to {place.script}.")
    if place.start is not None:
        out.line(f"{place.start} {'now reads' if added else 'reads'} it.")
    out.talk(f"Start a new {chosen}, and press the tabulator after `seenat step pythia-`.")


@completion.command(short_help="Print the script of a shell.")
@click.argument("shell", type=click.Choice(_SHELLS))
def show(shell: str) -> None:
    """Print the script by which a shell completes, for those who place it themselves.

    \b
    Examples:
      seenat completion show fish
    """
    Output().line(_script(shell))


def _script(shell: str) -> str:
    """The shell's script; each press of a key runs `seenat`, which answers with the possible words."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    answering = kind(click.Group("seenat"), {}, "seenat", _VARIABLE)
    return kind.source_template % answering.source_vars()


def _login_shell() -> str:
    name = Path(settings.login_shell() or "").name
    if name not in _SHELLS:
        raise InvalidValue(f"The login shell {name or '(none)'} is not one of {', '.join(_SHELLS)}; name one of them.")
    return name


def _place(shell: str) -> _Place:
    home = settings.user_home()
    if shell == "fish":
        return _Place(settings.config_home() / "fish" / "completions" / "seenat.fish", None, "")
    script = settings.data_home() / "seenat-completion" / f"seenat.{shell}"
    read = f"[ -f '{script}' ] && . '{script}'"
    if shell == "bash":
        return _Place(script, home / ".bashrc", read)
    begin = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }"
    return _Place(script, settings.zsh_home() / ".zshrc", f"{begin}; {read}")


def _add_line(file: Path, line: str) -> bool:
    """Add a line to the end of a file, unless it is there."""
    text = file.read_text("utf-8") if file.exists() else ""
    if line in text.splitlines():
        return False
    begin = "" if not text or text.endswith("\n") else "\n"
    with file.open("a", encoding="utf-8") as opened:
        opened.write(f"{begin}{line}\n")
    return True
