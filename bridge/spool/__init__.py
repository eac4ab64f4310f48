"""The spool: verified deliveries wait on this host's disk while PostgreSQL is away (DESIGN section 3).

A web process appends to a file of its own and answers once the bytes are on the disk; `manage.py spool` on the same
host brings them into PostgreSQL. Callers name the module they need: `writer.append`, `drainer.drain_now`,
`status.status`, `status.spool_is_empty`, `erasure.forget`.
"""
