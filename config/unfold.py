"""The settings of django-unfold, the admin's theme; what depends on the request is in `config.theme`."""

from typing import Any

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
    "GLOBAL_CALLBACK": "config.theme.band",
    "DASHBOARD_CALLBACK": "bridge.admin.home.dashboard",
    "STYLES": ["config.theme.styles"],
    "SIDEBAR": {"show_search": False, "navigation": "config.theme.menu"},
}
