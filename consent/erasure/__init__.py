"""Erasing a person over every system, provably (lgpd 5.5, 16; screen C7).

`planning` freezes, counts and approves, `running` carries out, `finishing` answers and destroys the key, `replaying` repeats
after a restore. Other apps hand in what they remove: `systems`, `own`, `local`.
"""
