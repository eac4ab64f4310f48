"""The export and portability package of one person (lgpd section 9): collect, write, sign, deliver, destroy."""
