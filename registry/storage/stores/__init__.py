"""Stores: places for objects that are whole or absent, on this machine or elsewhere, behind one small interface.

store      Store, what all of them promise; names of objects
folder     a folder of this machine, or one that machines share
objects    a bucket that speaks S3's protocol, by obstore
place      which store a URL means
reader     an object as a file that is read in ranges
cache      copies of objects on this machine, within a bound, never deleted while somebody uses them
stored_file   files that a catalog names with their digest, and copies of them
"""
