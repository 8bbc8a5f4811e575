"""The n-gram index: every place of an order where some consecutive ids stand, without reading the order.

A position is *sampled* when its id is the rarest of some W consecutive ids of its sequence (the *index window*). Every
occurrence of a query of at least W ids then holds a sampled position that the query itself shows: its *anchor*. The index
keeps, of each sampled position, four bytes; what it finds is compared with the order's own ids, so answers are exact.
W = 1 samples every position (a *dense* index), W = 8 about two in nine.

    codes        ids as 16-bit codes, and how rare each code is
    sampling     which positions are sampled; which ones a query shows
    keys         what samples are sorted by, and what a query looks for
    files/       the files of an index
    index        an index that is open: from keys to candidate positions
    search       from ids to their places in an order, by the index or by reading
    index_table  the tables `indexes` and `index_shards`, and the folder beside the catalog
    stored       its files as objects of a store, and copies of them
    inventory    the files that count
    attach       an index that another catalog has built, by the digests of its files
    open         all indexes of an order, open
    build/       making and checking the files
"""
