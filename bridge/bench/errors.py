"""What keeps a measurement from being made."""


class CannotMeasure(Exception):
    """Something needed did not come up or did not finish; the message says what, and the end of its log."""
