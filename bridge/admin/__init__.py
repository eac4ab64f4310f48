"""Pages of the admin: the operation's screens and the connections."""

from bridge.admin import connections, events, hidden, home, links, stages, to_solve, trace

# Further screens join here, one line each: "from bridge.admin import <module>", and the name in __all__.
__all__ = [
    "connections",
    "events",
    "hidden",
    "home",
    "links",
    "stages",
    "to_solve",
    "trace",
]
