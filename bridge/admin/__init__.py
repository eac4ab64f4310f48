"""Pages of the admin: the operation's screens and the connections."""

from bridge.admin import (
    api_keys,
    check,
    connections,
    duplicates,
    events,
    hidden,
    home,
    jobs,
    links,
    panel_sign_ins,
    rules,
    stages,
    sync_numbers,
    to_solve,
    trace,
)

# Further screens join here, one line each: "from bridge.admin import <module>", and the name in __all__.
__all__ = [
    "api_keys",
    "check",
    "connections",
    "duplicates",
    "events",
    "hidden",
    "home",
    "jobs",
    "links",
    "panel_sign_ins",
    "rules",
    "stages",
    "sync_numbers",
    "to_solve",
    "trace",
]
