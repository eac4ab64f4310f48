"""The account every fresh sandbox starts with: the invented clinic of the contract's examples, and a stranger's."""

from __future__ import annotations

from . import rows
from .rows import API, EMAIL, WEB_WIDGET, WHATSAPP
from .store import Store

ACCOUNT_ID = 3
OTHER_ACCOUNT_ID = 4

# The clinic's inbox, as in the examples; FINANCE_INBOX_ID is of the same account but no business of a bridge.
WHATSAPP_INBOX_ID = 7
WEB_INBOX_ID = 9
API_INBOX_ID = 12
EMAIL_INBOX_ID = 13
FINANCE_INBOX_ID = 15
OTHER_INBOX_ID = 31

ADMIN_ID = 20
AGENT_ID = 21
SECOND_AGENT_ID = 22
OTHER_ADMIN_ID = 41

ADMIN_TOKEN = "sandboxAdminToken0000020"  # noqa: S105  invented, opens only the sandbox
AGENT_TOKEN = "sandboxAgentToken0000021"  # noqa: S105
OTHER_ADMIN_TOKEN = "sandboxOtherToken0000041"  # noqa: S105

PUBLIC_URL = "https://chat.clinicavidaplena.example"
GREETING = "Olá! Recebemos sua mensagem e já vamos responder. Atendemos de segunda a sexta, das 8h às 18h."
CSAT_TEXT = "Por favor, avalie o atendimento"

_AVATAR = f"{PUBLIC_URL}/rails/active_storage/representations/redirect/eyJhdmF0YXIi--exemplo"


def build(store: Store) -> None:
    """Fills an empty store."""
    now = store.now()
    store.add(rows.Account(ACCOUNT_ID, "Clínica Vida Plena", created_at=now, updated_at=now))
    store.add(rows.Account(OTHER_ACCOUNT_ID, "Clínica Bem Estar", created_at=now, updated_at=now))
    _add_users(store)
    store.add(rows.Team(2, ACCOUNT_ID, "recepção", "Primeiro atendimento"))
    store.add(rows.Team(3, ACCOUNT_ID, "financeiro", "Cobrança e convênios"))
    for inbox in (_whatsapp(), _web(), _api(), _email(), _finance(), _stranger()):
        inbox.created_at = inbox.updated_at = now
        store.add(inbox)
    for number, title in enumerate(("agendamento", "convenio", "retorno"), start=1):
        store.add(rows.Label(number, ACCOUNT_ID, title, f"Conversas de {title}"))


def _add_users(store: Store) -> None:
    people = (
        (ADMIN_ID, "Integração Ponte", "Integração", "ponte", ADMIN_TOKEN, ACCOUNT_ID, "administrator"),
        (AGENT_ID, "Rafael Nogueira", "Rafael (Recepção)", "rafael.nogueira", AGENT_TOKEN, ACCOUNT_ID, "agent"),
        (
            SECOND_AGENT_ID,
            "Camila Freitas",
            "Camila",
            "camila.freitas",
            "sandboxAgentToken0000022",
            ACCOUNT_ID,
            "agent",
        ),
        (OTHER_ADMIN_ID, "Paulo Medeiros", "Paulo", "paulo", OTHER_ADMIN_TOKEN, OTHER_ACCOUNT_ID, "administrator"),
    )
    for user_id, name, available_name, mailbox, token, account_id, role in people:
        domain = "clinicavidaplena.example" if account_id == ACCOUNT_ID else "clinicabemestar.example"
        avatar = f"{_AVATAR}/{mailbox.split('.')[0]}.png" if role == "agent" else ""
        store.add(rows.User(user_id, name, available_name, f"{mailbox}@{domain}", token, [[account_id, role]], avatar))


def _whatsapp() -> rows.Inbox:
    return rows.Inbox(
        WHATSAPP_INBOX_ID,
        ACCOUNT_ID,
        "WhatsApp Recepção",
        WHATSAPP,
        channel_id=2,
        channel=_whatsapp_channel("+551130000007"),
        member_ids=[AGENT_ID, SECOND_AGENT_ID],
        greeting_enabled=True,
        greeting_message=GREETING,
        enable_auto_assignment=True,
        csat_survey_enabled=True,
    )


def _web() -> rows.Inbox:
    channel = {
        "website_url": "https://clinicavidaplena.example",
        "website_token": "exemploWebsiteToken00000",
        "widget_color": "#1f93ff",
        "welcome_title": "Olá!",
        "welcome_tagline": "Como podemos ajudar?",
        "hmac_token": "exemploHmacToken00000009",
        "hmac_mandatory": False,
    }
    return rows.Inbox(
        WEB_INBOX_ID, ACCOUNT_ID, "Site", WEB_WIDGET, channel_id=3, channel=channel, member_ids=[AGENT_ID]
    )


def _api() -> rows.Inbox:
    channel = {
        "webhook_url": "https://bridge.exemplo.com.br/api-inbox/EXEMPLO",
        "identifier": "exemploIdentifier0000000",
        "hmac_token": "exemploHmacToken00000000",
        "hmac_mandatory": False,
        "additional_attributes": {},
        "secret": "exemploSegredo0000000000",
    }
    return rows.Inbox(
        API_INBOX_ID,
        ACCOUNT_ID,
        "Formulários",
        API,
        channel_id=4,
        channel=channel,
        member_ids=[AGENT_ID],
        enable_auto_assignment=True,
    )


def _email() -> rows.Inbox:
    channel = {"email": "contato@clinicavidaplena.example", "forward_to_email": "exemplo@encaminhar.example"}
    return rows.Inbox(
        EMAIL_INBOX_ID, ACCOUNT_ID, "E-mail Contato", EMAIL, channel_id=5, channel=channel, member_ids=[AGENT_ID]
    )


def _finance() -> rows.Inbox:
    return rows.Inbox(
        FINANCE_INBOX_ID,
        ACCOUNT_ID,
        "WhatsApp Financeiro",
        WHATSAPP,
        channel_id=6,
        channel=_whatsapp_channel("+551130000015"),
        member_ids=[SECOND_AGENT_ID],
    )


def _stranger() -> rows.Inbox:
    return rows.Inbox(
        OTHER_INBOX_ID,
        OTHER_ACCOUNT_ID,
        "WhatsApp Bem Estar",
        WHATSAPP,
        channel_id=7,
        channel=_whatsapp_channel("+551130000031"),
        member_ids=[OTHER_ADMIN_ID],
    )


def _whatsapp_channel(phone_number: str) -> rows.Json:
    return {
        "phone_number": phone_number,
        "provider": "whatsapp_cloud",
        "provider_config": {"api_key": "exemploChave000000000000", "phone_number_id": "120000000000000"},
    }
