"""The optional language model: it phrases a summary, orders suggestions, drafts a reply; people decide.

Off by default, and everything works without it. What leaves: gate → least → mask → sweep; what comes back: schema →
sweep → unmask; every question is recorded without its text (insights reference, section 9).
"""
