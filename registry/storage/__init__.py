"""Files and objects, wherever they are kept, and the digests by which they are known.

local       writes files of this machine so that they are whole or absent, whatever happens meanwhile
regular     reads files that are nothing else: no folder, no pipe that a reader would wait for
names       checks of the names that users give to files
outputs     the rule for what users ask to be written: endings, folders, what exists, whole or absent
locks       one process at a time, by a lock on a folder
digests     SHA-256 of bytes and of files, in the form in which the catalog keeps it
file_state  what the file system says of a file, by which its content is known to be the same
moved       whether a file that was copied or moved still has the content that was recorded
stores/     stores of objects: a folder, or a bucket that speaks S3's protocol
panics      panics of libraries written in Rust, as ordinary errors
"""
