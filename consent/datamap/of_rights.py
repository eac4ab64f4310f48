"""What is kept so that people's rights can be granted and proven: texts, consents, holds, export packages."""

from dataclasses import replace

from consent.datamap.codes import Erasure, Export, Processing, Source, Why
from consent.datamap.kinds import CONSENT, FACT, LINK, REQUEST, SEALED_SECRET, SETTING, STAFF
from consent.datamap.shapes import Part, Place, model

RIGHTS = (Processing.RIGHTS,)
# State of the person that rights gave rise to; it may reveal that somebody is a patient.
STANDING = replace(FACT, purposes=RIGHTS, base="A11-II-a", source=Source.STAFF, erasure=Erasure.KEEP)
STANDING_LINK = replace(LINK, purposes=RIGHTS, erasure=Erasure.KEEP)
CONSENT_LINK = replace(CONSENT, export=Export.EXCLUDE, why=Why.INTERNAL)
SUPPRESSION = replace(
    CONSENT, category="R04s", retention="R04s", purposes=(Processing.MARKETING,), export=Export.EXCLUDE,
    why=Why.INTERNAL,
)  # fmt: skip
PACKAGE = replace(
    REQUEST, category="R11", retention="R11", sensitive=True, base="A11-II-a", source=Source.COMPUTED,
    erasure=Erasure.DELETE, export=Export.EXCLUDE, why=Why.COPY,
)  # fmt: skip
PACKAGE_STATE = replace(PACKAGE, why=Why.INTERNAL)

TEXTS = (
    model(
        "consent.TextVersion",
        Part(
            SETTING,
            "id clinic kind purpose language number body consequences layout sha256 state change affected_purposes "
            "valid_from valid_to approved_at created_at",
        ),
        Part(STAFF, "approved_by created_by"),
    ),
    model(
        "consent.ServedText",
        Part(CONSENT, "version channel sha256 served_at created_at"),
        Part(CONSENT_LINK, "id subject reference"),
    ),
    model(
        "consent.WithdrawalWords",
        Part(SETTING, "id clinic words asking_words window_hours bot_words valid_from created_at"),
        Part(STAFF, "created_by"),
    ),
)

CONSENTS = (
    model(
        "consent.ConsentEvent",
        Part(
            CONSENT,
            "consent_type state event_time valid_until base event_type channel text_version evidence_kind "
            "evidence_sha256 reason document record_hash signature key_version recorded_at",
        ),
        Part(STAFF, "actor_type actor_ref collected_by"),
        # All that is left of the person after an erasure: who shows up with the contact can be told the record is theirs.
        Part(replace(CONSENT_LINK, why=Why.SECRET), "principal_proofs"),
        Part(CONSENT_LINK, "id subject record served evidence_ref guardian previous"),
    ),
    model("consent.Suppression", Part(SUPPRESSION, "id clinic kind digest created_at")),
    model(
        "consent.ConsentLink",
        Part(replace(CONSENT_LINK, erasure=Erasure.DELETE), "id subject kind consent_types expires_at created_at"),
        Part(replace(CONSENT_LINK, erasure=Erasure.DELETE), "sent_at sent_ref sent_sha256"),
        Part(STAFF, "made_by"),
    ),
)

HOLDS = (
    model(
        "consent.LegalHold",
        Part(STANDING, "scope category reason placed_at review_on reviewed_at released_at release_reason"),
        Part(
            replace(STANDING, sealed=True, erasure=Erasure.SHRED, export=Export.EXCLUDE, why=Why.OTHERS), "explanation"
        ),
        Part(SEALED_SECRET, "clinic_explanation"),
        Part(STANDING_LINK, "id clinic subject object_type object_id document document_sha256"),
        Part(STAFF, "placed_by reviewed_by released_by"),
    ),
    model(
        "consent.Restriction",
        Part(STANDING, "kind reason purpose began_at ended_at"),
        Part(STANDING_LINK, "id subject"),
        Part(STAFF, "began_by ended_by"),
    ),
    model(
        "consent.Minority",
        Part(replace(STANDING, erasure=Erasure.DELETE), "birth_month marked_at asked_at"),
        Part(STANDING_LINK, "subject"),
        Part(STAFF, "marked_by"),
    ),
    model(
        "consent.Guardianship",
        Part(CONSENT, "relation method evidence_sha256 verified_at ended_at"),
        Part(CONSENT_LINK, "id minor guardian"),
        Part(STAFF, "verified_by ended_by"),
    ),
)

EXPORTS = (
    model(
        "consent.ExportSigningKey",
        Part(SETTING, "key_id public_key created_at retired_at"),
        Part(SEALED_SECRET, "private"),
    ),
    model(
        "consent.ExportPackage",
        Part(replace(PACKAGE, sealed=True, erasure=Erasure.SHRED, why=Why.SECRET), "key"),
        Part(REQUEST, "protocol rights identity_method identity_at built_at released_at delivered_at manifest_sha256"),
        Part(PACKAGE_STATE, "systems", keys="name version snapshot_at status errors"),
        Part(PACKAGE_STATE, "counts exclusions units", keys="*"),
        Part(
            PACKAGE_STATE,
            "id clinic subject request_ref state cause is_complete has_health done not_before lease_until token "
            "errors_in_a_row file_bytes signing_key checked_at check_result created_at release_asked_at expires_at "
            "destroyed_at",
        ),
        Part(STAFF, "created_by released_by"),
    ),
    model(
        "consent.ExportLink",
        Part(replace(PACKAGE_STATE, why=Why.SECRET), "token_digest code_digest digest_key"),
        Part(
            PACKAGE_STATE,
            "id package channel tries created_at expires_at opened_at window_until sent_bytes used_at revoked_at",
        ),
        Part(STAFF, "created_by"),
    ),
)

MODELS = (*TEXTS, *CONSENTS, *HOLDS, *EXPORTS)
PLACES = (
    Place("export-file", "files of export packages, encrypted, until delivered", replace(PACKAGE, sealed=True)),
    Place("consent-receipt", "receipt handed to the person", CONSENT),
)
