"""Retention (lgpd 3.2, 3.3; screen C8): what is due, who approves, and that exactly this is removed.

`ways` says for every category how its end comes about; an application registers its sweeps there in `ready()`.
`planning` writes the dry run with counts and hash, `running` carries out the approved list, `cases` is what people decide
one by one, `holding` keeps partitions of held data. Holds count when something is removed, not when it is planned.
"""
