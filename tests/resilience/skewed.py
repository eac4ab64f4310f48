"""`python -m tests.resilience.skewed <hours> lanes …`: a management command on a host whose clock is wrong by so much."""

import datetime
import os
import sys

import time_machine
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    shown = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=float(sys.argv[1]))
    with time_machine.travel(shown, tick=True):
        execute_from_command_line(["manage.py", *sys.argv[2:]])
