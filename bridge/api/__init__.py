"""The REST API at /api/v1/: masked reading and few writes, for other programs of a clinic, by key."""
