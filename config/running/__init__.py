"""Everything `manage.py up` does: keys, ports, processes, the example clinic, the example conversations, the summary.

In the order of a run: `environment` (keys), `launch` (servers), then in a second process with the full environment `run`,
which uses `ports`, `processes`, `example`, `conversations`, `figures`, `comparison` and `summary`. Other applications are
reached as commands, by HTTP or by name, never imported.
"""
