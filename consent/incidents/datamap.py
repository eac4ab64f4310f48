"""The data map of the register of incidents: kept at least five years by law (R07)."""

from consent.datamap import Export, FieldEntry, Part, Processing, Source, Why, model
from consent.datamap.kinds import SETTING, STAFF

# What happened may show of whom something is known; the texts name nobody.
INCIDENT = FieldEntry(
    "R07", sensitive=True, purposes=(Processing.ACCOUNTABILITY,), base="A11-II-a", source=Source.STAFF, retention="R07",
    export=Export.EXCLUDE, why=Why.OTHERS,
)  # fmt: skip
FOUND = FieldEntry(
    "R07", sensitive=True, purposes=(Processing.ACCOUNTABILITY,), base="A11-II-a", source=Source.COMPUTED,
    retention="R07", export=Export.EXCLUDE, why=Why.INTERNAL, sealed=True,
)  # fmt: skip

MODELS = (
    model(
        "consent.Incident",
        Part(INCIDENT, "number known_at source entered_at closed_at outcome"),
        Part(SETTING, "id clinic verification_id regime rules_version calendar_version"),
        Part(STAFF, "entered_by"),
    ),
    model(
        "consent.IncidentEntry",
        Part(
            INCIDENT,
            "facts",
            keys="description occurred_on cause aspects categories people children adolescents elderly total may_harm "
            "criteria risk impact unintelligible evidence measures_before measures_after mitigation delay processor",
        ),
        Part(
            INCIDENT,
            "details",
            keys="report reason report_type sent_at proof document_sha256 process_number form channel people reach since "
            "until account fields encrypted unknown_age affected_sha256 outcome",
        ),
        Part(INCIDENT, "kind at"),
        # A list of pseudonyms; each one leads nowhere once the person is erased.
        Part(FOUND, "affected"),
        Part(SETTING, "id incident number previous_hash entry_hash"),
        Part(STAFF, "by"),
    ),
)
