"""Texts that a clinic's data protection officer has approved, for tests that need people to read something."""

from datetime import UTC, datetime

from consent.models import Clinic, ServedText, TextKind, TextVersion, User
from consent.models.texts import digest, shown

LONG_AGO = datetime(2019, 1, 1, tzinfo=UTC)
BODY = "Podemos enviar novidades e promoções da clínica para este número?"
CONSEQUENCES = "Se você disser não, nada muda no seu atendimento."
REPLIES = {
    TextKind.WITHDRAWAL: "Pronto: paramos de enviar. Seu atendimento continua. A eliminação é um direito à parte.",
    TextKind.CANCEL_QUESTION: "Você quer cancelar a consulta ou parar as mensagens?",
    TextKind.CONSENT_GIVEN: "Obrigada. Você pode mudar de ideia escrevendo SAIR.",
    TextKind.CONSENT_REFUSED: "Tudo bem. Seu atendimento continua igual.",
}


def approve(clinic: Clinic, kind: str, body: str, *, purpose: str = "", consequences: str = "") -> TextVersion:
    """The first version of a text, in force for years."""
    return TextVersion.objects.create(
        clinic=clinic, kind=kind, purpose=purpose, number=1, body=body, consequences=consequences,
        layout="box-1" if purpose else "", sha256=digest(shown(body, consequences)), state="approved", change="first",
        valid_from=LONG_AGO, approved_at=LONG_AGO,
    )  # fmt: skip


def approve_all(clinic: Clinic) -> TextVersion:
    """Every text the conversation needs; returns the marketing text. Confirms the policy, too."""
    officer, _made = User.objects.get_or_create(email="encarregada@clinica.exemplo")
    if not clinic.has_confirmed_policy:
        clinic.confirm_policy(by=officer, now=LONG_AGO)
    for kind, body in REPLIES.items():
        approve(clinic, kind, body)
    approve(
        clinic, "consent", "Um programa pode resumir a conversa?", purpose="language_model", consequences=CONSEQUENCES
    )
    return approve(clinic, "consent", BODY, purpose="marketing", consequences=CONSEQUENCES)


def show(text: TextVersion, subject: object, at: datetime, channel: str = "page") -> ServedText:
    """The showing of a text, at any time."""
    return ServedText.objects.create(
        version=text, subject=subject, channel=channel, sha256=digest(text.shown), served_at=at
    )  # fmt: skip
