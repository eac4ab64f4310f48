"""A simulated Krayin CRM 2.1 with the vendor's REST package 2.1.1: API, quirks, outgoing webhooks, fault switches."""

from bridge.sandbox.krayin.seed import ADMIN, BRIDGE, Account
from bridge.sandbox.krayin.server import RATE_LIMIT, TIMEZONE, SandboxKrayin

__all__ = ["ADMIN", "BRIDGE", "RATE_LIMIT", "TIMEZONE", "Account", "SandboxKrayin"]
