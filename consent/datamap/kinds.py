"""Entries that many models share; a model's block names what differs by `dataclasses.replace`."""

from dataclasses import replace

from consent.datamap.codes import NONE, Erasure, Export, Processing, Recipient, Source, Why
from consent.datamap.shapes import FieldEntry

CARE = (Processing.CARE_CONTACT,)
SUMMARY = (Processing.CONVERSATION_SUMMARY,)

# No personal data -----------------------------------------------------------------------------------------------------
SETTING = FieldEntry(NONE, why=Why.SETTING)
STATE = FieldEntry(NONE, why=Why.STATE)
SUM = FieldEntry(NONE, why=Why.SUM)
SECRET = FieldEntry(NONE, why=Why.SECRET)
SEALED_SECRET = replace(SECRET, sealed=True)

# Of a titular ---------------------------------------------------------------------------------------------------------
# Numbers that tie a row to a person, and the marks by which Ponte keeps both systems equal.
LINK = FieldEntry(
    "R13", purposes=CARE, base="A11-II-f", source=Source.COMPUTED, retention="R13", erasure=Erasure.DELETE,
    why=Why.INTERNAL,
)  # fmt: skip
# What a person sees of the same row.
FACT = FieldEntry(
    "R02", sensitive=True, purposes=CARE, base="A11-II-f", source=Source.CHAT, retention="R02", erasure=Erasure.DELETE,
    export=Export.INCLUDE, per_record=True,
)  # fmt: skip
MASK = replace(FACT, source=Source.COMPUTED, erasure=Erasure.NULL, export=Export.EXCLUDE, why=Why.COPY)
DIGEST = replace(MASK, why=Why.INTERNAL)
# Name, telephone, address: encrypted, and written to the CRM.
CONTACT = replace(FACT, erasure=Erasure.SHRED, sealed=True, recipients=(Recipient.KRAYIN,))
CLINICAL = FieldEntry(
    "R01", sensitive=True, purposes=(Processing.MESSAGE_TEXT,), base="A11-II-f", source=Source.CHAT, retention="R01",
    erasure=Erasure.SHRED, export=Export.INCLUDE, sealed=True, per_record=True,
)  # fmt: skip
SUMMED_UP = replace(FACT, purposes=SUMMARY, recipients=(Recipient.KRAYIN,))
SCORE = replace(
    FACT, purposes=(Processing.SERVICE_QUALITY,), source=Source.COMPUTED, recipients=(), export=Export.INCLUDE
)
PAYLOAD = FieldEntry(
    "R10", sensitive=True, purposes=(Processing.RELIABILITY,), base="A11-II-f", source=Source.CHAT, retention="R10",
    erasure=Erasure.EXPIRE, why=Why.COPY,
)  # fmt: skip

# Proof ----------------------------------------------------------------------------------------------------------------
CONSENT = FieldEntry(
    "R05", purposes=(Processing.RIGHTS,), base="A7-II", source=Source.PERSON, retention="R05", export=Export.INCLUDE
)
REQUEST = replace(CONSENT, category="R06", retention="R06")
TRAIL = FieldEntry(
    "R09", purposes=(Processing.ACCOUNTABILITY,), base="A7-II", source=Source.COMPUTED, retention="R09",
    export=Export.INCLUDE,
)  # fmt: skip
TRAIL_MARK = replace(TRAIL, export=Export.EXCLUDE, why=Why.INTERNAL)
SEAL = FieldEntry(NONE, why=Why.STATE)
VISIT = FieldEntry(
    "R08", purposes=(Processing.ACCOUNTABILITY,), base="A7-II", source=Source.VISIT, retention="R08",
    erasure=Erasure.EXPIRE, why=Why.STAFF,
)  # fmt: skip

# Of the staff ---------------------------------------------------------------------------------------------------------
STAFF = FieldEntry(
    "R18", purposes=(Processing.STAFF_ACCESS,), base="A7-II", source=Source.STAFF, retention="R18",
    erasure=Erasure.ANONYMISE, why=Why.STAFF,
)  # fmt: skip
STAFF_SECRET = replace(STAFF, erasure=Erasure.DELETE, why=Why.SECRET)
# People of the clinic as the partners list them.
COLLEAGUE = replace(STAFF, source=Source.CRM)
