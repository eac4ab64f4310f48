"""A simulated Chatwoot v4.15: REST API, signed webhooks in bursts without order, faults and example conversations.

Behaves as Chatwoot's source says, section by section of its contract; knows nothing of Django or of the bridge.
"""

from .dispatch import NEW_ID, SAME_ID, Record
from .example_account import (
    ACCOUNT_ID,
    ADMIN_ID,
    ADMIN_TOKEN,
    AGENT_ID,
    AGENT_TOKEN,
    API_INBOX_ID,
    EMAIL_INBOX_ID,
    FINANCE_INBOX_ID,
    OTHER_ACCOUNT_ID,
    OTHER_ADMIN_TOKEN,
    OTHER_INBOX_ID,
    WEB_INBOX_ID,
    WHATSAPP_INBOX_ID,
)
from .people import Invalid, Refused
from .scenario import Expectation, Figures, ScenarioError
from .server import ChatwootSandbox
from .webhooks import Delivery, encode_body, sign

__all__ = [
    "ACCOUNT_ID",
    "ADMIN_ID",
    "ADMIN_TOKEN",
    "AGENT_ID",
    "AGENT_TOKEN",
    "API_INBOX_ID",
    "EMAIL_INBOX_ID",
    "FINANCE_INBOX_ID",
    "NEW_ID",
    "OTHER_ACCOUNT_ID",
    "OTHER_ADMIN_TOKEN",
    "OTHER_INBOX_ID",
    "SAME_ID",
    "WEB_INBOX_ID",
    "WHATSAPP_INBOX_ID",
    "ChatwootSandbox",
    "Delivery",
    "Expectation",
    "Figures",
    "Invalid",
    "Record",
    "Refused",
    "ScenarioError",
    "encode_body",
    "sign",
]
