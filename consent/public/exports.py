"""G6 download: an address and a code open a package once; the key that signs, and the program that checks."""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from config.addresses import address_of
from consent.access.lockout import take_try
from consent.encryption import Actor, RevealDenied, Undecryptable
from consent.export import control, links
from consent.models import ExportLink, ExportSigningKey
from consent.public.pages import page, public

RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


class CodeForm(forms.Form):
    """The code that came by another way than the address."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        help_text=gettext_lazy("Eight letters and digits; the clinic gave it to you by another way than this address."),
    )


@sensitive_post_parameters()
@sensitive_variables("token")
@require_http_methods(["GET", "HEAD", "POST"])
@public(personal=True)
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks for the code; POST with the right one shows the download. Unknown and ended addresses look alike."""
    now = timezone.now()
    link = links.found(token)
    if link is None or link.state(now) != "open" or link.package.state not in links.DELIVERABLE:
        return _over(request, link)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if take_try(f"copy|{link.pk}", f"copy|{address_of(request.META)}", now):
            return _over(request, link, status=HTTPStatus.TOO_MANY_REQUESTS)
        ticket = links.unlock(link, form.cleaned_data["code"], now=now)
        if ticket is not None:
            return _opened(request, link, ticket)
        form.add_error("code", _("This is not the code of this address."))
    return page(
        request, link.package.clinic, "public/export_code.html", _("Copy of your data"), noindex=True, form=form
    )


def _over(request: HttpRequest, link: ExportLink | None, *, status: int = HTTPStatus.NOT_FOUND) -> HttpResponse:
    clinic = link.package.clinic if link else None
    if clinic is None:
        raise Http404
    return page(request, clinic, "public/export_over.html", _("Copy of your data"), noindex=True, status=status)


def _opened(request: HttpRequest, link: ExportLink, ticket: str) -> HttpResponse:
    link.refresh_from_db()
    row = link.package
    return page(
        request,
        row.clinic,
        "public/export_ready.html",
        _("Copy of your data"),
        noindex=True,
        package=row,
        link=link,
        address=reverse("export-download", args=[ticket]),
        key=bytes(row.signing_key.public_key).hex() if row.signing_key else "",
        key_address=reverse("export-key", args=[row.signing_key_id]) if row.signing_key_id else "",
        verifier=reverse("export-verifier"),
    )


@sensitive_variables("ticket")
@require_safe
@public(personal=True)
def download(request: HttpRequest, ticket: str) -> Any:
    """The zip. `Range: bytes=n-` goes on where it broke off; nobody gets bytes before their turn."""
    now = timezone.now()
    link = links.of_ticket(ticket, now=now)
    if link is None:
        raise Http404
    try:
        reader = control.opened(link.package, actor=Actor.system("exports"))
    except (Undecryptable, RevealDenied, FileNotFoundError):
        raise Http404 from None
    size = reader.size
    wanted = _range(request.headers.get("Range", ""), size, upto=link.sent_bytes)
    if wanted is None:
        refused = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    start, end = wanted
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{link.package.file_name}"',
        "Content-Length": str(end - start),
        "Accept-Ranges": "bytes",
        "ETag": f'"{link.package.manifest_sha256[:32]}"',
    }
    if "Range" in request.headers:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = HTTPStatus.PARTIAL_CONTENT if "Range" in request.headers else HTTPStatus.OK
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    links.begin(link)
    body = links.stream(link, reader, start, end, now=now)
    return StreamingHttpResponse(body, status=status, headers=headers)


def _range(header: str, size: int, *, upto: int) -> tuple[int, int] | None:
    """Start and end of what is to be sent; None for what cannot be, or not yet."""
    if not header:
        return 0, size
    match = RANGE.fullmatch(header.strip())
    if match is None:
        return None
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    return (start, end) if start < end and start <= upto else None


@require_safe
@public(personal=False)
def public_key(request: HttpRequest, key_id: str) -> HttpResponse:
    """The public half of a key that signed packages; old ones stay."""
    key = ExportSigningKey.objects.filter(pk=key_id).first()
    if key is None:
        raise Http404
    return JsonResponse({"key_id": key.key_id, "algorithm": "Ed25519", "public_key": bytes(key.public_key).hex()})


@require_safe
@public(personal=False)
def verifier(request: HttpRequest) -> HttpResponse:
    """The program that checks packages, as it is."""
    text = (Path(settings.BASE_DIR) / "deploy" / "verify_export.py").read_text()
    headers = {"Content-Disposition": 'attachment; filename="verify_export.py"'}
    return HttpResponse(text, content_type="text/x-python; charset=utf-8", headers=headers)
