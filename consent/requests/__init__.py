"""Requests of data subjects (lgpd section 5): filed with a protocol, identity proved, decided, answered with proof."""
