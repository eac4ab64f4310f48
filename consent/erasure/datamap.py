"""The data map of erasures: numbers and states; the numbers of partners go with the person's key (R13)."""

from dataclasses import replace

from consent.datamap import Erasure, Export, Part, Place, Why, model
from consent.datamap.kinds import LINK, REQUEST, SEAL, STAFF

# What the person is told stands in the answer to the request.
FACT = replace(REQUEST, export=Export.EXCLUDE, why=Why.COPY)
INTERNAL = replace(REQUEST, export=Export.EXCLUDE, why=Why.INTERNAL)
KEPT_LINK = replace(LINK, erasure=Erasure.KEEP)

MODELS = (
    model(
        "consent.Erasure",
        Part(FACT, "cause state planned_at approved_at erased_at key_due_at key_destroyed_at answered_at"),
        Part(INTERNAL, "policy_version has_clinical keeps_clinical first_at not_before lease_until token"),
        Part(INTERNAL, "counts", keys="*"),
        Part(INTERNAL, "stays", keys="what count code retention until"),
        Part(INTERNAL, "warnings", keys="*"),
        Part(INTERNAL, "leftovers", keys="system kind code count"),
        Part(INTERNAL, "id clinic subject item"),
        Part(STAFF, "planned_by first_by approved_by key_kept_by"),
    ),
    model(
        "consent.ErasureNode",
        Part(INTERNAL, "id erasure ordinal system kind ref state tries code not_before checked_at"),
        Part(replace(LINK, erasure=Erasure.NULL), "remote_ids"),
    ),
    # Random ids and counts: who reads it learns that somebody was erased, not who.
    model("consent.ErasureEntry", Part(SEAL, "id kind at line digest outside_at"), Part(KEPT_LINK, "erasure_ref")),
)
PLACES = (Place("erasure-ledger", "AUDIT_CHECKPOINTS: erasure-ledger.jsonl", SEAL),)
