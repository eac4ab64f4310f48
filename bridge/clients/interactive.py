"""Interactive messages and marketing marks in Chatwoot's messages, as bodies and answers both show them. Pure."""

from collections.abc import Mapping, Sequence

# A key of ours inside `content_attributes`: a message whose sending was never confirmed is found by it
# (Chatwoot contract section 13.9).
OUR_MARK = "ponte"
# Beside it on what Ponte tells people about their own requests: it stays between the two of them. Neither stored, nor
# written to the CRM, nor counted (Art. 21; codes open what people asked for).
APART = "ponte_apart"


def choice(options: Sequence[tuple[str, str]], mark: str) -> dict[str, object]:
    """`content_attributes` of an `input_select` message: (title, value) pairs."""
    return {"items": [{"title": title, "value": value} for title, value in options], OUR_MARK: mark}


def mark_of(attributes: object) -> str:
    """Our mark on a message; empty on everybody else's."""
    found = attributes.get(OUR_MARK) if isinstance(attributes, Mapping) else None
    return found if isinstance(found, str) else ""


def is_apart(attributes: object) -> bool:
    """Whether a message is an answer or a code of ours."""
    return isinstance(attributes, Mapping) and attributes.get(APART) is True


def is_marketing(extra: object) -> bool:
    """Whether a message belongs to a campaign, or to a template of that category (contract sections 5.7 and 12)."""
    if not isinstance(extra, Mapping):
        return False
    params = extra.get("template_params")
    category = params.get("category") if isinstance(params, Mapping) else None
    return bool(extra.get("campaign_id")) or str(category).upper() == "MARKETING"


def submitted_values(attributes: object) -> tuple[str, ...]:
    """The values chosen in an interactive message: one object or a list of them (contract sections 5.7 and 12)."""
    found = attributes.get("submitted_values") if isinstance(attributes, Mapping) else None
    entries = found if isinstance(found, list) else [found]
    values = (entry.get("value") for entry in entries if isinstance(entry, Mapping))
    return tuple(value for value in values if isinstance(value, str) and value)
