"""Tables of the packages Ponte is built on."""

from dataclasses import replace

from consent.datamap.codes import Erasure, Processing
from consent.datamap.kinds import SETTING, STAFF, STAFF_SECRET, STATE, VISIT
from consent.datamap.shapes import Part, Place, model

MODELS = (
    # Who did what in the admin; model and id stand where Django would write the object's name (consent.scope).
    model(
        "admin.LogEntry",
        Part(STAFF, "id action_time user content_type object_id object_repr action_flag change_message"),
    ),
    model("auth.Permission", Part(SETTING, "id name content_type codename")),
    model("auth.Group", Part(SETTING, "id name")),
    model("auth.Group_permissions", Part(SETTING, "id group permission")),
    model("contenttypes.ContentType", Part(SETTING, "id app_label model")),
    model(
        "sessions.Session",
        Part(replace(STAFF_SECRET, erasure=Erasure.EXPIRE), "session_key session_data"),
        Part(STAFF, "expire_date"),
    ),
    model("django_celery_beat.SolarSchedule", Part(SETTING, "id event latitude longitude")),
    model("django_celery_beat.IntervalSchedule", Part(SETTING, "id every period")),
    model("django_celery_beat.ClockedSchedule", Part(SETTING, "id clocked_time")),
    model(
        "django_celery_beat.CrontabSchedule",
        Part(SETTING, "id minute hour day_of_month month_of_year day_of_week timezone"),
    ),
    model("django_celery_beat.PeriodicTasks", Part(STATE, "ident last_update")),
    model(
        "django_celery_beat.PeriodicTask",
        # Ponte's scheduled work has no arguments: what it does, it finds in the database.
        Part(
            SETTING,
            "id name task interval crontab solar clocked args kwargs queue exchange routing_key headers priority expires "
            "expire_seconds one_off start_time enabled description",
        ),
        Part(STATE, "last_run_at total_run_count date_changed"),
    ),
)

PLACES = (
    Place(
        "sessions-cookie",
        "cookie of the browser: session key",
        replace(VISIT, purposes=(Processing.STAFF_ACCESS,)),
    ),
)
