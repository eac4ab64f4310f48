"""Simulated partners: HTTP servers that behave like the real Krayin and Chatwoot, for tests and the quickstart.

Standard library only, so that they start on a machine where nothing else is installed yet.
"""
