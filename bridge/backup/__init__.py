"""Backups: a dump of the database, sealed and measured on its way to a folder or an S3 store; back, and tested.

In the order of a life: `making` (dump, seal, store, manifest last), `keeping` (which there are, which go), `restoring`
(verify, load beside, check, replay erasures, take the place), `trying` (the same into a database that is dropped).
Nothing here is personal in a name, a manifest or a message: table names, counts, sums, hashes.
"""
