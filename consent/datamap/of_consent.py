"""The part of consent in the data map: clinics, staff, people, what they consented to, what was decided."""

from dataclasses import replace

from consent.datamap.codes import Erasure, Export, Processing, Source, Why
from consent.datamap.kinds import (
    CONSENT,
    CONTACT,
    DIGEST,
    FACT,
    LINK,
    MASK,
    SECRET,
    SETTING,
    STAFF,
    STAFF_SECRET,
    TRAIL,
    TRAIL_MARK,
)
from consent.datamap.shapes import Part, model

RIGHTS = replace(FACT, purposes=(Processing.RIGHTS,), base="A11-II-a", source=Source.PERSON, erasure=Erasure.KEEP)
CONSENT_LINK = replace(CONSENT, export=Export.EXCLUDE, why=Why.INTERNAL)
# The clinic's own people and act, published by duty (Art. 41).
PUBLISHED = replace(STAFF, purposes=(Processing.RIGHTS,), erasure=Erasure.KEEP)

CLINICS = (
    model(
        "consent.Clinic",
        Part(
            SETTING,
            "id legal_name trade_name cnpj time_zone address contact_email contact_phone policy_version "
            "policy_confirmed_at is_example created_at",
        ),
        Part(PUBLISHED, "dpo_name dpo_contact"),
        Part(STAFF, "policy_confirmed_by"),
    ),
    model(
        "consent.User",
        Part(STAFF, "id email name is_active is_superuser created_at invited_by ended_at last_login"),
        Part(STAFF_SECRET, "password access_stamp"),
    ),
    model("consent.Membership", Part(STAFF, "id user clinic role ends_on reviewed_at reviewed_by created_at")),
    model(
        "consent.TotpDevice",
        Part(STAFF, "id user name confirmed created_at throttling_failure_timestamp throttling_failure_count"),
        Part(STAFF_SECRET, "ref last_t"),
        Part(replace(STAFF_SECRET, sealed=True), "secret"),
    ),
    model(
        "consent.RecoveryCodes",
        Part(STAFF, "id user name confirmed made_at throttling_failure_timestamp throttling_failure_count"),
        Part(STAFF_SECRET, "digests"),
    ),
    model("consent.SignInTries", Part(STAFF_SECRET, "id kind digest account count last_at locked_until")),
    model(
        "consent.DataKey",
        Part(SECRET, "id kind version master_key_id created_at"),
        # The person's id is what is left once the key is destroyed; it opens nothing.
        Part(replace(LINK, purposes=(Processing.ACCOUNTABILITY,), erasure=Erasure.KEEP), "ref destroyed_at"),
        Part(replace(LINK, purposes=(Processing.ACCOUNTABILITY,), erasure=Erasure.SHRED, why=Why.SECRET), "wrapped"),
    ),
    model("consent.KeyCheck", Part(SECRET, "id kind key_id fingerprint known created_at")),
)

PEOPLE = (
    model(
        "consent.DataSubject",
        Part(RIGHTS, "blocked_at has_hold opposed_purposes is_minor erased_at created_at"),
        Part(replace(TRAIL_MARK, erasure=Erasure.NULL), "pseudonym"),
        Part(replace(LINK, erasure=Erasure.KEEP), "id clinic"),
    ),
    model(
        "consent.ContactPoint",
        Part(CONTACT, "value"),
        Part(FACT, "kind is_shared created_at"),
        Part(MASK, "mask"),
        Part(DIGEST, "blind blind_version"),
        Part(LINK, "id subject clinic"),
    ),
    model(
        "consent.ConsentRecord",
        Part(CONSENT, "consent_type status granted_at withdrawn_at consent_text consent_version created_at"),
        Part(
            CONSENT_LINK,
            "id subject chatwoot_contact_id krayin_lead_id ip_address user_agent updated_at",
        ),
    ),
    model(
        "consent.Decision",
        Part(TRAIL, "purpose category action allowed base policy_version reason decided_at"),
        Part(TRAIL_MARK, "id subject connection_id"),
    ),
    model(
        "consent.ExceptionalAccess",
        Part(TRAIL, "reason asked_at until reviewed_at verdict"),
        Part(replace(TRAIL, sealed=True, source=Source.STAFF, erasure=Erasure.SHRED), "explanation"),
        Part(STAFF, "user reviewed_by"),
        Part(TRAIL_MARK, "id clinic subject"),
    ),
)

REGISTERS = (
    model(
        "consent.OperationVersion",
        Part(SETTING, "id clinic operation number is_in_use notes risk volume valid_from digest"),
        Part(SETTING, "content", keys="*"),
        Part(STAFF, "approved_by"),
    ),
    model(
        "consent.Processor",
        Part(
            SETTING,
            "id clinic name kind country contact document document_sha256 instructions started_on ended_on created_at",
        ),
    ),
    model(
        "consent.InternationalTransfer",
        Part(
            SETTING,
            "id clinic processor importer country operations categories mechanism document document_sha256 onward "
            "started_on ended_on review_on created_at",
        ),
    ),
    model(
        "consent.Assessment",
        Part(
            SETTING,
            "id clinic kind operation title document document_sha256 decision decided_on review_on risk created_at",
        ),
    ),
)

MODELS = (*CLINICS, *PEOPLE, *REGISTERS)
