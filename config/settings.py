"""Django settings. Every variable is read through `config.env`; deploy/env.example explains each one."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import environ
from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _
from django_celery_beat.tzcrontab import TzAwareCrontab

from config.env import Environment
from config.logs import dict_config
from config.sentinel import sentinels
from config.unfold import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

DEBUG = env.flag("PONTE_DEBUG", default=False)
SECRET_KEY = env.text("PONTE_SECRET_KEY", at_least=32) or "unusable: the system check ponte.E001 stops the start"
PUBLIC_URL = env.origin("PONTE_PUBLIC_URL", default="http://127.0.0.1:8000")
# The partners call the public address: forgetting to repeat it must not turn every delivery into a 400.
ALLOWED_HOSTS = [
    *env.words("PONTE_ALLOWED_HOSTS", default=["127.0.0.1", "localhost"]),
    urlsplit(PUBLIC_URL).hostname or "localhost",
]
VAR_DIR = Path(env.text("PONTE_VAR", default=str(BASE_DIR / "var")))
EXAMPLE_DATA = env.flag("PONTE_EXAMPLE_DATA", default=False)

# Encryption (DESIGN section 10): versioned keys, newest first; separate purposes never share a key.
MASTER_KEYS = env.keys("PONTE_MASTER_KEYS")
BLIND_KEYS = env.keys("PONTE_BLIND_KEYS")
AUDIT_KEYS = env.keys("PONTE_AUDIT_KEYS")
# Places outside the database that know how far the audit chain has come (DESIGN section 11); two or more.
AUDIT_CHECKPOINTS = env.words(
    "PONTE_AUDIT_CHECKPOINTS", default=[str(VAR_DIR / "audit" / "first"), str(VAR_DIR / "audit" / "second")]
)

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "auditlog",
    "django_celery_beat",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "django_otp",
    "config",
    "audit",
    "consent",
    "bridge",
    "insights",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "consent.erasure.gate.RefuseUntilReplayed",
    "config.middleware.WebhooksAtOnce",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ContentSecurityPolicy",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "audit.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "consent.access.middleware.AccessMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database -----------------------------------------------------------------------------------------------------------
POSTGRES = ("postgres", "postgresql")
DATABASE_URL = env.url("DATABASE_URL", schemes=POSTGRES, names_database=True)
# Whether DATABASE_URL leads to PgBouncer in transaction mode (deploy/pgbouncer), and the way past it.
POOLED = env.flag("PONTE_PGBOUNCER", default=False)
DATABASE_DIRECT_URL = env.url("DATABASE_DIRECT_URL", schemes=POSTGRES, default="", names_database=True)
if POOLED and not DATABASE_DIRECT_URL:
    env.refuse(
        "DATABASE_DIRECT_URL",
        "is missing although PONTE_PGBOUNCER is on",
        "set an address with sessions of their own (pool ponte_direct): migrations and partitions need them",
    )
# A streaming replica that lists and reports may read (config.db.router), and how late it may be.
DATABASE_REPLICA_URL = env.url("DATABASE_REPLICA_URL", schemes=POSTGRES, default="", names_database=True)
REPLICA_DELAY_S = env.number("PONTE_REPLICA_DELAY_S", default=5, at_least=1)


def database(
    url: str = DATABASE_URL,
    *,
    options: str = "",
    pool: str = "",
    pooled: bool = POOLED,
    health_checks: bool = True,
    answer_s: int = 30,
) -> dict[str, Any]:
    """One connection alias onto the same PostgreSQL; `options` are server settings of its sessions.

    PgBouncer takes no such options from its clients: there the pool named after the database and `pool` sets them.
    `answer_s`: a host that acknowledges nothing for so long is gone; without this a query would wait a quarter of an
    hour for a machine that lost its power.
    """
    parsed: dict[str, Any] = environ.Env.db_url_config(url or "postgres://unset@127.0.0.1/unset")
    parsed["ENGINE"] = "django.db.backends.postgresql"
    parsed["CONN_MAX_AGE"] = 60
    parsed["CONN_HEALTH_CHECKS"] = health_checks
    waits = {"connect_timeout": min(answer_s, 5), "tcp_user_timeout": answer_s * 1000}
    probes = {"keepalives_idle": answer_s, "keepalives_interval": answer_s}
    parsed["OPTIONS"] = {**parsed.get("OPTIONS", {}), **waits, **probes}
    if pooled:
        parsed["DISABLE_SERVER_SIDE_CURSORS"] = True
        parsed["NAME"] += pool
    elif options:
        parsed["OPTIONS"]["options"] = options
    return parsed


DATABASES = {
    "default": database(),
    # The webhook intake: a slow statement must become an answer within Chatwoot's 5 s, never a queue (section 3).
    "intake": database(
        options="-c statement_timeout=500 -c lock_timeout=300", pool="_intake", health_checks=False, answer_s=2
    ),
    # Audit rows of reads and denials are committed before a value is released, whatever the caller's transaction does.
    # In a pool of its own: whoever waits for it holds a connection of the first, and one pool would block itself.
    "audit": database(pool="_audit"),
}
DATABASES["default"]["TEST"] = {"NAME": env.text("PONTE_TEST_DB", default="test_ponte")}
if DATABASE_DIRECT_URL:
    DATABASES["direct"] = database(DATABASE_DIRECT_URL, pooled=False)
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = database(
        DATABASE_REPLICA_URL, options="-c statement_timeout=30000", pooled=False, answer_s=2
    )
    DATABASE_ROUTERS = ["config.db.router.ReplicaRouter"]
    MIDDLEWARE.append("config.db.router.ReplicaForLists")
for _alias in set(DATABASES) - {"default"}:
    DATABASES[_alias]["TEST"] = {"MIRROR": "default"}
# Whose sessions may keep locks and settings beyond a transaction.
MAINTENANCE = "direct" if DATABASE_DIRECT_URL else "default"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis and Celery: wake-ups, jobs and caches; their loss makes Ponte slower, never wrong. ----------------------------
REDIS_URL = env.redis("REDIS_URL", default="redis://127.0.0.1:6379/0")
SENTINELS = sentinels(REDIS_URL)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "ponte",
        "OPTIONS": {
            "pool_class": "config.sentinel.MasterPool", "socket_connect_timeout": 0.5, "socket_timeout": 0.5,
        },
    }
}  # fmt: skip
# RabbitMQ instead of Redis as broker, with quorum queues: one node lost loses no message.
BROKER_URL = env.brokers("PONTE_BROKER_URL")
CELERY_BROKER_URL = BROKER_URL or (SENTINELS.broker_url if SENTINELS else REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_TASK_ROUTES = {"bridge.tasks.wake": {"queue": "lanes"}}
CELERY_TASK_TIME_LIMIT = 3600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"socket_connect_timeout": 2, "socket_timeout": 5}
if BROKER_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}
    CELERY_TASK_DEFAULT_QUEUE_TYPE = CELERY_TASK_CREATE_MISSING_QUEUE_TYPE = "quorum"
elif SENTINELS:
    CELERY_BROKER_TRANSPORT_OPTIONS |= SENTINELS.broker_options
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# Approved removals begin then, by the clock of most clinics whatever summer time may come (seed 000).
MONTHLY = TzAwareCrontab(minute=0, hour=2, day_of_month=1, tz=ZoneInfo("America/Sao_Paulo"))
CELERY_BEAT_SCHEDULE = {
    "partitions": {"task": "config.tasks.partitions", "schedule": 24 * 3600.0},
    "connection-settings": {"task": "bridge.tasks.refresh_settings", "schedule": 3600.0},
    "reconcile": {"task": "bridge.tasks.reconcile", "schedule": 60.0},
    "reconcile-nightly": {"task": "bridge.tasks.reconcile_nightly", "schedule": crontab(hour=6, minute=10)},
    # A late kick helps nobody: the next one comes in 30 s.
    "jobs": {"task": "bridge.tasks.run_jobs", "schedule": 30.0, "options": {"expires": 30}},
    "audit-seal": {"task": "audit.tasks.seal", "schedule": 4.0, "options": {"expires": 8.0}},
    "audit-verify": {"task": "audit.tasks.verify", "schedule": 3600.0},
    "audit-verify-full": {"task": "audit.tasks.verify_full", "schedule": crontab(hour=4, minute=40, day_of_week="sun")},
    "insights": {"task": "insights.tasks.refresh_changed", "schedule": 15.0, "options": {"expires": 15}},
    "insights-nightly": {"task": "insights.tasks.refresh_nightly", "schedule": crontab(hour=5, minute=20)},
    "failure-groups": {"task": "bridge.tasks.watch_groups", "schedule": 60.0, "options": {"expires": 60}},
    "panel": {"task": "bridge.tasks.panel", "schedule": 3600.0},
    "exports": {"task": "consent.tasks.run_exports", "schedule": 30.0, "options": {"expires": 30}},
    "identity-codes": {"task": "consent.tasks.send_codes", "schedule": 5.0, "options": {"expires": 5}},
    "erasures-verified": {"task": "consent.tasks.verify_erasures", "schedule": 3600.0},
    "erasures": {"task": "consent.tasks.run_erasures", "schedule": 30.0, "options": {"expires": 30}},
    "exports-expired": {"task": "consent.tasks.destroy_expired_exports", "schedule": 3600.0},
    "representative-documents": {"task": "consent.tasks.forget_documents", "schedule": 24 * 3600.0},
    "retention-plan": {"task": "consent.tasks.plan_retention", "schedule": crontab(hour=3, minute=30)},
    "retention-monthly": {"task": "consent.tasks.run_retention", "schedule": MONTHLY},
    "retention-goes-on": {"task": "consent.tasks.run_retention", "schedule": 300.0, "options": {"expires": 300}},
    "inbound-retention": {"task": "bridge.tasks.empty_old_bodies", "schedule": 3600.0},
    "backup": {"task": "bridge.tasks.backup", "schedule": crontab(hour=6, minute=30)},
    "restore-test": {"task": "bridge.tasks.test_restore", "schedule": crontab(hour=7, minute=30, day_of_month="15")},
    "health": {"task": "bridge.tasks.watch_health", "schedule": 60.0, "options": {"expires": 60}},
    "digests": {"task": "bridge.tasks.digests", "schedule": 600.0, "options": {"expires": 600}},
    "certificates": {"task": "bridge.tasks.look_at_certificates", "schedule": 3600.0},
}
CELERY_TIMEZONE = "UTC"

# People, sessions, pages ---------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "consent.User"
# The first makes new ones; the second still reads those of earlier versions, and rewrites them at the next sign-in.
PASSWORD_HASHERS = ["consent.access.hashers.Argon2", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
     "OPTIONS": {"user_attributes": ("email", "name")}},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]  # fmt: skip
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Brazilian Portuguese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
TIME_ZONE = "America/Sao_Paulo"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True

# In the database: Redis away signs nobody out, and what a session knows never leaves the server.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_TLS = urlsplit(PUBLIC_URL).scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE_TLS
SECURE_HSTS_SECONDS = 31536000 if SECURE_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_TLS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("PONTE_BEHIND_TLS_PROXY", default=False) else None
)
# A delivery that came in clear has been seen already; a redirect would only lose it, since it is never sent again.
# The proxy asks each web process without TLS whether it is ready, and would take a redirect for a yes.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^(?:health|status|metrics)$", r"^webhooks/"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Mail for invitations: smtp:// or smtps:// with user and password; without it their links are shown once, to be copied.
MAIL_URL = env.url("PONTE_MAIL_URL", schemes=("smtp", "smtps"), default="")
MAIL_IS_SET_UP = bool(MAIL_URL)
if MAIL_IS_SET_UP:
    _mail = urlsplit(MAIL_URL)
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or (465 if _mail.scheme == "smtps" else 587)
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_USE_TLS = not EMAIL_USE_SSL
    EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("PONTE_MAIL_FROM", default="ponte@localhost")
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# The REST API. Pages of other sites may call it only where a live key lists them (bridge.api.cors).
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_METHODS = ("GET", "POST")
CORS_ALLOW_HEADERS = ("accept", "authorization", "content-type")
CORS_EXPOSE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After")
CORS_PREFLIGHT_MAX_AGE = 600
REST_FRAMEWORK = {
    # Addresses open themselves to keys (bridge.api.route); whatever forgets to is closed.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "bridge.api.problems.answer",
    "NON_FIELD_ERRORS_KEY": "body",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Ponte",
    "VERSION": "1",
    "DESCRIPTION": _(
        "Masked reading and few writes for other programs of the clinic. Every call carries a key: Authorization: "
        "Bearer <key>. Lists are read page by page: send next_cursor back as cursor. A key has 1,000 calls a minute, "
        "10 where something is changed."
    ),
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {
        "ConnectionState": "bridge.models.Connection.State",
        "ConsentState": "consent.models.ConsentEvent.State",
        "ConversationStatus": "bridge.models.ObservedConversation.Status",
        "EventStatus": "bridge.models.WebhookEvent.Status",
        "JobState": "bridge.models.SyncJob.State",
        "StageRequestState": "bridge.models.Wish.State",
    },
    "PATH_CONVERTER_OVERRIDES": {
        "number": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 10**18 - 1},
    },
}

# Audit: one custom table for django-auditlog's diffs and our explicit events (DESIGN section 11). ---------------------
AUDITLOG_LOGENTRY_MODEL = "audit.AuditLog"
AUDITLOG_STORE_JSON_CHANGES = True
MIGRATION_MODULES = {"auditlog": None}

# The bridge ----------------------------------------------------------------------------------------------------------
CHATWOOT_BODY_LIMIT = 4 * 1024 * 1024
KRAYIN_BODY_LIMIT = 64 * 1024
SIGNATURE_WINDOW_S = 300
LEASE_S = env.number("PONTE_LEASE_S", default=60, at_least=1)
# Where verified deliveries wait on this host while PostgreSQL is away, and how many bytes may.
SPOOL_DIR = Path(env.text("PONTE_SPOOL_DIR", default=str(VAR_DIR / "spool")))
SPOOL_LIMIT_BYTES = env.number("PONTE_SPOOL_LIMIT_BYTES", default=1024**3, at_least=1024**2)
# Export packages of people, sealed with their keys; web and workers share this folder (lgpd section 9).
EXPORT_DIR = Path(env.text("PONTE_EXPORT_DIR", default=str(VAR_DIR / "exports")))
# How long after an unfinished call Ponte waits before it looks whether Krayin wrote it (DESIGN section 6).
SETTLE_S = env.number("PONTE_SETTLE_S", default=45)
# A field that is carried from one side to the other more often than this, within this time, waits for a person.
FLIPS_PER_WINDOW = env.number("PONTE_FLIPS_PER_WINDOW", default=3, at_least=1)
FLIP_WINDOW_S = env.number("PONTE_FLIP_WINDOW_S", default=600, at_least=1)

# Who may read /status and /metrics: a bearer of this token; without one only this machine itself.
METRICS_TOKEN = env.text("PONTE_METRICS_TOKEN", default="", at_least=24)
# Hosts of one's own network that alerts may be posted to; all others must be public (bridge.alerts.outside).
ALERT_HOSTS = env.words("PONTE_ALERT_HOSTS", default=[])

# Whether this installation may ask language models at all; each clinic switches its own on (insights.language).
LANGUAGE_MODEL = env.flag("PONTE_LANGUAGE_MODEL", default=False)

# Backups (bridge.backup): where they go, what seals them (a key of its own: who finds the backups and the master keys
# must still not read them), and for how many days; the people's data keys leave earlier than the data.
BACKUP_TO = env.place("PONTE_BACKUP_TO")
BACKUP_KEYS = env.keys("PONTE_BACKUP_KEYS", is_optional=True)
BACKUP_DAYS = env.number("PONTE_BACKUP_DAYS", default=30, at_least=1)
BACKUP_KEY_DAYS = env.number("PONTE_BACKUP_KEY_DAYS", default=7, at_least=1)
BACKUP_S3_ENDPOINT = env.url("PONTE_BACKUP_S3_ENDPOINT", schemes=("https", "http"), default="")
BACKUP_S3_REGION = env.text("PONTE_BACKUP_S3_REGION", default="us-east-1")
BACKUP_S3_ACCESS_KEY = env.text("PONTE_BACKUP_S3_ACCESS_KEY", default="")
BACKUP_S3_SECRET_KEY = env.text("PONTE_BACKUP_S3_SECRET_KEY", default="")
if BACKUP_TO and not BACKUP_KEYS:
    env.refuse("PONTE_BACKUP_KEYS", "is missing although PONTE_BACKUP_TO is set", "make a key of its own for backups")
if set(BACKUP_KEYS.values()) & {*MASTER_KEYS.values(), *BLIND_KEYS.values(), *AUDIT_KEYS.values()}:
    env.refuse("PONTE_BACKUP_KEYS", "repeats a key that has another purpose", "make a key of its own for backups")
if not BACKUP_KEY_DAYS <= BACKUP_DAYS <= 35:
    env.refuse("PONTE_BACKUP_DAYS", "is over 35 or below PONTE_BACKUP_KEY_DAYS", "use 30 and 7, or fewer days")
if bool(BACKUP_S3_ACCESS_KEY) != bool(BACKUP_S3_SECRET_KEY):
    env.refuse("PONTE_BACKUP_S3_SECRET_KEY", "and PONTE_BACKUP_S3_ACCESS_KEY belong together", "set both or none")

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOGGING = dict_config(env.choice("PONTE_LOG_LEVEL", among=LOG_LEVELS, default="INFO"), human=DEBUG)

ENVIRONMENT_PROBLEMS = tuple(env.problems)
