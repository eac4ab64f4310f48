"""Two things of one name. Of people: health data, written unseen and opened through the gate (places, writing, opening).

Of the system: what is measured, and what pages, monitoring and alerts ask of it (all other modules).
"""
