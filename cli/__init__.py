"""The `seenat` command: every sub-command reads its arguments, makes one library call and prints one answer."""
