"""Somebody who reads pages of the admin, and sees which server they came from."""

import time
import uuid
from dataclasses import dataclass
from typing import Self

from django.db import connections
from django.test import Client
from django.urls import reverse
from django_otp import DEVICE_ID_SESSION_KEY

from config.db.replica import compare, replica
from config.db.router import COOKIE
from consent.access import sessions
from consent.models import User


@dataclass
class Reader:
    http: Client

    @classmethod
    def signed_in(cls) -> Self:
        """A superuser with a second factor."""
        user = User.objects.create_superuser(f"{uuid.uuid4().hex[:8]}@clinica.exemplo", "uma senha bem longa 1")
        http = Client(headers={"host": "127.0.0.1"})
        http.force_login(user)
        session, now = http.session, int(time.time())
        session.update({sessions.BEGAN: now, sessions.SEEN: now, sessions.CHECKED: now, DEVICE_ID_SESSION_KEY: "tests"})
        session.save()
        return cls(http)

    def servers(self, table: str, path: str = "") -> list[str]:
        """Who was asked for rows of the table while this page (the list of events) was made."""
        replica.forget()
        asked = {"replica": connections["replica"], "primary": connections["default"]}
        for connection in asked.values():
            connection.force_debug_cursor = True
            connection.queries_log.clear()
        answer = self.http.get(path or reverse("admin:bridge_webhookevent_changelist"))
        if answer.status_code != 200:
            raise ValueError(f"{path}: {answer.status_code}")
        return [name for name, connection in asked.items() if any(table in q["sql"] for q in connection.queries_log)]

    def writes(self) -> None:
        """Whatever the page makes of it: the browser sent something."""
        self.http.post(reverse("admin:bridge_webhookevent_changelist"), {"action": "", "index": "0"})

    def becomes_another(self) -> None:
        """A browser that has written nothing."""
        self.http.cookies.pop(COOKIE)

    def finds_the_replica(self) -> bool:
        return compare().is_usable

    def waits_until_level(self, timeout_s: float = 60) -> None:
        end = time.monotonic() + timeout_s
        while not (look := compare()).is_usable or look.delay_s > 0:
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.05)
