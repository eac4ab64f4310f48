"""The data map: what every stored field is, why it is kept, how long, who gets it, what becomes of it (lgpd 3.1).

It drives export, erasure, the register of operations and the page of a person. An application registers its models in
`ready()`; a field without an entry stops the start (ponte.E012).
"""

from consent.datamap.codes import NONE, Erasure, Export, Processing, Recipient, Source, Why
from consent.datamap.registry import entries, entry, places, register
from consent.datamap.retention import OutOfBounds, Period, RetentionRule, check_period, retention
from consent.datamap.shapes import FieldEntry, ModelMap, Part, Place, model

__all__ = [
    "NONE",
    "Erasure",
    "Export",
    "FieldEntry",
    "ModelMap",
    "OutOfBounds",
    "Part",
    "Period",
    "Place",
    "Processing",
    "Recipient",
    "RetentionRule",
    "Source",
    "Why",
    "check_period",
    "entries",
    "entry",
    "model",
    "places",
    "register",
    "retention",
]
