"""Times as screens show them."""

from config.times import DAY, HOUR, MINUTE, ago, amount, clock, hour

__all__ = ["DAY", "HOUR", "MINUTE", "ago", "amount", "clock", "hour"]
