"""The data map of retention itself: counts, the rows of lists until they are carried out, the people who wait."""

from dataclasses import replace

from consent.datamap.codes import Erasure, Export, Processing, Source, Why
from consent.datamap.kinds import FACT, LINK, SETTING, STAFF, STATE, SUM
from consent.datamap.shapes import Part, model

RIGHTS = (Processing.RIGHTS,)
# Left over rows leave with the next run; those carried out leave with what they stood for.
LISTED = replace(LINK, purposes=RIGHTS, erasure=Erasure.EXPIRE)
CASE = replace(
    FACT, purposes=RIGHTS, base="A11-II-a", source=Source.COMPUTED, erasure=Erasure.KEEP, export=Export.EXCLUDE,
    why=Why.INTERNAL,
)  # fmt: skip

MODELS = (
    model(
        "consent.RetentionPeriod",
        Part(SETTING, "id clinic code number table_version years months days hours reason valid_from"),
        Part(STAFF, "chosen_by"),
    ),
    model(
        "consent.RetentionRun",
        Part(
            STATE,
            "id clinic state table_version planned_at plan_hash approved_at begin_at started_at finished_at done_chain "
            "cursor batches longest_ms lease_until token",
        ),
        Part(SUM, "periods counts conflicts forecast done kept", keys="*"),
        Part(STAFF, "approved_by"),
    ),
    model("consent.RetentionItem", Part(LISTED, "id run sweep key subject number due_at state was_listed")),
    model(
        "consent.RetentionCase",
        Part(CASE, "kind code table_version anchor_at due_at opened_at outcome document again_on decided_at"),
        Part(replace(LISTED, erasure=Erasure.KEEP), "id subject run"),
        Part(STAFF, "decided_by"),
    ),
)
