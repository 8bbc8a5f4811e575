"""`seenat token`: who may write to the catalog over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, json_option, moment
from seenat.cli.framework.params import Count, open_catalog

if TYPE_CHECKING:
    from seenat import AccessToken

__all__ = ["token"]


@click.group()
def token() -> None:
    """Make, list and revoke the tokens with which `seenat serve` lets the catalog be written.

    Whoever reads a served catalog needs none.

    \b
    Example:
      seenat token create --scope jobs:write
    """


@token.command(short_help="Make a token; its text is shown once.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["jobs:write", "jobs:cancel"]),
    help="What may be done with it; several may be given.",
)
@click.option("--name", metavar="TEXT", help="Whose it is, or what for.")
@click.option("--expires", metavar="12h|30d|8w|never", default="90d", show_default=True, help="How long it holds.")
@json_option
def create(scopes: tuple[str, ...], name: str | None, expires: str, as_json: bool) -> None:
    """Make a token and print it. It is shown once: the catalog keeps only what it hashes to.

    jobs:write is for submitting and cancelling jobs, jobs:cancel for cancelling them.

    \b
    Examples:
      seenat token create --scope jobs:write --expires 30d
      seenat token create --scope jobs:cancel --name night-shift
    """
    with open_catalog() as catalog:
        created = catalog.access.create_token(*scopes, name=name, expires=expires)
    out = Output(as_json)
    if out.data(created):
        return
    out.line(str(created.text))
    out.talk(f"This is token {created.token.id}, {_holds(created.token)}. Keep its text: nobody can read it again.")


@token.command("list", short_help="List the tokens, the newest first.")
@json_option
def list_(as_json: bool) -> None:
    """List the tokens, without their texts, the newest first.

    \b
    Example:
      seenat token list --json
    """
    with open_catalog() as catalog:
        tokens = catalog.access.tokens()
    out = Output(as_json)
    if not tokens:
        out.talk("There are no tokens yet; `seenat token create --scope jobs:write` makes one.")
    if out.data(tokens) or not tokens:
        return
    rows = [
        (one.id, one.name, ", ".join(one.scopes), one.state, moment(one.created_at), moment(one.expires_at) or "never")
        for one in tokens
    ]
    columns = (">token", "<name", "<scopes", "<state", "<created (UTC)", "<expires (UTC)")
    out.table(columns, rows, spare=("created (UTC)",))


@token.command(short_help="Let a token hold no more.")
@click.argument("id_", metavar="ID", type=Count("token"))
@json_option
def revoke(id_: int, as_json: bool) -> None:
    """Let a token hold no more; what was done with it stays.

    \b
    Example:
      seenat token revoke 1
    """
    with open_catalog() as catalog:
        revoked = catalog.access.revoke_token(id_)
    out = Output(as_json)
    if not out.data(revoked):
        out.line(f"Token {id_} was revoked at {moment(revoked.revoked_at)} UTC.")


@token.command(short_help="Show what was done with tokens, and what was refused.")
@click.option("--limit", type=Count("number of lines"), metavar="N", default=100, show_default=True, help="Lines.")
@json_option
def log(limit: int, as_json: bool) -> None:
    """Show what was done with tokens, and what was refused, the newest first.

    \b
    Example:
      seenat token log --limit 20
    """
    with open_catalog() as catalog:
        entries = catalog.access.log(limit=limit)
    out = Output(as_json)
    if out.data(entries):
        return
    columns = ("<at (UTC)", "<event", ">token", "<client", "<what")
    out.table(columns, ((moment(one.at), one.event, one.token, one.client, one.detail) for one in entries))


def _holds(shown: AccessToken) -> str:
    until = f"until {moment(shown.expires_at)} UTC" if shown.expires_at else "until it is revoked"
    return f"for {' and '.join(shown.scopes)}, {until}"
