"""How passwords are kept."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """argon2id as OWASP advises for servers: 19 MiB, two passes, one lane.

    Django's own choice takes 100 MiB a try: a few people signing in at once would exceed a web process's memory.
    """

    memory_cost = 19 * 1024
    time_cost = 2
    parallelism = 1
