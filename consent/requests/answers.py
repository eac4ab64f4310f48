"""What people are told: the clinic's approved text where there is one, else the shipped one of the request's rules.

Every answer says the protocol, the right and article, what was done or the coded refusal, who to write to, and how to
petition the authority (lgpd 5.4; Art. 18 §1 and §4).
"""

import hashlib
from datetime import datetime

from django.views.decorators.debug import sensitive_variables

from consent.designations import officer_of
from consent.encryption import Actor, open_for, seal
from consent.models import DataRequest, RequestItem, TextKind
from consent.policy import PurposeOfUse
from consent.requests.held import held_of
from consent.requests.rules import Refusal, RightRule, rules
from consent.texts.serving import NoTextInForce, refusal_kind, text_in_force
from consent.texts.values import ValuesMissing, fill

Decision = RequestItem.Decision


class DetailMissing(Exception):
    """This refusal needs words of the data protection officer; `what` says which."""

    def __init__(self, what: str) -> None:
        super().__init__("detail missing")
        self.what = what


def rule_of(item: RequestItem) -> RightRule:
    return rules(item.request.rules_version).rights[item.right]


@sensitive_variables("body")
def framed(item: RequestItem, body: str, *, now: datetime) -> str:
    """The whole letter around what is said."""
    request, rule = item.request, rule_of(item)
    texts, officer = rules(request.rules_version).texts, officer_of(request.clinic, now)
    opening = texts["opening"].format(protocol=request.protocol, right=rule.name, article=rule.article)
    closing = texts["closing"].format(protocol=request.protocol, dpo=officer.name, contact=officer.contact)
    return "\n\n".join((request.clinic.trade_name, opening, body.strip(), closing))


def _own_text(item: RequestItem, kind: TextKind, values: dict[str, str], now: datetime) -> str:
    """The text the clinic approved; empty when there is none that fits."""
    try:
        return fill(text_in_force(item.request.clinic, kind, now=now).shown, values)
    except (NoTextInForce, ValuesMissing):
        return ""


def refusal_of(item: RequestItem, code: str) -> Refusal:
    """Raises KeyError for a code nobody knows."""
    return rules(item.request.rules_version).refusals[code]


def refused(item: RequestItem, code: str, detail: str, *, now: datetime, in_part: bool = False) -> str:
    """Code, plain words, article, how to complain. Raises KeyError, DetailMissing."""
    refusal, texts = refusal_of(item, code), rules(item.request.rules_version).texts
    if refusal.detail and not detail.strip():
        raise DetailMissing(refusal.detail)
    values = {"protocolo": item.request.protocol, "motivo": detail.strip()}
    words = _own_text(item, refusal_kind(code), values, now) or refusal.text
    told = words if detail.strip() in words else f"{words}\n{detail.strip()}"
    pattern = texts["partly"] if in_part else texts["refused"]
    body = pattern.format(text=f"{told.strip()} [{code}]", article=refusal.article)
    return framed(item, body, now=now)


def granted(item: RequestItem, words: str, *, now: datetime) -> str:
    texts = rules(item.request.rules_version).texts
    return framed(item, "\n\n".join(part for part in (texts["granted"], words.strip()) if part), now=now)


def carried_out(item: RequestItem, words: str, *, now: datetime) -> str:
    """What was done of what was granted; where a part was refused, that too. Raises DetailMissing."""
    if item.decision == Decision.PART:
        return refused(item, item.refusal_code, words, now=now, in_part=True)
    return granted(item, words, now=now)


def confirmation(item: RequestItem, *, now: datetime) -> str:
    """T01: yes or no, categories, purposes; no content."""
    texts, subject = rules(item.request.rules_version).texts, item.request.subject
    held = held_of(subject) if subject else None
    if not held:
        return framed(item, texts["T01_no"], now=now)
    categories, purposes = "; ".join(held.categories), "; ".join(held.purposes)
    return framed(item, texts["T01_yes"].format(categories=categories, purposes=purposes), now=now)


def on_refusing(item: RequestItem, *, now: datetime) -> str:
    """T09: whether one can say no, and what follows."""
    own = _own_text(item, TextKind.REFUSING, {}, now)
    return framed(item, own or rules(item.request.rules_version).texts["T09"], now=now)


def withdrawn(item: RequestItem, count: int, *, now: datetime) -> str:
    return framed(item, rules(item.request.rules_version).texts["T10"].format(count=count), now=now)


# Keeping and opening --------------------------------------------------------------------------------------------------


@sensitive_variables("text")
def kept(item: RequestItem, text: str) -> dict[str, object]:
    """The columns an answer fills: sealed with the file's key, and its hash."""
    context = item.place("answer")
    sealed = seal(text, subject=item.request.holder_id, context=context)
    return {"answer": sealed, "answer_sha256": hashlib.sha256(text.encode()).hexdigest()}


@sensitive_variables()
def opened(item: RequestItem, *, actor: Actor) -> str:
    """The answer in clear, for who sends it or whom it is for; a reveal like any other. Raises RevealDenied."""
    if item.answer is None:
        return ""
    context, holder = item.place("answer"), item.request.holder_id
    opener = open_for([holder], actor=actor, purpose=PurposeOfUse.DPO, fields=[context.place])
    return opener.text(item.answer, subject=holder, context=context)


@sensitive_variables()
def asked(request: DataRequest, *, actor: Actor) -> dict[str, str]:
    """The words and the contact of the request, opened together. Raises RevealDenied."""
    held = {name: value for name in ("text", "contact") if (value := getattr(request, name)) is not None}
    if not held:
        return {}
    fields = [request.place(name).place for name in held]
    opener = open_for([request.holder_id], actor=actor, purpose=PurposeOfUse.DPO, fields=fields)
    return {
        name: opener.text(value, subject=request.holder_id, context=request.place(name)) for name, value in held.items()
    }
