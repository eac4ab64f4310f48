"""gunicorn: `python -m gunicorn -c deploy/gunicorn.conf.py --bind 127.0.0.1:8000 config.wsgi`.

The number of processes also comes from WEB_CONCURRENCY, the address from --bind.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any

chdir = str(Path(__file__).resolve().parent.parent)
sys.path.insert(0, chdir)

from config.logs import dict_config  # noqa: E402 - the folder of the project is known only now

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
# As all other processes write, from the first line on (config.logs).
logconfig_dict = dict_config(human=os.environ.get("PONTE_DEBUG", "").lower() in ("1", "true", "yes", "on"))

# Taken from gunicorn's master, who would say that it is ready before any worker serves: see `tell_systemd`.
notify_address = os.environ.pop("NOTIFY_SOCKET", "")


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
    tell_systemd()


def tell_systemd() -> None:
    """The unit is ready now: a rolling restart goes on to the next process only after this one serves."""
    if notify_address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect(notify_address.replace("@", "\0", 1) if notify_address.startswith("@") else notify_address)
            notify.sendall(b"READY=1")
