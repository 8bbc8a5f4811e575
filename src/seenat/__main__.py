"""`python -m seenat`: the same as the `seenat` command."""

from seenat.cli.main import main

main()
