"""What a Parquet file would take in memory, by its own bytes, before pyarrow decodes any of it.

A file of some hundred bytes can hold a row of 200 million ids, and pyarrow decodes a row as a whole. pyarrow's own words on
the columns of a footer are no help: it ends the process where they are damaged, and believes pages that hold more than they
say.

guard         Guard: holds a row group against the most ids that a row may have
row_lengths   RowLengths: where rows begin, by the levels of their pages
pages         the pages of a column: their headers, checked, and the levels in them
chunks        the row groups of a footer, and where the columns of each lie
compact       Thrift's compact protocol, read strictly
"""
