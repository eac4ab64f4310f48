"""A breaker per connection and partner instead of one per connection; turns and windows of the call budgets.

What the old columns say is not carried over: a partner that is still away fails at the next call.
"""

import datetime

import django.db.models.deletion
from django.db import migrations, models

LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


class Migration(migrations.Migration):
    dependencies = [("bridge", "0003_jobs")]

    operations = [
        migrations.CreateModel(
            name="Breaker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "partner",
                    models.CharField(
                        choices=[("krayin", "Krayin"), ("chatwoot", "Chatwoot"), ("ponte", "Ponte")],
                        db_comment="krayin, chatwoot, or ponte: our own defect",
                        max_length=10,
                    ),
                ),
                (
                    "problem",
                    models.CharField(db_comment="Why it cannot be used; codes of bridge.causes", max_length=40),
                ),
                ("since", models.DateTimeField(db_comment="First failure of this problem")),
                ("failures_in_a_row", models.PositiveIntegerField(db_comment="Probes that failed", default=1)),
                (
                    "paused_until",
                    models.DateTimeField(
                        db_comment="Next probe; until then nobody calls the partner for this connection"
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="breakers", to="bridge.connection"
                    ),
                ),
            ],
            options={
                "db_table": "breakers",
                "db_table_comment": "One row per connection and partner that is away; no row means no problem",
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "partner"), name="breakers_one_per_partner"),
                    models.CheckConstraint(
                        condition=models.Q(("partner__in", ["krayin", "chatwoot", "ponte"])), name="breakers_partner"
                    ),
                ],
            },
        ),
        migrations.RemoveField(model_name="connection", name="paused_until"),
        migrations.RemoveField(model_name="connection", name="problem"),
        migrations.RemoveField(model_name="connection", name="problem_since"),
        migrations.RemoveField(model_name="connection", name="failures_in_a_row"),
        migrations.AddField(
            model_name="callbudget",
            name="queued_until",
            field=models.DateTimeField(
                db_comment="Turn of the last one who was told to come back", db_default=LONG_AGO, default=LONG_AGO
            ),
        ),
        migrations.AddField(
            model_name="callbudget",
            name="window_until",
            field=models.DateTimeField(
                db_comment="End of the partner's fixed window, where one was seen to open",
                db_default=LONG_AGO,
                default=LONG_AGO,
            ),
        ),
        migrations.AddField(
            model_name="krayinuser",
            name="refused_logins",
            field=models.PositiveSmallIntegerField(
                db_comment="In a row; nobody signs in before login_until", db_default=0, default=0, editable=False
            ),
        ),
    ]
