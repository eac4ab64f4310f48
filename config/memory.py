"""Keep what a process loaded at its start out of garbage collection."""

import gc


def keep_loaded() -> None:
    """Call once, when everything is imported.

    A full collection visits every object while all threads wait: over a whole Django that takes a tenth of a second,
    several times a minute under load. What is loaded by now stays until the end anyway.
    """
    gc.collect()
    gc.freeze()
