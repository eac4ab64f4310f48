"""Who is at the keyboard: sign-in with lock-out and second factor, sessions that end, re-check, invitations, D5.

Everything here works on `consent.models.User`; pages are in `consent.access.views` and `consent.admin`.
"""
