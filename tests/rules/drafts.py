"""Rules as the screen makes them."""

from bridge.rules import edit


def draft(when: str, value: str = "", *, stage: int, pipeline: int = 1, **more: object) -> edit.Draft:
    """A rule as the screen makes it."""
    values = {"value_name": "", "stage_name": f"{stage}", "is_enabled": True}
    return edit.Draft(when=when, value=value, pipeline_id=pipeline, stage_id=stage, **values | more)  # type: ignore[arg-type]
