"""The optional language model: settings per clinic, kill switch, record of the questions."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import consent.encryption.fields
import insights.models.language


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0007_back"),
        ("consent", "0001_initial"),
        ("insights", "0004_outcomes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LanguageCall",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "task",
                    models.CharField(
                        choices=[
                            ("summary", "Summary"),
                            ("order", "Order of the suggestions"),
                            ("draft", "Draft of a reply"),
                        ],
                        db_comment="summary, order or draft",
                        max_length=10,
                    ),
                ),
                ("asked_at", models.DateTimeField(db_comment="When it was asked")),
                (
                    "sent_at",
                    models.DateTimeField(db_comment="When it was given to the provider; NULL: nothing left", null=True),
                ),
                ("provider", models.CharField(blank=True, db_comment="anthropic, openai or local", max_length=10)),
                ("model", models.CharField(blank=True, db_comment="Model asked", max_length=100)),
                ("prompt_version", models.CharField(db_comment="Version of our own instructions", max_length=10)),
                ("input_digest", models.BinaryField(db_comment="Keyed digest of the masked input", null=True)),
                ("input_chars", models.IntegerField(db_comment="Length of the masked input", default=0)),
                (
                    "tokens_in",
                    models.IntegerField(db_comment="As the provider counted; NULL: it did not say", null=True),
                ),
                (
                    "tokens_out",
                    models.IntegerField(db_comment="As the provider counted; NULL: it did not say", null=True),
                ),
                (
                    "cost",
                    models.DecimalField(
                        db_comment="The worst case until the answer tells",
                        decimal_places=6,
                        default=Decimal("0"),
                        max_digits=12,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("refused", "not sent"),
                            ("sent", "sent"),
                            ("answered", "answered"),
                            ("failed", "no usable answer"),
                            ("discarded", "answer discarded"),
                        ],
                        db_comment="refused, sent, answered, failed, discarded",
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, db_comment="Code: why not sent, failed or discarded", max_length=40),
                ),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "clinic",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.clinic",
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="bridge.observedconversation",
                    ),
                ),
            ],
            options={
                "db_table": "language_calls",
                "db_table_comment": "Questions to language models: sizes, digests, cost, outcome; never a text",
                "indexes": [models.Index(fields=["clinic", "-asked_at"], name="language_calls_clinic")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["refused", "sent", "answered", "failed", "discarded"])),
                        name="language_calls_outcome",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cost", 0), ("outcome", "refused"), ("sent_at__isnull", True)),
                            models.Q(
                                models.Q(("outcome", "refused"), _negated=True),
                                ("cost__gte", 0),
                                ("sent_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="language_calls_sent",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LanguageSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_on", models.BooleanField(default=False, editable=False, verbose_name="switched on")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("anthropic", "Anthropic"),
                            ("openai", "OpenAI or compatible"),
                            ("local", "own server, compatible with OpenAI"),
                        ],
                        db_comment="anthropic, openai or local",
                        max_length=10,
                        verbose_name="provider",
                    ),
                ),
                (
                    "base_url",
                    models.CharField(
                        help_text="For example https://api.anthropic.com or https://api.openai.com/v1",
                        max_length=200,
                        validators=[insights.models.language.validate_address],
                        verbose_name="address",
                    ),
                ),
                (
                    "model",
                    models.CharField(
                        help_text="As the provider writes it, with its version.", max_length=100, verbose_name="model"
                    ),
                ),
                ("api_key", consent.encryption.fields.SealedField(null=True)),
                (
                    "contract",
                    models.CharField(
                        blank=True, help_text="Number or date; who signed.", max_length=200, verbose_name="contract"
                    ),
                ),
                (
                    "region",
                    models.CharField(
                        blank=True,
                        help_text="Two letters, for example BR or US.",
                        max_length=2,
                        verbose_name="country of processing",
                    ),
                ),
                (
                    "retention_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="As the contract says; 0 for none.",
                        null=True,
                        verbose_name="days the provider keeps what it gets",
                    ),
                ),
                (
                    "training_off",
                    models.BooleanField(default=False, verbose_name="the contract forbids training with our data"),
                ),
                (
                    "transfer_clauses",
                    models.CharField(
                        blank=True,
                        help_text="Needed outside Brazil: ANPD Resolution 19/2024.",
                        max_length=200,
                        verbose_name="clauses for the transfer abroad",
                    ),
                ),
                ("currency", models.CharField(default="USD", max_length=3, verbose_name="currency")),
                (
                    "price_in",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0"),
                        max_digits=9,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="price of a million tokens sent",
                    ),
                ),
                (
                    "price_out",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0"),
                        max_digits=9,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="price of a million tokens answered",
                    ),
                ),
                ("calls_per_day", models.PositiveIntegerField(default=50, verbose_name="calls a day")),
                ("calls_per_month", models.PositiveIntegerField(default=500, verbose_name="calls a month")),
                (
                    "cost_per_day",
                    models.DecimalField(
                        decimal_places=2,
                        default=Decimal("2"),
                        max_digits=9,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cost a day",
                    ),
                ),
                (
                    "cost_per_month",
                    models.DecimalField(
                        decimal_places=2,
                        default=Decimal("20"),
                        max_digits=9,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cost a month",
                    ),
                ),
                (
                    "timeout_s",
                    models.PositiveSmallIntegerField(
                        default=20,
                        validators=[
                            django.core.validators.MinValueValidator(2),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="seconds to wait for an answer",
                    ),
                ),
                ("failures", models.PositiveSmallIntegerField(db_comment="In a row", default=0, editable=False)),
                (
                    "paused_until",
                    models.DateTimeField(db_comment="Nobody asks before, after failures", editable=False, null=True),
                ),
                (
                    "clinic",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="language_settings",
                        to="consent.clinic",
                        verbose_name="clinic",
                    ),
                ),
            ],
            options={
                "verbose_name": "language model",
                "verbose_name_plural": "language model",
                "db_table": "language_settings",
                "db_table_comment": "Language model of a clinic: provider, contract, limits, breaker; off by default",
                "ordering": ["clinic__trade_name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["anthropic", "openai", "local"])),
                        name="language_settings_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LanguageStop",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                (
                    "at",
                    models.DateTimeField(db_comment="Since when", db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "stop of the language model",
                "db_table": "language_stop",
                "db_table_comment": "Kill switch of the language model: a row stops it for every clinic",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="language_stop_one")],
            },
        ),
    ]
