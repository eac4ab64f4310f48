"""The project itself as an application: commands, catalogue, checks and database plans."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Ponte"

    def ready(self) -> None:
        # Here and not in the package, so that config.embedded runs without Django: the system checks and the Celery
        # application, to which every process must publish.
        from config import celery, checks  # noqa: F401
