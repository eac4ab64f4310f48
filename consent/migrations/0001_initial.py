import consent.encryption.fields
import consent.validators
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        # Apart from the data, so that dumps can leave the keys out.
        migrations.RunSQL('CREATE SCHEMA IF NOT EXISTS keys', 'DROP SCHEMA IF EXISTS keys'),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail')),
                ('name', models.CharField(blank=True, max_length=150, verbose_name='name')),
                ('is_active', models.BooleanField(default=True, help_text='Instead of deleting an account.', verbose_name='active')),
                ('is_superuser', models.BooleanField(default=False, help_text='For emergencies only.', verbose_name='superuser')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'db_table': 'users',
                'db_table_comment': 'Staff accounts. Never patients.',
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='chk_users_email_lower')],
            },
        ),
        migrations.CreateModel(
            name='Clinic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('legal_name', models.CharField(max_length=200, verbose_name='legal name')),
                ('trade_name', models.CharField(max_length=200, verbose_name='trade name')),
                ('cnpj', models.CharField(blank=True, max_length=14, null=True, validators=[consent.validators.validate_cnpj], verbose_name='CNPJ')),
                ('time_zone', models.CharField(default='America/Sao_Paulo', max_length=64, validators=[consent.validators.validate_time_zone], verbose_name='time zone')),
                ('address', models.CharField(blank=True, max_length=300, verbose_name='address')),
                ('contact_email', models.EmailField(blank=True, max_length=254, verbose_name='contact e-mail')),
                ('contact_phone', models.CharField(blank=True, max_length=32, verbose_name='contact telephone')),
                ('dpo_name', models.CharField(blank=True, max_length=200, verbose_name='data protection officer')),
                ('dpo_contact', models.CharField(blank=True, max_length=200, verbose_name='contact of the data protection officer')),
                ('policy_version', models.CharField(blank=True, db_comment='Version of consent.policy; empty: not confirmed.', max_length=20, verbose_name='confirmed policy')),
                ('policy_confirmed_at', models.DateTimeField(blank=True, null=True, verbose_name='policy confirmed at')),
                ('is_example', models.BooleanField(db_comment='Removable; screens carry a band.', default=False, verbose_name='example data')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('policy_confirmed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='policy confirmed by')),
            ],
            options={
                'verbose_name': 'clinic',
                'verbose_name_plural': 'clinics',
                'db_table': 'clinics',
                'db_table_comment': 'Controllers (LGPD Art. 5 VI): one row per clinic.',
                'ordering': ['trade_name'],
            },
        ),
        migrations.CreateModel(
            name='DataKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('subject', 'Person'), ('day', 'Day of webhook bodies'), ('system', 'System')], max_length=8)),
                ('ref', models.CharField(db_comment="Person's UUID, ISO date, or the name of a system key.", max_length=64)),
                ('version', models.PositiveIntegerField(db_comment="1, 2, … per person; the day's ordinal number for day keys.")),
                ('wrapped', models.BinaryField(db_comment='The data key under a master key; null once destroyed.', null=True)),
                ('master_key_id', models.CharField(db_comment='Which key of PONTE_MASTER_KEYS wraps it.', max_length=16)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('destroyed_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'keys"."data_keys',
                'db_table_comment': 'Data keys, wrapped. Never part of a dump of the data.',
                'constraints': [models.UniqueConstraint(fields=('kind', 'ref', 'version'), name='uq_data_keys_owner_version'), models.CheckConstraint(condition=models.Q(('kind__in', ['subject', 'day', 'system'])), name='chk_data_keys_kind'), models.CheckConstraint(condition=models.Q(models.Q(('destroyed_at__isnull', True), ('wrapped__isnull', False)), models.Q(('destroyed_at__isnull', False), ('wrapped__isnull', True)), _connector='OR'), name='chk_data_keys_destroyed')],
            },
        ),
        migrations.CreateModel(
            name='DataSubject',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('pseudonym', models.UUIDField(db_comment='In audit rows; null after erasure.', default=uuid.uuid4, editable=False, null=True, unique=True)),
                ('blocked_at', models.DateTimeField(blank=True, db_comment='LGPD Art. 5 XIII.', null=True, verbose_name='blocked since')),
                ('has_hold', models.BooleanField(db_comment='Nothing may be removed.', default=False, verbose_name='legal hold')),
                ('opposed_purposes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('care_contact', 'Contact and opportunity'), ('conversation_summary', 'Conversation summary'), ('message_text', 'Message text'), ('marketing', 'Marketing'), ('language_model', 'Language model'), ('sharing', 'Sharing with others')], max_length=32), blank=True, db_comment='LGPD Art. 18 §2.', default=list, size=None, verbose_name='opposed purposes')),
                ('is_minor', models.BooleanField(default=False, verbose_name='minor')),
                ('erased_at', models.DateTimeField(blank=True, db_comment='The row stays, empty.', null=True, verbose_name='erased at')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('clinic', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subjects', to='consent.clinic', verbose_name='clinic')),
            ],
            options={
                'verbose_name': 'data subject',
                'verbose_name_plural': 'data subjects',
                'db_table': 'data_subjects',
                'db_table_comment': 'Data subjects (titulares), one row per person and clinic. No identifying data.',
            },
        ),
        migrations.CreateModel(
            name='ContactPoint',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('phone', 'Telephone'), ('email', 'E-mail'), ('identifier', 'Identifier')], max_length=10)),
                ('blind', models.BinaryField(db_comment='Keyed digest of the normalised value.', max_length=32, null=True)),
                ('blind_version', models.CharField(blank=True, db_comment='Which key of PONTE_BLIND_KEYS made it.', max_length=16)),
                ('value', consent.encryption.fields.SealedField(db_comment='Encrypted; null after erasure.', null=True)),
                ('mask', models.CharField(blank=True, db_comment='What lists show.', max_length=32)),
                ('is_shared', models.BooleanField(db_comment='Used by several people: never identifies one alone.', default=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('clinic', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consent.clinic')),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='contact_points', to='consent.datasubject')),
            ],
            options={
                'verbose_name': 'contact point',
                'verbose_name_plural': 'contact points',
                'db_table': 'contact_points',
                'db_table_comment': 'How people are reached; values encrypted, found by blind index.',
            },
        ),
        migrations.CreateModel(
            name='ConsentRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chatwoot_contact_id', models.BigIntegerField(blank=True, null=True)),
                ('krayin_lead_id', models.BigIntegerField(blank=True, null=True)),
                ('consent_type', models.CharField(choices=[('data_processing', 'Data processing'), ('marketing', 'Marketing'), ('health_data', 'Health data'), ('language_model', 'Language model')], max_length=50, verbose_name='type')),
                ('status', models.CharField(choices=[('granted', 'Granted'), ('denied', 'Denied'), ('withdrawn', 'Withdrawn')], max_length=20, verbose_name='status')),
                ('granted_at', models.DateTimeField(blank=True, null=True, verbose_name='granted at')),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True, verbose_name='withdrawn at')),
                ('ip_address', models.CharField(blank=True, db_comment='Id of the access log row that holds the address, never the address: it must expire after 6 months.', max_length=45, null=True)),
                ('user_agent', models.CharField(blank=True, db_comment='Id of the access log row that holds it, never the text.', max_length=45, null=True)),
                ('consent_text', models.TextField(db_comment='Exactly as shown; no personal data.', verbose_name='text shown')),
                ('consent_version', models.CharField(max_length=20, verbose_name='version of the text')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='recorded at')),
                ('updated_at', models.DateTimeField(db_comment='Equals created_at: rows never change.', db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('subject', models.ForeignKey(db_column='contact_id', db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='consent_records', to='consent.datasubject', verbose_name='data subject')),
            ],
            options={
                'verbose_name': 'consent record',
                'verbose_name_plural': 'consent records',
                'db_table': 'consent_records',
                'db_table_comment': 'LGPD Art. 8: every act about consent, one row each, insert only (R05).',
                'get_latest_by': 'created_at',
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('connection_id', models.BigIntegerField(db_comment='bridge.Connection; without constraint.', null=True)),
                ('purpose', models.CharField(choices=[('care_contact', 'Contact and opportunity'), ('conversation_summary', 'Conversation summary'), ('message_text', 'Message text'), ('marketing', 'Marketing'), ('language_model', 'Language model'), ('sharing', 'Sharing with others')], max_length=32, verbose_name='purpose')),
                ('category', models.CharField(choices=[('R01', 'Clinical record'), ('R02', 'Administrative care'), ('R03', 'Unconverted lead'), ('R04', 'Marketing')], max_length=8, verbose_name='category')),
                ('action', models.CharField(choices=[('preview', 'Show what would be written'), ('push', 'Write to a partner'), ('send', 'Send a message'), ('model', 'Call a language model'), ('erase', 'Erase')], max_length=16, verbose_name='action')),
                ('allowed', models.BooleanField(verbose_name='allowed')),
                ('base', models.CharField(max_length=10, verbose_name='legal base')),
                ('policy_version', models.CharField(max_length=20, verbose_name='policy')),
                ('reason', models.CharField(choices=[('allowed', 'Allowed'), ('erased', "The person's data are erased"), ('blocked', "The person's data are blocked"), ('hold', 'A legal hold forbids removal'), ('opposed', 'The person objected to this purpose'), ('minor', 'The person is a minor'), ('policy_not_confirmed', "The clinic's policy is not confirmed"), ('switched_off', "The connection's setting is off"), ('no_consent', 'There is no valid consent'), ('refused', 'The policy refuses this purpose')], max_length=32, verbose_name='reason')),
                ('decided_at', models.DateTimeField(verbose_name='decided at')),
                ('subject', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='consent.datasubject')),
            ],
            options={
                'verbose_name': 'decision',
                'verbose_name_plural': 'decisions',
                'db_table': 'decisions',
                'db_table_comment': 'Answers of the decision gate: who, for what, on which base, by which policy.',
            },
        ),
        migrations.CreateModel(
            name='KeyCheck',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('master', 'Master key'), ('blind', 'Blind index key')], max_length=8)),
                ('key_id', models.CharField(max_length=16)),
                ('fingerprint', models.BinaryField(db_comment='HMAC of a fixed text; tells keys apart without giving them away.')),
                ('known', models.BinaryField(db_comment='A fixed text sealed (master) or indexed (blind) with the key.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'keys"."key_checks',
                'db_table_comment': 'What the keys of the environment must agree with before Ponte starts.',
                'constraints': [models.UniqueConstraint(fields=('kind', 'key_id'), name='uq_key_checks_key'), models.CheckConstraint(condition=models.Q(('kind__in', ['master', 'blind'])), name='chk_key_checks_kind')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('technical_admin', 'Technical administrator'), ('clinic_manager', 'Clinic management'), ('supervisor', 'Supervision'), ('dpo', 'Data protection officer'), ('dpo_substitute', 'Substitute data protection officer'), ('attendant', 'Attendant'), ('auditor', 'Audit (read only)'), ('integration', 'Integration')], max_length=20, verbose_name='role')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('clinic', models.ForeignKey(blank=True, help_text='Empty means all clinics, for technical administrators only.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='consent.clinic', verbose_name='clinic')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
                'db_table': 'memberships',
                'db_table_comment': 'Who may do what in which clinic.',
            },
        ),
        migrations.AddConstraint(
            model_name='clinic',
            constraint=models.UniqueConstraint(fields=('cnpj',), name='uq_clinics_cnpj'),
        ),
        migrations.AddConstraint(
            model_name='clinic',
            constraint=models.CheckConstraint(condition=models.Q(('cnpj__isnull', True), ('cnpj__regex', '^[0-9A-Z]{12}[0-9]{2}$'), _connector='OR'), name='chk_clinics_cnpj'),
        ),
        migrations.AddConstraint(
            model_name='clinic',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('policy_confirmed_at', None), ('policy_confirmed_by', None), ('policy_version', '')), models.Q(models.Q(('policy_version', ''), _negated=True), ('policy_confirmed_at__isnull', False)), _connector='OR'), name='chk_clinics_policy'),
        ),
        migrations.AddConstraint(
            model_name='datasubject',
            constraint=models.CheckConstraint(condition=models.Q(('opposed_purposes__contained_by', ['care_contact', 'conversation_summary', 'message_text', 'marketing', 'language_model', 'sharing'])), name='chk_data_subjects_opposed'),
        ),
        migrations.AddIndex(
            model_name='contactpoint',
            index=models.Index(fields=['clinic', 'kind', 'blind'], name='idx_contact_points_blind'),
        ),
        migrations.AddConstraint(
            model_name='contactpoint',
            constraint=models.UniqueConstraint(fields=('subject', 'kind', 'blind'), name='uq_contact_points_subject'),
        ),
        migrations.AddConstraint(
            model_name='contactpoint',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['phone', 'email', 'identifier'])), name='chk_contact_points_kind'),
        ),
        migrations.AddIndex(
            model_name='consentrecord',
            index=models.Index(fields=['subject', 'consent_type', '-created_at'], name='idx_consent_contact_type'),
        ),
        migrations.AddIndex(
            model_name='consentrecord',
            index=models.Index(condition=models.Q(('chatwoot_contact_id__isnull', False)), fields=['chatwoot_contact_id'], name='idx_consent_chatwoot_contact'),
        ),
        migrations.AddIndex(
            model_name='consentrecord',
            index=models.Index(fields=['status', 'consent_type'], name='idx_consent_status'),
        ),
        migrations.AddIndex(
            model_name='consentrecord',
            index=models.Index(fields=['-created_at'], name='idx_consent_created_at'),
        ),
        migrations.AddIndex(
            model_name='consentrecord',
            index=models.Index(condition=models.Q(('status', 'granted'), ('withdrawn_at__isnull', True)), fields=['subject', 'consent_type'], name='idx_consent_valid'),
        ),
        migrations.AddConstraint(
            model_name='consentrecord',
            constraint=models.CheckConstraint(condition=models.Q(('consent_type__in', ['data_processing', 'marketing', 'health_data', 'language_model'])), name='chk_consent_type'),
        ),
        migrations.AddConstraint(
            model_name='consentrecord',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('granted_at__isnull', False), ('status', 'granted'), ('withdrawn_at__isnull', True)), models.Q(('status', 'withdrawn'), ('withdrawn_at__isnull', False)), models.Q(('granted_at__isnull', True), ('status', 'denied'), ('withdrawn_at__isnull', True)), _connector='OR'), name='chk_consent_status_dates'),
        ),
        migrations.AddConstraint(
            model_name='consentrecord',
            constraint=models.CheckConstraint(condition=models.Q(('withdrawn_at__isnull', True), ('granted_at__isnull', True), ('withdrawn_at__gte', models.F('granted_at')), _connector='OR'), name='chk_consent_dates_order'),
        ),
        migrations.AddConstraint(
            model_name='consentrecord',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ip_address__isnull', True), ('ip_address__regex', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'), _connector='OR'), models.Q(('user_agent__isnull', True), ('user_agent__regex', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'), _connector='OR')), name='chk_consent_references'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['subject', '-decided_at'], name='idx_decisions_subject'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(condition=models.Q(('allowed', False)), fields=['connection_id', '-decided_at'], name='idx_decisions_refused'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('purpose__in', ['care_contact', 'conversation_summary', 'message_text', 'marketing', 'language_model', 'sharing'])), name='chk_decisions_purpose'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('category__in', ['R01', 'R02', 'R03', 'R04'])), name='chk_decisions_category'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('action__in', ['preview', 'push', 'send', 'model', 'erase'])), name='chk_decisions_action'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['allowed', 'erased', 'blocked', 'hold', 'opposed', 'minor', 'policy_not_confirmed', 'switched_off', 'no_consent', 'refused'])), name='chk_decisions_reason'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('allowed', True), ('reason', 'allowed')), models.Q(('allowed', False), models.Q(('reason', 'allowed'), _negated=True)), _connector='OR'), name='chk_decisions_allowed'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('user', 'clinic', 'role'), name='uq_memberships_grant', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['technical_admin', 'clinic_manager', 'supervisor', 'dpo', 'dpo_substitute', 'attendant', 'auditor', 'integration'])), name='chk_memberships_role'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('clinic__isnull', False), ('role', 'technical_admin'), _connector='OR'), name='chk_memberships_all_clinics', violation_error_message='Only a technical administrator may have no clinic.'),
        ),
    ]
