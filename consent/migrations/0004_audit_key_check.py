"""The proofs of the configured keys cover the audit keys, too."""

from django.db import migrations, models

KINDS = [("master", "Master key"), ("blind", "Blind index key"), ("audit", "Audit key")]


class Migration(migrations.Migration):
    dependencies = [("consent", "0003_access")]

    operations = [
        migrations.RemoveConstraint(model_name="keycheck", name="chk_key_checks_kind"),
        # On the way back the old rule would not hold for these rows; they are made anew by the next migrate.
        migrations.RunSQL(migrations.RunSQL.noop, "DELETE FROM keys.key_checks WHERE kind = 'audit'"),
        migrations.AlterField(model_name="keycheck", name="kind", field=models.CharField(choices=KINDS, max_length=8)),
        migrations.AlterField(
            model_name="keycheck",
            name="known",
            field=models.BinaryField(db_comment="A fixed text sealed (master) or signed (blind, audit) with the key."),
        ),
        migrations.AddConstraint(
            model_name="keycheck",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["master", "blind", "audit"])), name="chk_key_checks_kind"
            ),
        ),
    ]
