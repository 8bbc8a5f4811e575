"""Who may write over HTTP: tokens, and the log of what was done with them; and who brought what in from outside.

A token is a text that is shown once, when it is made. The catalog keeps what it hashes to, so that nobody who reads the
catalog can write by it.

    tokens       making, checking, listing and revoking tokens
    secrets      the text of a token: how it is made, read and hashed
    lifetimes    how long a token holds, as people write it
    token_table  the table `access_tokens`
    import_log   the table `import_log`: who brought what into the catalog
    log          the table `access_log`: what was done by which token, and what was refused
"""
