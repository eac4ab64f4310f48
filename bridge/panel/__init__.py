"""The panel inside Chatwoot: a frame that signs in by a window of our own site (screens section 9, DESIGN section 8).

Nothing the frame is told by Chatwoot is proof: every answer is authorised by token, connection, inbox and person.
"""
