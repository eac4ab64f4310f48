"""Alerts AL01 to AL20 (screens section 12): rules that ask the database, alerts with one beginning and one end."""


def register_rules() -> None:
    """Called in `AppConfig.ready()`; other apps add theirs to bridge.alerts.base."""
    # Models exist only now, so none of these may be imported with the package.
    from bridge.alerts import machine, operation, privacy
    from bridge.alerts.base import register

    register(*operation.RULES, *privacy.RULES, *machine.RULES)
