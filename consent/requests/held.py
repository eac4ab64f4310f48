"""Which categories of data the clinic holds of a person, and what for: read from the data map, nothing is opened."""

from dataclasses import dataclass, field

from consent.datamap import Export, Processing, entries, retention
from consent.datamap.rows import PERSON, of_people, row_counts
from consent.models import DataSubject


@dataclass
class Held:
    """Names in the language of the person, in the order of the map."""

    categories: list[str] = field(default_factory=list)
    purposes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.categories)


def held_of(subject: DataSubject) -> Held:
    """What a confirmation (T01) tells: categories and purposes of what is stored of the person now. One query."""
    codes: dict[str, None] = {}
    purposes: dict[str, None] = {}
    counts = row_counts(subject.pk)
    for label in of_people():
        if label == PERSON or label not in counts:
            continue
        for entry in entries()[label].fields.values():
            if entry.is_personal and entry.export != Export.EXCLUDE:
                codes[entry.category] = None
                purposes.update(dict.fromkeys(entry.purposes))
    return Held(
        [str(retention(code).title) for code in sorted(codes)],
        [str(one.label) for one in Processing if one in purposes],
    )
