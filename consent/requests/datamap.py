"""The data map of requests: kept five years from the closing (R06), documents of representatives until decided (R14)."""

from dataclasses import replace

from consent.datamap import Erasure, Export, Part, Recipient, Why, model
from consent.datamap.kinds import REQUEST, SETTING, STAFF

FACT = REQUEST
INTERNAL = replace(REQUEST, export=Export.EXCLUDE, why=Why.INTERNAL)
# The file outlives the erasure of the person: its key is the file's own.
# Free words may tell of health: the base is that of sensitive data (lgpd 2, Art. 11 §1).
WORDS = replace(
    REQUEST, sensitive=True, base="A11-II-a", sealed=True, erasure=Erasure.KEEP,
    recipients=(Recipient.MAIL, Recipient.CHATWOOT),
)  # fmt: skip
DOCUMENT = replace(
    REQUEST, category="R14", retention="R14", sealed=True, erasure=Erasure.EXPIRE, export=Export.EXCLUDE, why=Why.OTHERS
)

MODELS = (
    model(
        "consent.DataRequest",
        Part(FACT, "protocol channel received_at regime rules_version by_representative duplicate_of"),
        Part(FACT, "fact_proved_at seen_in_person_at"),
        Part(INTERNAL, "id clinic holder subject contact_kind contact_blind contact_mask facts_tried"),
        Part(INTERNAL, "evidence_ref evidence_sha256"),
        Part(WORDS, "text contact"),
        Part(STAFF, "owner registered_by seen_by"),
    ),
    model(
        "consent.RequestItem",
        Part(FACT, "right state received_at due_at decision refusal_code decided_at sent_at sent_by_route"),
        Part(INTERNAL, "id request has_health_content verified answer_sha256 proof proof_sha256"),
        Part(WORDS, "answer"),
        Part(STAFF, "decided_by"),
    ),
    model(
        "consent.RequestStep",
        Part(FACT, "from_state to_state reason at rules_version"),
        Part(INTERNAL, "id item actor_kind actor_ref"),
    ),
    model(
        "consent.RequestNote",
        Part(replace(WORDS, recipients=(), export=Export.EXCLUDE, why=Why.STAFF), "text"),
        Part(INTERNAL, "id request about at"),
        Part(STAFF, "by"),
    ),
    model(
        "consent.IdentityCode",
        Part(FACT, "contact_kind sent_at expires_at tries closed_at outcome"),
        Part(replace(INTERNAL, why=Why.SECRET), "digest"),
        Part(INTERNAL, "id request contact_blind is_registered waits"),
    ),
    model(
        "consent.RepresentativeDocument",
        Part(DOCUMENT, "content"),
        Part(FACT, "relation received_at accepted decided_at"),
        Part(INTERNAL, "id request sha256"),
        Part(STAFF, "received_by decided_by"),
    ),
    model("consent.DeadlineRegime", Part(SETTING, "id clinic regime reason decided_at"), Part(STAFF, "decided_by")),
    model(
        "consent.DpoDesignation",
        Part(
            replace(STAFF, why=Why.STAFF),
            "name responsible_person contact conflict_statement attributions act_name act_sha256 act_signed_on",
        ),
        Part(SETTING, "id clinic part starts_on ends_on publication_address created_at"),
    ),
)
