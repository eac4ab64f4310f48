import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from config.db.operations import CreatePartitionedModel


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreatePartitionedModel(
            name='AuditLog',
            partition_by='timestamp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('timestamp', models.DateTimeField(db_column='created_at', db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='when')),
                ('action', models.CharField(db_comment='create, update, delete, read, reveal, …', max_length=50, verbose_name='action')),
                ('actor_type', models.CharField(choices=[('staff', 'Staff'), ('system', 'System'), ('remote', 'Partner system'), ('person', 'Data subject')], max_length=8, verbose_name='kind of actor')),
                ('actor_ref', models.CharField(blank=True, max_length=64, verbose_name="actor's id")),
                ('clinic_id', models.BigIntegerField(db_comment='The controller; without constraint.', null=True, verbose_name='clinic')),
                ('subject', models.UUIDField(db_comment='Pseudonym of consent.DataSubject, never its id.', null=True, verbose_name='person')),
                ('object_type', models.CharField(blank=True, db_comment='app.Model', max_length=100, verbose_name='kind of object')),
                ('object_id', models.CharField(blank=True, max_length=64, verbose_name='object')),
                ('fields', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), db_comment='Names.', default=list, size=None, verbose_name='fields')),
                ('purpose', models.CharField(blank=True, max_length=32, verbose_name='purpose')),
                ('outcome', models.CharField(choices=[('ok', 'Done'), ('denied', 'Denied'), ('failed', 'Failed')], max_length=8, verbose_name='outcome')),
                ('reason_code', models.CharField(blank=True, max_length=64, verbose_name='reason')),
                ('request_id', models.CharField(blank=True, max_length=64, verbose_name='request')),
                ('actor', models.ForeignKey(db_column='user_id', db_comment='Set for staff; without constraint, because the row outlives the account.', db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='actor')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit trail',
                'db_table': 'audit_logs',
                'db_table_comment': 'What happened, by whom. Insert only; no personal data. By quarter of created_at.',
                'ordering': ['-timestamp'],
                'get_latest_by': 'timestamp',
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['actor', '-timestamp'], name='idx_audit_logs_user'), models.Index(fields=['object_type', 'object_id', '-timestamp'], name='idx_audit_logs_model'), models.Index(fields=['action', '-timestamp'], name='idx_audit_logs_action'), models.Index(fields=['-timestamp'], name='idx_audit_logs_created_at'), models.Index(fields=['clinic_id', '-timestamp'], name='idx_audit_logs_clinic'), models.Index(fields=['subject', '-timestamp'], name='idx_audit_logs_subject')],
                'constraints': [models.CheckConstraint(condition=models.Q(('actor_type__in', ['staff', 'system', 'remote', 'person'])), name='chk_audit_logs_actor_type'), models.CheckConstraint(condition=models.Q(('outcome__in', ['ok', 'denied', 'failed'])), name='chk_audit_logs_outcome')],
            },
        ),
    ]
