"""The settings of django-unfold, the admin's theme; what depends on the request is in `config.theme`."""

from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Ponte",
    "SITE_HEADER": "Ponte",
    "SITE_SUBHEADER": "Chatwoot ↔ Krayin",
    "SITE_URL": None,
    "SITE_ICON": "config.theme.icon",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.theme.icon"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {"primary": "config.theme.accent"},
    "ENVIRONMENT_TITLE_PREFIX": "config.theme.title_prefix",
    "GLOBAL_CALLBACK": "config.theme.bands",
    "DASHBOARD_CALLBACK": "bridge.admin.home.dashboard",
    "STYLES": ["config.theme.styles"],
    "ACCOUNT": {"navigation": [{"title": _("My account"), "link": reverse_lazy("account")}]},
    "SIDEBAR": {"show_search": False, "navigation": "config.theme.menu"},
}
