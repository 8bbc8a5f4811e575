"""Parquet files of others, read so that nothing in them takes memory without bound or raises what is not ours.

A file of some hundred bytes can hold a row of 200 million ids, and pyarrow decodes a row as a whole. pyarrow's own words on
the columns of a footer are no help: it ends the process where they are damaged, and believes pages that hold more than they
say. So every reader opens `BoundedFile`, which looks at a file's own bytes before pyarrow decodes any of them.

bounded       BoundedFile: the rows of chosen columns, and one error for all that pyarrow raises
guard         Guard: holds a row group against the most values that a row may have
row_lengths   RowLengths: where rows begin, by the levels of their pages
pages         the pages of a column: their headers, checked, and the levels in them
chunks        the row groups of a footer, and where the columns of each lie
compact       Thrift's compact protocol, read strictly
"""
