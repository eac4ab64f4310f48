"""What a failed call means for the person who sets a connection up: what happened, and the next step."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.clients.chatwoot_setup import HEADER_DROPPED
from bridge.errors import CredentialsRefused, Paced, PartnerError

Text = str | Promise


class CannotConnect(Exception):
    """Something has to be changed first; the message says what and where."""


@dataclass(frozen=True)
class Problem:
    """`found` is what happened in plain words, `fix` what to do next."""

    found: Text
    fix: Text

    def __str__(self) -> str:
        return f"{self.found} {self.fix}"


# (partner or "", code) → problem. What both partners share is under "".
PROBLEMS: dict[tuple[str, str], Problem] = {
    ("", "cannot-connect"): Problem(
        gettext_lazy("Nothing answers at this address."),
        gettext_lazy("Check that it is written as in the browser, with https://, and that this server may reach it."),
    ),
    ("", "connect-timeout"): Problem(
        gettext_lazy("The address does not answer within 4 seconds."),
        gettext_lazy("Check the address, and whether a firewall lets this server through; then try again."),
    ),
    ("", "certificate-refused"): Problem(
        gettext_lazy("The certificate of this address is not valid."),
        gettext_lazy("Renew it there (expired, another name, or its chain is incomplete); Ponte never ignores it."),
    ),
    ("", "invalid-request"): Problem(
        gettext_lazy("This is no usable address."), gettext_lazy("Copy it from the browser's address bar.")
    ),
    ("", "redirected"): Problem(
        gettext_lazy("The address sends us on to another one."),
        gettext_lazy("Use the final address, usually with https:// and without www."),
    ),
    ("", "not-json"): Problem(
        gettext_lazy("A web page answers there, not the programming interface."),
        gettext_lazy("Give the address of the installation itself, without anything behind the name of the host."),
    ),
    ("chatwoot", "unknown-route"): Problem(
        gettext_lazy("There is no Chatwoot at this address."),
        gettext_lazy("Give the address with which you open Chatwoot, for instance https://chat.clinica.com.br."),
    ),
    ("chatwoot", "token-or-rights"): Problem(
        gettext_lazy("Chatwoot does not accept this access token."),
        gettext_lazy("In Chatwoot: Profile settings → Access token; copy the whole of it."),
    ),
    ("chatwoot", HEADER_DROPPED): Problem(
        gettext_lazy("The token does not reach Chatwoot: a proxy in front of it drops the header api_access_token."),
        gettext_lazy("In nginx: underscores_in_headers on; then reload it. In other proxies allow this header."),
    ),
    ("chatwoot", "api-disabled"): Problem(
        gettext_lazy("The programming interface is switched off for this Chatwoot account."),
        gettext_lazy("Ask Chatwoot's support, or choose a plan that includes it."),
    ),
    ("chatwoot", "plan"): Problem(
        gettext_lazy("The plan of this Chatwoot account does not include this."),
        gettext_lazy("Choose a plan that includes the programming interface."),
    ),
    ("chatwoot", "not-found"): Problem(
        gettext_lazy("Chatwoot does not know this account."), gettext_lazy("Check the number of the account.")
    ),
    ("krayin", "unknown-route"): Problem(
        gettext_lazy("Krayin's programming interface is not there: the REST package is missing or of another line."),
        gettext_lazy(
            "Install it on Krayin's server: for Krayin 2.0.5 to 2.1.x krayin/rest-api 2.1, for Krayin 2.2 "
            "tuaititecnologia/krayin-rest-api 3. If Krayin opens at another address, correct the address."
        ),
    ),
    ("krayin", "wrong-credentials"): Problem(
        gettext_lazy("Krayin does not accept this e-mail and password."),
        gettext_lazy("Sign in to Krayin with them in the browser; then type them here again."),
    ),
    ("krayin", "no-password-kept"): Problem(
        gettext_lazy("Krayin no longer accepts the token, and the password was not kept."),
        gettext_lazy("Type the password again; tick that it is kept if Ponte is to renew the access by itself."),
    ),
    ("krayin", "no-user"): Problem(
        gettext_lazy("There is no Krayin user yet."), gettext_lazy("Type e-mail and password of a user of its own.")
    ),
    ("krayin", "login-failed"): Problem(
        gettext_lazy("Krayin answers, but cannot sign anybody in now."),
        gettext_lazy("Try again in a minute. If it stays so, Krayin's database or its settings need a look."),
    ),
}
UNKNOWN = {
    "chatwoot": Problem(
        gettext_lazy("Chatwoot did not finish its answer."),
        gettext_lazy("Try again in a minute: what is done stays done, and the rest is made then."),
    ),
    "krayin": Problem(
        gettext_lazy("Krayin did not finish its answer."),
        gettext_lazy("Try again in a minute: what is done stays done, and the rest is made then."),
    ),
}
REFUSED = Problem(
    gettext_lazy("The partner refused what was asked."), gettext_lazy("See the technical detail, then try again.")
)
PACED = Problem(
    gettext_lazy("The limit of calls is used up for this minute."), gettext_lazy("Wait a minute and try again.")
)


def problem_of(error: PartnerError) -> Problem:
    """What a person reads about a failed call, with the technical part at the end of the fix."""
    if isinstance(error, Paced):
        return PACED
    found = PROBLEMS.get((error.partner, error.code)) or PROBLEMS.get(("", error.code))
    if found is None and isinstance(error, CredentialsRefused):
        found = PROBLEMS[error.partner, "token-or-rights" if error.partner == "chatwoot" else "wrong-credentials"]
    if found:
        return found
    if error.status is not None and 400 <= error.status < 500:
        return Problem(REFUSED.found, _("%(fix)s (%(detail)s)") % {"fix": REFUSED.fix, "detail": error})
    return UNKNOWN.get(error.partner, REFUSED)
