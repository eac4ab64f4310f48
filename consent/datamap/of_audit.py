"""The audit application's part of the data map; audit itself may import nothing of consent."""

from dataclasses import replace

from consent.datamap.codes import Erasure, Processing, Source, Why
from consent.datamap.kinds import SEAL, STAFF, STATE, TRAIL, TRAIL_MARK, VISIT
from consent.datamap.shapes import Part, Place, model

MODELS = (
    model(
        "audit.AuditLog",
        Part(TRAIL, "timestamp action actor_type object_type fields purpose outcome reason_code"),
        Part(STAFF, "actor actor_ref"),
        # Cut from the person when the pseudonym held with them is destroyed; the row itself is never touched.
        Part(replace(TRAIL_MARK, erasure=Erasure.ANONYMISE), "subject"),
        Part(TRAIL_MARK, "id clinic_id object_id request_id access_ref version key_id row_mac"),
    ),
    model("audit.AccessLog", Part(VISIT, "id created_at user_id ip user_agent")),
    model("audit.Unsealed", Part(SEAL, "entry_id created_at")),
    model("audit.Seal", Part(SEAL, "position created_at entry_id entry_hash chain segment")),
    model(
        "audit.Segment",
        Part(
            SEAL,
            "number quarter first_position last_position merkle_root head previous digest sealed_at key_id mac",
        ),
    ),
    model("audit.Drop", Part(SEAL, "quarter first_segment last_segment dropped_at key_id mac")),
    model("audit.Checkpoint", Part(SEAL, "place segment written_at problem")),
    model(
        "audit.Verification",
        Part(STATE, "id at mode rows last_position last_segment seconds key_id mac"),
        Part(STATE, "findings", keys="kind position segment"),
    ),
)

LOG = replace(
    TRAIL, category="R19", retention="R19", base="A7-IX", purposes=(Processing.RELIABILITY,), erasure=Erasure.EXPIRE
)
BACKUP = replace(
    TRAIL, category="R15", retention="R15", base="A11-II-a", sensitive=True, purposes=(Processing.RELIABILITY,),
    source=Source.COMPUTED, erasure=Erasure.EXPIRE,
)  # fmt: skip

PLACES = (
    Place("audit-checkpoints", "AUDIT_CHECKPOINTS: audit-checkpoints.jsonl", SEAL),
    Place("audit-export", "file downloaded from the trail, or written by export_audit", TRAIL),
    Place("log", "standard output of every process", replace(LOG, why=Why.INTERNAL)),
    Place("backup", "dumps and snapshots of PostgreSQL", replace(BACKUP, why=Why.COPY)),
)
