"""Addresses of one object in the partners' own screens.

Chatwoot: `/app/accounts/<account>/conversations/<number>` and `/contacts/<id>`, as its own links are made. Krayin:
`/admin/leads/view/<id>` and `/admin/contacts/persons/view/<id>` (krayin/laravel-crm, Webkul/Admin routes, default admin
path). The simulated partners of an example connection have one state page instead.
"""

from urllib.parse import urlsplit

from bridge.models import Connection

STATE_PAGE = "/__state__"
PATHS = {"lead": "/admin/leads/view/{}", "person": "/admin/contacts/persons/view/{}"}


def chatwoot_conversation(connection: Connection, number: int) -> str:
    return _chatwoot(connection, f"conversations/{number}")


def chatwoot_contact(connection: Connection, contact_id: int) -> str:
    return _chatwoot(connection, f"contacts/{contact_id}")


def krayin_lead(connection: Connection, lead_id: int) -> str:
    return _krayin(connection, "lead", lead_id)


def krayin_person(connection: Connection, person_id: int) -> str:
    return _krayin(connection, "person", person_id)


def host(address: str) -> str:
    """Host and port of an address, for lists; the whole text when it is none."""
    return urlsplit(address).netloc or address


def _chatwoot(connection: Connection, path: str) -> str:
    base = connection.chatwoot_url.rstrip("/")
    if connection.is_example:
        return base + STATE_PAGE
    return f"{base}/app/accounts/{connection.chatwoot_account_id}/{path}"


def _krayin(connection: Connection, kind: str, foreign_id: int) -> str:
    base = connection.krayin.base_url.rstrip("/")
    return base + (STATE_PAGE if connection.is_example else PATHS[kind].format(foreign_id))
