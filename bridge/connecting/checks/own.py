"""What has to be in order on our own side."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.connecting.checks.base import Check, Finding
from bridge.connecting.look import Look


class Policy(Check):
    code = "POLICY_CONFIRMED"
    title = gettext_lazy("Legal bases confirmed")
    why = gettext_lazy("Before the data protection officer confirmed them, nothing is written to Krayin.")
    fix = gettext_lazy("The data protection officer confirms them under What to send, or under Clinics.")
    needs_connection = True

    def look(self, look: Look) -> Finding:
        clinic = look.connection.clinic
        if clinic.has_confirmed_policy:
            return self.ok(_("Confirmed."))
        return self.warn(
            _("Nobody has confirmed the legal bases of this clinic: the connection can only be in shadow.")
        )
