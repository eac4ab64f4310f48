"""Measuring Ponte: `python manage.py bench intake|endtoend|lanes|backlog|queries|pages|audit` (DESIGN section 15).

`launch` starts servers of its own in a fresh directory and runs the measurement inside them (`__main__`). `load` sends,
`timing` and `report` tell what came of it, `machine` and `statements` say on what; `bodies`, `clinics` and `crm` are the
partners and clinics measured with. One module per measurement. Never imported by anything that serves people.
"""
