"""Keys of the REST API."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0004_breakers"),
        ("consent", "0002_insert_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('client', models.CharField(db_comment='Name of the program that uses the key', max_length=80, verbose_name='program')),
                ('prefix', models.CharField(db_comment='Public part of the key', max_length=12, unique=True, verbose_name='prefix')),
                ('digest', models.BinaryField(db_comment='HMAC-SHA-256 of prefix and secret; the secret is kept nowhere')),
                ('digest_key', models.CharField(db_comment='Which of PONTE_BLIND_KEYS made `digest`', max_length=16)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), db_comment='What it may do: bridge.models.Scope', size=None, verbose_name='may')),
                ('origins', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), blank=True, db_comment='Web sites whose pages may use the key from a browser (CORS)', default=list, size=None, verbose_name='web sites')),
                ('expires_at', models.DateTimeField(db_comment='From then on the key is refused', verbose_name='valid until')),
                ('last_used_at', models.DateTimeField(db_comment='Written at most once a minute', null=True, verbose_name='last used')),
                ('revoked_at', models.DateTimeField(db_comment='From then on the key is refused', null=True, verbose_name='revoked')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created')),
                ('clinic', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to='consent.clinic', verbose_name='clinic')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ('revoked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API key',
                'verbose_name_plural': 'API keys',
                'db_table': 'api_keys',
                'db_table_comment': 'Keys of the REST API: prefix and keyed hash, never the key',
                'indexes': [models.Index(fields=['clinic', '-created_at'], name='api_keys_of_clinic')],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('prefix__regex', '^[a-z0-9]{10}$')), name='api_keys_prefix'),
                    models.CheckConstraint(condition=models.Q(('scopes__len__gt', 0)), name='api_keys_some_scope'),
                ],
            },
        ),
    ]
