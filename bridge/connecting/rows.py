"""The rows of a connection: clinic, Krayin, its users, secrets. Found where they exist, made where they do not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from bridge.models import CallBudget, Connection, Krayin, KrayinUser, Partner, WebhookSecret
from bridge.models.connections import secret_context
from bridge.sync.partners import connection_context, may_sign_in, user_context
from consent.encryption import Actor, open_system, seal_system
from consent.models import Clinic

CHATWOOT_CALLS_PER_MINUTE = 2000  # of 3,000 it allows per address (contract Chatwoot 9)
MOST_CALLS_PER_MINUTE = 1200  # to a Krayin whose limit was raised or lifted: people work there too
SPENT_AT_ONCE = 10


@dataclass(frozen=True)
class Entrance:
    """A Krayin user as it is to be kept; what is empty keeps what is stored."""

    email: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def webhook_url(connection: Connection, partner: Partner) -> str:
    """The address a partner posts to; its path token names the connection (contract Chatwoot 7)."""
    return f"{settings.PUBLIC_URL}/webhooks/{partner.value}/{connection.public_id}/"


def panel_url(connection: Connection) -> str:
    """The page Chatwoot shows beside a conversation (screens F)."""
    return f"{settings.PUBLIC_URL}/panel/{connection.public_id}/"


def clinic_for(*, trade_name: str, legal_name: str, cnpj: str, time_zone: str) -> Clinic:
    """Found by CNPJ, else by name; the legal data of one that exists are not overwritten. Raises ValidationError."""
    found = Clinic.objects.filter(cnpj=cnpj).first() if cnpj else None
    found = found or Clinic.objects.filter(trade_name=trade_name).first()
    if found:
        return found
    clinic = Clinic(
        trade_name=trade_name, legal_name=legal_name or trade_name, cnpj=cnpj or None, time_zone=time_zone,
        is_example=settings.EXAMPLE_DATA,
    )  # fmt: skip
    clinic.full_clean()
    clinic.save()
    return clinic


def chatwoot_budget(address: str) -> CallBudget:
    """One budget per host, whatever the account: Chatwoot counts by address of the caller."""
    budget, _ = CallBudget.objects.get_or_create(
        name=f"chatwoot:{urlsplit(address).netloc}",
        defaults={"capacity": 200, "refill_per_minute": CHATWOOT_CALLS_PER_MINUTE, "tokens": 200},
    )
    return budget


def keep_chatwoot_token(connection: Connection, token: str) -> None:
    connection.chatwoot_token = seal_system(token.encode(), context=connection_context(connection))
    connection.save(update_fields=["chatwoot_token", "updated_at"])


def krayin_user(krayin: Krayin, entrance: Entrance) -> KrayinUser:
    """The user's row with what is known of its access; a new token replaces the old one."""
    with transaction.atomic():
        budget, _ = CallBudget.objects.get_or_create(name=f"krayin:{krayin.pk}:{entrance.email}")
        user, _ = KrayinUser.objects.get_or_create(krayin=krayin, email=entrance.email, defaults={"budget": budget})
        if entrance.password:
            user.password = seal_system(entrance.password.encode(), context=user_context(user, "password"))
        if entrance.token:
            user.token = seal_system(entrance.token.encode(), context=user_context(user, "token"))
        user.save(update_fields=["password", "token"])
        may_sign_in(user)
    return user


def keep_limit(users: Iterable[KrayinUser], told: int | None) -> None:
    """Let the budgets follow the calls a minute that Krayin's answers name (60 as installed, contract Krayin 20.10).

    What may be spent at once and what comes back in a minute are together the limit, whenever its window opened.
    """
    if told is None:
        return
    limit = min(told, MOST_CALLS_PER_MINUTE)
    at_once = max(SPENT_AT_ONCE, limit // 6)
    budgets = CallBudget.objects.filter(krayinuser__in=users)
    budgets.update(capacity=at_once, refill_per_minute=max(limit - at_once, limit // 2))


def forget_password(user: KrayinUser) -> None:
    KrayinUser.objects.filter(pk=user.pk).update(password=None)
    user.password = None


def keep_secret(connection: Connection, partner: Partner, secret: str) -> None:
    """Store a webhook secret beside the live ones; the same secret is not stored twice."""
    context = secret_context(connection.pk, partner)
    live = WebhookSecret.objects.filter(connection=connection, partner=partner, retired_at=None)
    actor = Actor.system("connect")
    if any(open_system(row.secret, context=context, actor=actor, purpose="system") == secret.encode() for row in live):
        return
    WebhookSecret.objects.create(
        connection=connection, partner=partner, secret=seal_system(secret.encode(), context=context)
    )
