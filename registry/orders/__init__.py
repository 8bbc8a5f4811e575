"""Training orders: which ids each sequence holds, and where its bytes lie.

An order is N sequences of T ids of one type, in most formats laid out one after the other and cut into files at any byte:

    source               TokenSource: the interface by which ids are read
    geometry             Geometry: N, T, type of the ids, and the byte arithmetic that follows from them
    extents              Extent, ExtentMap: where the bytes of an order lie in its files
    order_files          OrderFiles: what a manifest says of an order (no file is touched)
    file_signature       length and kind of a file, before its content is trusted
    agreement            whether the description, the headers and the lengths of the files agree on one geometry
    bounds               refuses sequences and positions that an order does not have
    vocabulary           refuses ids that the vocabulary cannot hold
    windows              ids from a position of its own in each of many sequences
    scan                 one pass over a whole order: digest, separators and largest id of each batch
    duplicate_sequences  which sequences of an order hold the same ids
    text/                ids and text, by the tokenizer that an order names
    formats/             readers of the formats in which orders are stored; open_order chooses one
    remote/              a reader of orders on the hub, by byte ranges
"""
