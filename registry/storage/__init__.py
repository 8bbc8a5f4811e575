"""Files, wherever they are kept, and the digests by which they are known.

local      writes files of this machine so that they are whole or absent, whatever happens meanwhile
regular    reads files that are none else: no folder, no pipe that a reader would wait for
digests    SHA-256 of bytes and of files, in the form in which the catalog keeps it
"""
