"""What the admin's theme asks for each page: menu, colours, band (screens sections 3 and 15)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Entry:
    """One line of the menu: the list of a model, shown to whoever may see it."""

    title: str | Promise
    icon: str  # of Material Symbols, which the theme ships
    model: str
    view: str = "changelist"


# An entry appears as soon as its screen exists.
MENU: tuple[tuple[str | Promise, tuple[Entry, ...]], ...] = (
    (
        _("Operation"),
        (
            Entry(_("Trace"), "travel_explore", "bridge.ObservedContact"),
            Entry(_("To solve"), "assignment_late", "bridge.FailedWebhook"),
            Entry(_("Received events"), "move_to_inbox", "bridge.WebhookEvent"),
            Entry(_("Daily check"), "fact_check", "bridge.ReconcileDay"),
            Entry(_("Links"), "link", "bridge.ContactMapping"),
            Entry(_("Possible duplicates"), "people", "bridge.Suggestion"),
            Entry(_("Stage changes"), "timeline", "bridge.StageChangeLog"),
            Entry(_("Import and reprocess"), "autorenew", "bridge.SyncJob"),
        ),
    ),
    (
        _("Privacy"),
        (
            Entry(_("DPO desk"), "inbox", "consent.DataRequest", "desk"),
            Entry(_("Requests"), "contact_mail", "consent.DataRequest"),
            Entry(_("Data subjects"), "person_search", "consent.DataSubject"),
            Entry(_("Consents"), "handshake", "consent.ConsentEvent"),
            Entry(_("Ask who is missing"), "campaign", "bridge.Saying"),
            Entry(_("Texts and notices"), "article", "consent.TextVersion"),
            Entry(_("Exports"), "folder_zip", "consent.ExportPackage"),
            Entry(_("Erasures"), "delete_forever", "consent.Erasure"),
            Entry(_("Retention"), "auto_delete", "consent.RetentionRun"),
            Entry(_("Blocks and legal holds"), "gavel", "consent.LegalHold"),
            Entry(_("Incidents"), "report", "consent.Incident"),
            Entry(_("Registers"), "menu_book", "consent.OperationVersion"),
        ),
    ),
    (
        _("Numbers"),
        (
            Entry(_("Now"), "schedule", "insights.DayCounts", "now"),
            Entry(_("Service"), "support_agent", "insights.DayCounts"),
            Entry(_("Opportunities"), "trending_up", "insights.Insight"),
            Entry(_("Funnel"), "filter_alt", "insights.Insight", "funnel"),
            Entry(_("Consent"), "handshake", "insights.Insight", "consent"),
            Entry(_("Does the calculation hold?"), "rule", "insights.Insight", "predicts"),
            Entry(_("Synchronisation"), "monitoring", "bridge.IntakeCounter"),
        ),
    ),
    (
        _("Settings"),
        (
            Entry(_("Connections"), "hub", "bridge.Connection"),
            Entry(_("Fields"), "compare_arrows", "bridge.FieldRow"),
            Entry(_("Stage rules"), "moving", "bridge.StageRule"),
            Entry(_("Team"), "groups", "bridge.OwnerRule"),
            Entry(_("Clinics"), "local_hospital", "consent.Clinic"),
            Entry(_("Data protection officers"), "badge", "consent.DpoDesignation"),
            Entry(_("Deadlines of requests"), "timer", "consent.DeadlineRegime"),
            Entry(_("People and permissions"), "group", "consent.User"),
            Entry(_("Permissions"), "key", "consent.Membership"),
            Entry(_("API keys"), "vpn_key", "bridge.ApiKey"),
            Entry(_("Language model"), "smart_toy", "insights.LanguageSettings"),
            Entry(_("Panel sign-ins"), "devices", "bridge.PanelToken"),
            Entry(_("Alerts"), "notifications", "bridge.AlertRule"),
        ),
    ),
    (
        _("Audit"),
        (
            Entry(_("Trail"), "history", "audit.AuditLog"),
            Entry(_("Who saw whom"), "visibility", "audit.AuditLog", "who"),
            Entry(_("Integrity"), "verified_user", "audit.Verification"),
            Entry(_("Exceptional access"), "emergency", "consent.ExceptionalAccess"),
        ),
    ),
    (
        _("System"),
        (
            Entry(_("Health"), "monitor_heart", "bridge.RunResult", "health"),
            Entry(_("Scheduled work"), "event_repeat", "bridge.RunResult"),
        ),
    ),
)


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu of this viewer, in the shape django-unfold draws."""
    home = {"title": _("Home"), "icon": "home", "link": reverse("admin:index")}
    groups = [{"title": title, "items": list(_items(entries, request))} for title, entries in MENU]
    return [{"items": [home]}, *groups]


def _items(entries: tuple[Entry, ...], request: HttpRequest) -> Iterator[dict[str, Any]]:
    shown = []
    for entry in entries:
        model = apps.get_model(entry.model)
        if not admin.site.is_registered(model) or not admin.site.get_model_admin(model).has_module_permission(request):
            continue
        shown.append((entry, reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{entry.view}")))
    # One page may lie below another one's address.
    here = max((address for _entry, address in shown if request.path.startswith(address)), key=len, default="")
    for entry, address in shown:
        yield {"title": entry.title, "icon": entry.icon, "link": address, "active": address == here}


@dataclass(frozen=True)
class Band:
    """A line above every page: what is not as usual, and where more about it stands."""

    text: str
    address: str
    link: str = ""  # empty: to what waits to be solved
    is_alarm: bool = False


_bands: list[Callable[[HttpRequest], Iterator[Band]]] = []


def register_band(look: Callable[[HttpRequest], Iterator[Band]]) -> None:
    """An app says what is not as usual; asked for every page, so it may cost one query."""
    _bands.append(look)


def bands(request: HttpRequest) -> dict[str, Any]:
    """What every page is told: whether it shows example data, and what is not as usual."""
    return {"example_data": settings.EXAMPLE_DATA, "bands": [one for look in _bands for one in look(request)]}


def title_prefix(request: HttpRequest) -> str | Promise:
    return _("Example ·") if settings.EXAMPLE_DATA else ""


def accent(request: HttpRequest) -> dict[str, str]:
    """Teal; example data in another accent, so that nobody takes one installation for the other."""
    return shades(hue=60, chroma=0.11) if settings.EXAMPLE_DATA else shades(hue=195, chroma=0.09)


def shades(*, hue: int, chroma: float) -> dict[str, str]:
    """The eleven shades of one accent; 600 on white and white on 600 keep a contrast of 4.5 : 1 or more."""
    steps = {
        "50": (98, 0.15), "100": (95, 0.3), "200": (90, 0.5), "300": (82, 0.8), "400": (72, 1), "500": (60, 1),
        "600": (50, 1), "700": (44, 0.95), "800": (37, 0.8), "900": (31, 0.6), "950": (24, 0.5),
    }  # fmt: skip
    return {name: f"oklch({light}% {chroma * part:.3f} {hue})" for name, (light, part) in steps.items()}


def icon(request: HttpRequest) -> str:
    return static("ponte/logo.svg")


def styles(request: HttpRequest) -> str:
    return static("ponte/ponte.css")
