"""Readers of the formats in which orders are stored.

open                  open_order: a description to a reader, refused unless everything that is said of the order agrees
flat                  FlatOrder: the reader of every format whose ids lie flat in files
npy                   what a .npy file says of an order
npy_header            what the header of a .npy file says, whatever bytes stand there
megatron_idx          MMIDIDX: the index of Megatron and GPT-NeoX, read, checked and written
gathered              GatheredOrder: the base of readers whose sequences are not contiguous in a file
parquet               ParquetOrder: a sequence a row
parquet_footer        what the footers of Parquet files say before a row is read
neox_index_map        IndexMapOrder: sequences joined from documents, as GPT-NeoX trains
index_map_arrays      the three arrays that say which ids of which documents make up each sequence
index_map_names       what the names of these arrays say of their run, and whether it packed documents
index_map_checks      whether these arrays are sound: a sample of them at opening, all of them once
"""
