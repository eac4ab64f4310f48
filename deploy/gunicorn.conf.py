"""gunicorn: `python -m gunicorn -c deploy/gunicorn.conf.py --bind 127.0.0.1:8000 config.wsgi`.

The number of processes also comes from WEB_CONCURRENCY, the address from --bind.
"""

import os
from pathlib import Path
from typing import Any

chdir = str(Path(__file__).resolve().parent.parent)
bind = "127.0.0.1:8000"

# Threads, because a webhook waits for PostgreSQL most of its time; two processes use two cores.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 8

# Chatwoot gives up after 5 s and never sends again; exports and reports in the admin may take longer.
timeout = 60
graceful_timeout = 20
keepalive = 5

# Each process opens its own connections: nothing may touch the database before the fork.
preload_app = False
# The heartbeat of a process on a slow disk must not look like a hanging process.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

# Search terms in addresses are personal data, and the proxy in front keeps access logs: errors only.
accesslog = None
errorlog = "-"
loglevel = "info"
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """With other keys than the database was sealed with a process does not start; without database it does."""
    # Not before: Django is loaded by the worker itself.
    from django.db import OperationalError, connections
    from django.urls import get_resolver

    from config.memory import keep_loaded
    from consent.encryption import refuse_wrong_key

    try:
        refuse_wrong_key()
    except OperationalError as error:
        worker.log.warning("the keys could not be compared with the database: %s", type(error).__name__)
    finally:
        connections.close_all()
    # Otherwise the first request loads every page.
    _ = get_resolver().url_patterns
    keep_loaded()
