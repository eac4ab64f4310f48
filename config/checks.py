"""System checks of the configuration: each problem names the variable, what is wrong and how to fix it."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from config import sentinel
from config.env import Problem


@register()
def environment_is_usable(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """ponte.E001: a variable is missing or malformed."""
    return [
        Error(f"{p.variable} {p.problem}.", hint=f"{p.fix}.", id="ponte.E001") for p in settings.ENVIRONMENT_PROBLEMS
    ]


@register(deploy=True)
def debug_is_off(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """ponte.W001: debug pages show settings and personal data."""
    if not settings.DEBUG:
        return []
    return [Warning("PONTE_DEBUG is on.", hint="Unset PONTE_DEBUG wherever real people's data are.", id="ponte.W001")]


@register(deploy=True)
def sentinels_know_the_master(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """ponte.E020: the Sentinels answer, and watch no master of that name: no worker would ever get a message."""
    problem = sentinel.problem(settings.REDIS_URL)
    return [Error(f"{problem}.", hint="Correct the name in REDIS_URL.", id="ponte.E020")] if problem else []


def refuse_unknown_master() -> None:
    """Stop a worker or beat that would wait for a master that nobody knows. Raises ImproperlyConfigured."""
    problem = "" if settings.BROKER_URL else sentinel.problem(settings.REDIS_URL)
    if problem:
        raise ImproperlyConfigured(f"Ponte cannot start:\n{problem}. Correct the name in REDIS_URL. (ponte.E020)")


def refuse_problems(problems: Sequence[Problem]) -> None:
    """Stop a process that Django starts without running the system checks (web, Celery).

    Raises ImproperlyConfigured naming every problem, one a line.
    """
    if problems:
        lines = [f"{p.variable} {p.problem}: {p.fix}. (ponte.E001)" for p in problems]
        raise ImproperlyConfigured("Ponte cannot start:\n" + "\n".join(lines))
