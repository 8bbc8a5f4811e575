"""Settings of a command from flags, the environment and a file, the first of these that has one; and where each came from.

A file is TOML, its keys the names of the options without their dashes: `port = 8000`, `known-as = ["seenat.example.org"]`. Every
option can also be set by a variable, `SEENAT_SERVE_PORT`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from seenat.registry.errors import InvalidValue

__all__ = ["PREFIX", "config_option", "origins"]

PREFIX = "SEENAT_SERVE"
"""How variables of options begin."""

_LARGEST = 1 << 20
_NOT_SETTINGS = {"config", "show_origin", "help"}


def config_option(command: Any) -> Any:
    """Add `--config FILE`, which is read before the other options."""
    return click.option(
        "--config",
        is_eager=True,
        callback=_read,
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Read settings from this TOML file: the options' names without dashes.",
    )(command)


def _read(context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None:
        context.default_map = _named(path, _settings(path), _options(context.command))
    return path


def _settings(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise InvalidValue(f"{path} has more than {_LARGEST:,} bytes; settings are a few lines.")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}; name another file of settings.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path} is no TOML: {error}.") from None


def _named(path: Path, given: dict[str, Any], options: dict[str, click.Option]) -> dict[str, Any]:
    """Values by the parameters of their options."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in options:
            from difflib import get_close_matches

            near = get_close_matches(key, options, n=1) or sorted(options)
            raise InvalidValue(f"{path} sets {key!r}, which is no setting; there is {', '.join(near)}.")
        option = options[key]
        if (
            isinstance(value, dict)
            or isinstance(value, list) != option.multiple
            or isinstance(value, bool) != option.is_flag
        ):
            wanted = "a list" if option.multiple else "true or false" if option.is_flag else "a number or a text"
            raise InvalidValue(f"{path} sets {key} to {value!r}; write {wanted}.")
        found[str(option.name)] = value
    return found


def _options(command: click.Command) -> dict[str, click.Option]:
    """The settings of a command, as a file names them."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    return {option.opts[-1].lstrip("-"): option for option in options if option.name not in _NOT_SETTINGS}


def origins(context: click.Context) -> Iterator[tuple[str, str, str]]:
    """Each setting, its value, and where that came from."""
    file = context.params.get("config")
    for name, option in _options(context.command).items():
        told = {
            click.core.ParameterSource.COMMANDLINE: f"the flag {option.opts[-1]}",
            click.core.ParameterSource.ENVIRONMENT: f"the variable {PREFIX}_{str(option.name).upper()}",
            click.core.ParameterSource.DEFAULT_MAP: f"the file {file}",
        }
        source = context.get_parameter_source(str(option.name))
        yield (
            name,
            _written(context.params[str(option.name)]),
            told.get(source, "the default") if source else "the default",
        )


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
