"""Training orders on disk: which ids each sequence holds, and where its bytes lie.

An order is N sequences of T ids of one type, in most formats laid out one after the other and cut into files at any byte:

    description   OrderFiles: what a manifest says of an order (no file is touched)
    opening       open_order: OrderFiles -> TokenSource, refused unless all statements and file lengths agree
    source        TokenSource: the reading interface
    geometry      Geometry: N, T, type of the ids, and the byte arithmetic that follows from them
    pieces        Extent, ExtentMap: where the bytes of an order lie in its files
    statements    who says what about a geometry, and whether they agree
    flat          FlatOrder: the one reader behind every format whose ids lie flat in files
    mmididx, npy  the two of these formats with headers of their own
    parquet       ParquetOrder: a sequence a row; `footers` has what files say before rows are read
    neox          IndexMapOrder: sequences joined from documents; `index_maps` says how, `map_checks` whether it is sound
    requests      what a reader may be asked for
    vocabulary    refuses ids that the vocabulary cannot hold
    scan          one pass over a whole order: digest, separators and largest id of each batch
"""
