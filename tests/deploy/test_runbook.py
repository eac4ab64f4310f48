"""The runbook has a chapter for each alert and each screen, and names only commands and files that exist."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

PROJECT = Path(__file__).parents[2]
RUNBOOK = PROJECT / "docs" / "runbook"
PAGES = sorted([*RUNBOOK.glob("*.md"), PROJECT / "docs" / "scaling.md"])
SCREENS = {
    *(f"A{n}" for n in range(1, 10)), *(f"B{n}" for n in range(1, 12)), *(f"C{n}" for n in range(1, 12)),
    *(f"D{n}" for n in range(1, 6)), *(f"E{n}" for n in range(1, 8)), "F1", "F2", "G1", *(f"H{n}" for n in range(1, 5)),
}  # fmt: skip


def chapters(name: str) -> dict[str, str]:
    """Code of each chapter and what it says."""
    parts = re.split(r"^## (\w+) .*$", (RUNBOOK / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_a_chapter_that_says_when_and_what_to_do() -> None:
    found = chapters("alerts.md")
    assert list(found) == [f"AL{number:02}" for number in range(1, 21)]
    assert all("**When:**" in text and "**Do:**" in text for text in found.values())


def test_every_screen_has_a_chapter() -> None:
    found = chapters("screens.md")
    assert set(found) == SCREENS
    assert all(len(text.split()) > 8 for text in found.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = set(re.findall(r"manage\.py (\w+)", text))
    assert commands <= set(get_commands())
    for path in re.findall(r"\b(?:deploy|docs)/[\w./-]+\w", text):
        assert (PROJECT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert all((page.parent / link).exists() for link in links)
