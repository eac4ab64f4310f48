"""Texts that people read: which version is in force, showing it with proof, drafts and approval, withdrawal words (C5)."""

from consent.texts.drafting import Approval, TextRefused, approve, begin_draft, people_to_inform, propose_all, retire
from consent.texts.serving import (
    NoTextInForce,
    ServingRefused,
    refusal_kind,
    serve,
    text_in_force,
    texts_in_force,
)
from consent.texts.values import ValuesMissing, fill
from consent.texts.withdrawal import Said, words_in_force

__all__ = [
    "Approval",
    "NoTextInForce",
    "Said",
    "ServingRefused",
    "TextRefused",
    "ValuesMissing",
    "approve",
    "begin_draft",
    "fill",
    "people_to_inform",
    "propose_all",
    "refusal_kind",
    "retire",
    "serve",
    "text_in_force",
    "texts_in_force",
    "words_in_force",
]
