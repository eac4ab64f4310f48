"""The words of the frame's script, from the one catalogue."""

from django.utils.translation import gettext as _


def texts() -> dict[str, str]:
    """By the name the script uses."""
    return {
        "signIn": _("Sign in to Ponte"),
        "signInWhy": _("Sign in to see this conversation's person and opportunity."),
        "signInBlocked": _("The browser did not open the window. Allow windows of this site and try again."),
        "signOut": _("Sign out"),
        "outside": _("Open this panel inside a conversation in Chatwoot."),
        "loading": _("Loading…"),
        "offline": _("Ponte does not answer. Try again in a moment."),
        "again": _("Try again"),
        "person": _("Person"),
        "opportunity": _("Opportunity"),
        "stage": _("Stage"),
        "value": _("Value"),
        "owner": _("Owner"),
        "noValue": _("no value"),
        "noOwner": _("no owner"),
        "closed": _("closed"),
        "noOpportunity": _("No opportunity yet"),
        "gone": _("This opportunity was deleted in Krayin."),
        "open": _("Open in Krayin"),
        "openPerson": _("Open the person in Krayin"),
        "hints": _("Hints"),
        "why": _("Why?"),
        "dismiss": _("Put aside"),
        "judges": _("The score judges the clinic's service, never the patient."),
        "others": _("Other open opportunities"),
        "asked": _("Asked for"),
        "undecided": _("Unlinked. The clinic's management links it in Ponte, or you create an opportunity for a new person."),  # noqa: E501
        "move": _("Change the stage"),
        "moveTo": _("New stage"),
        "create": _("Create opportunity"),
        "createAsk": _("Create another opportunity for this person? The conversation goes on there; notes already written stay where they are."),  # noqa: E501
        "createNewAsk": _("Create a new person and opportunity in Krayin for this contact?"),
        "notPerson": _("Not this person"),
        "notPersonAsk": _("Unlink this contact? Person and opportunity stay in Krayin. Notes already written stay there until somebody deletes them. Nothing more is sent until somebody says who the contact is; then the notes are written again at the right place."),  # noqa: E501
        "keepBack": _("Do not send this conversation"),
        "keepBackAsk": _("Keep this conversation back? Nothing more of it is written to Krayin; what is there stays."),
        "sendAgain": _("Send this conversation again"),
        "sendAgainAsk": _("Send this conversation again? What was said meanwhile is written, too."),
        "note": _("Note to the CRM"),
        "noteHint": _("Written at the opportunity in Krayin, with your name. The patient does not see it."),
        "write": _("Write the note"),
        "sync": _("Sync now"),
        "confirm": _("Confirm"),
        "cancel": _("Cancel"),
        "saved": _("Noted. Ponte writes it to Krayin in a moment."),
        "more": _("More"),
        **rights_texts(),
    }  # fmt: skip


def rights_texts() -> dict[str, str]:
    """F2."""
    return {
        "rights": _("Consent and rights"),
        "askConsent": _("Ask for consent"),
        "askConsentAsk": _("Send this question to the person? It goes with two buttons, yes and no."),
        "ifNo": _("If the person says no:"),
        "writeDown": _("Write down what the person said"),
        "purpose": _("Purpose"),
        "whatSaid": _("What the person said"),
        "saidYes": _("Yes"),
        "saidNo": _("No"),
        "evidence": _("Message that proves it"),
        "noMessages": _("The person wrote nothing in this conversation that could prove it."),
        "takeIn": _("Register a request"),
        "takeInAsk": _("What the person asks for. Identity is checked afterwards; tell the protocol at once."),
        "guardian": _("Responsible for a minor"),
        "guardianAsk": _("Is whoever writes responsible for a minor patient? Nothing optional goes on until the data protection officer has verified the guardian."),  # noqa: E501
        "isMinor": _("Marked: a minor is concerned; the guardian is verified by the data protection officer."),
        "waitingFor": _("Waiting for an answer"),
    }  # fmt: skip
