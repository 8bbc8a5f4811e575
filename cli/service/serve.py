"""`seenat serve`: the catalog over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output
from seenat.cli.framework.params import Count, chosen_catalog
from seenat.cli.framework.terminal import is_terminal, say
from seenat.cli.service.configuration import PREFIX, config_option, origins

if TYPE_CHECKING:
    from seenat.service.settings import ServiceSettings

__all__ = ["serve"]


@click.command(context_settings={"auto_envvar_prefix": PREFIX})
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=Count("port"), default=8000, show_default=True, help="The port; 0 for a free one.")
@click.option("--workers", type=Count("number of workers", least=1), default=1, show_default=True, help="Processes.")
@click.option("--no-text", is_flag=True, help="Show neither texts nor ids of training data.")
@click.option(
    "--withheld",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Do not show the content of these sequences: ORDER START:STOP a line.",
)
@click.option("--known-as", multiple=True, metavar="NAME", help="A host name under which it may be asked; * for any.")
@click.option("--read-only", is_flag=True, help="Let nobody submit or cancel jobs, whatever token they bring.")
@click.option(
    "--workers-for-jobs",
    type=Count("number of workers for jobs"),
    metavar="N",
    default=0,
    help="Start N processes that measure what is submitted.",
)
@click.option("--rate", type=float, default=1000.0, show_default=True, help="Requests a second of a client; 0 for all.")
@click.option("--seconds", type=float, default=30.0, show_default=True, help="The longest time for an answer.")
@click.option("--demo", is_flag=True, help="Serve the pocket suite, made first where it is not there; open a browser.")
@click.option("--no-open", is_flag=True, help="With --demo, open no browser.")
@config_option
@click.option("--show-origin", is_flag=True, help="Show each setting and where it came from, and serve nothing.")
@click.pass_context
def serve(
    context: click.Context,
    /,
    demo: bool,
    no_open: bool,
    config: Path | None,
    show_origin: bool,
    **options: Any,
) -> None:
    """Serve the catalog over HTTP: /api/v1, described by /openapi.json.

    It is reached from this machine only, unless --host says otherwise. Every list is also there as .csv and .jsonl.
    Jobs are submitted and cancelled by those who have a token (`seenat token`), and measured by `seenat worker`.
    Ctrl-C or SIGTERM ends it within a second; its own workers first finish what they measure.
    Each option may also stand in a file, or in a variable: SEENAT_SERVE_PORT.

    \b
    Examples:
      seenat serve                       http://127.0.0.1:8000/api/v1/models
      seenat serve --port 0 --no-text    at a free port, without training data
      seenat serve --demo                a small suite, trained and measured
      seenat serve --config serve.toml --show-origin
      seenat serve --host 0.0.0.0 --known-as seenat.example.org
      seenat serve --workers-for-jobs 1  measures what is submitted
    """
    if show_origin:
        Output().table(("<setting", "<value", "<from"), origins(context))
        return
    from seenat.registry.optional import service_or_refuse

    service_or_refuse()
    from seenat.service.server import run

    settings = _settings(**options)
    if not settings.is_local:
        say(
            f"Everybody who reaches this machine at {settings.host} can read the catalog; 127.0.0.1 keeps it to this machine."
        )
    if demo:
        from seenat.cli.service.demo import open_when_ready, prepare_demo

        prepare_demo()
    run(settings, open_when_ready if demo and not no_open else _tell)


def _tell(address: str) -> None:
    if is_terminal(sys.stderr):
        say(f"Open {address} in a browser; Ctrl-C ends the service.")


def _settings(known_as: tuple[str, ...], rate: float, seconds: float, **options: Any) -> ServiceSettings:
    from seenat.service.settings import Limits, ServiceSettings

    limits = Limits(requests_per_second=rate, answer_seconds=seconds)
    return ServiceSettings(url=chosen_catalog(), hosts=known_as, limits=limits, **options)
