"""The package for the authority (Art. 18 §1): one zip with history, texts, proofs and hashes of a request.

Written piece by piece; nobody's name is in a file name. What is opened for it is a reveal like any other.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, cast
from zoneinfo import ZoneInfo

from django.views.decorators.debug import sensitive_variables

from consent.designations import officer_of
from consent.encryption import Actor
from consent.models import DataRequest, RequestItem, User
from consent.requests import answers
from consent.requests.moving import note

SUMS = "SHA256SUMS"


class Pieces:
    """A file that is written only forwards; what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._held, self._at = bytearray(), 0

    def write(self, data: bytes) -> int:
        self._held += data
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        return None

    def take(self) -> bytes:
        taken, self._held = bytes(self._held), bytearray()
        return taken


def file_name(request: DataRequest) -> str:
    return f"requisicao-{request.protocol}.zip"


def package(request: DataRequest, *, by: User, now: datetime) -> Iterator[bytes]:
    """The bytes of the zip. Asked for first, so that nothing streams if it may not: raises RevealDenied."""
    note(request, "request.package", actor=Actor.staff(by), own_connection=True)
    files = list(_files(request, by=by, now=now))
    return _zipped(files, now.astimezone(ZoneInfo(request.clinic.time_zone)))


def _zipped(files: list[tuple[str, bytes]], when: datetime) -> Iterator[bytes]:
    pieces, sums = Pieces(), []
    with zipfile.ZipFile(cast(IO[bytes], pieces), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
            archive.writestr(zipfile.ZipInfo(name, when.timetuple()[:6]), data)
            yield pieces.take()
        archive.writestr(zipfile.ZipInfo(SUMS, when.timetuple()[:6]), "".join(sums))
    yield pieces.take()


@sensitive_variables()
def _files(request: DataRequest, *, by: User, now: datetime) -> Iterator[tuple[str, bytes]]:
    actor = Actor.staff(by)
    yield "LEIA-ME.txt", _read_me(request).encode()
    yield "requisicao.json", _json(_told(request, now))
    told = answers.asked(request, actor=actor)
    if "text" in told:
        yield "pedido.txt", told["text"].encode()
    items = list(request.items.all())
    for item in items:
        item.request = request
        yield f"{item.right}/historico.json", _json(list(_steps(item)))
        if item.answer is not None:
            yield f"{item.right}/resposta.txt", answers.opened(item, actor=actor).encode()
        if item.sent_at:
            yield f"{item.right}/prova.json", _json(_proof(item))
    yield "identidade.json", _json(_identity(request))


def _read_me(request: DataRequest) -> str:
    return (
        f"Pacote para a ANPD · protocolo {request.protocol}\n\n"
        "requisicao.json: o que foi pedido, quando, prazos, decisões e fundamentos.\n"
        "pedido.txt: o pedido, palavra por palavra.\n"
        "identidade.json: como a identidade foi confirmada.\n"
        "T../historico.json, resposta.txt, prova.json: cada direito, a resposta e a prova do envio.\n"
        f"{SUMS}: confira com o comando sha256sum -c {SUMS}.\n"
    )


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _told(request: DataRequest, now: datetime) -> dict[str, Any]:
    officer = officer_of(request.clinic, now)
    return {
        "protocolo": request.protocol,
        "controlador": {"nome": request.clinic.legal_name, "cnpj": request.clinic.cnpj or ""},
        "encarregado": {"nome": officer.name, "contato": officer.contact},
        "canal": str(request.get_channel_display()),
        "recebida_em": request.received_at.isoformat(),
        "regime": request.regime,
        "versao_das_regras": request.rules_version,
        "por_representante": request.by_representative,
        "repete": request.duplicate_of.protocol if request.duplicate_of else None,
        "gerado_em": now.isoformat(),
        "direitos": [_item_told(request, item) for item in request.items.all()],
    }


def _item_told(request: DataRequest, item: RequestItem) -> dict[str, Any]:
    item.request = request
    rule = answers.rule_of(item)
    refusal = answers.refusal_of(item, item.refusal_code) if item.refusal_code else None
    return {
        "codigo": item.right,
        "direito": rule.name,
        "fundamento": rule.article,
        "estado": item.state,
        "vence_em": item.due_at.isoformat(),
        "respondida_em": item.sent_at.isoformat() if item.sent_at else None,
        "no_prazo": item.sent_at <= item.due_at if item.sent_at else None,
        "decisao": item.decision,
        "recusa": {"codigo": refusal.code, "fundamento": refusal.article} if refusal else None,
        "conferencia": item.verified,
        "sha256_da_resposta": item.answer_sha256,
    }


def _steps(item: RequestItem) -> Iterator[dict[str, Any]]:
    """Staff by number, not by name: the authority asks the clinic for names it needs."""
    for step in item.steps.all():
        yield {
            "de": step.from_state,
            "para": step.to_state,
            "quando": step.at.isoformat(),
            "quem": f"{step.actor_kind} {step.actor_ref}" if step.actor_kind == "staff" else step.actor_kind,
            "motivo": step.reason,
            "versao_das_regras": step.rules_version,
        }


def _proof(item: RequestItem) -> dict[str, Any]:
    return {
        "via": item.sent_by_route,
        "quando": item.sent_at.isoformat() if item.sent_at else None,
        "referencia": item.proof,
        "sha256_do_que_foi_entregue": item.proof_sha256,
    }


def _identity(request: DataRequest) -> dict[str, Any]:
    return {
        "codigos": [
            {
                "canal": code.contact_kind,
                "enviado_em": code.sent_at.isoformat(),
                "tentativas": code.tries,
                "resultado": code.outcome,
            }
            for code in request.codes.all()
        ],
        "mensagem_da_pessoa": {"referencia": request.evidence_ref, "sha256": request.evidence_sha256}
        if request.evidence_ref
        else None,
        "fato_confirmado_em": request.fact_proved_at.isoformat() if request.fact_proved_at else None,
        "visto_em_pessoa_em": request.seen_in_person_at.isoformat() if request.seen_in_person_at else None,
        "documentos_de_representante": [
            {"relacao": one.relation, "sha256": one.sha256, "aceito": one.accepted} for one in request.documents.all()
        ],
    }
