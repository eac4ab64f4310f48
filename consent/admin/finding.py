"""Asking a form for a person: found exactly by telephone or e-mail address, or known from the page one comes from."""

from collections.abc import Sequence

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.encryption import Actor
from consent.models import Clinic, DataSubject
from consent.queries import people_search
from consent.scope import signed_in

KNOWN = "person"  # of the address: the id of the person of the page one comes from


class PersonForm(forms.Form):
    """What was typed to find the person is searched exactly and kept nowhere."""

    person = forms.CharField(
        label=gettext_lazy("Person: phone or e-mail address"),
        max_length=people_search.LONGEST,
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def the_one(self, request: HttpRequest, clinics: QuerySet[Clinic], name: str = "person") -> DataSubject | None:
        """The only person reached so; None when the form now says that there is none or several."""
        found = find(request, self.cleaned_data[name], clinics)
        if len(found) != 1:
            self.add_error(name, nobody_or_several(found))
            return None
        return found[0]


def find(request: HttpRequest, text: str, clinics: QuerySet[Clinic]) -> list[DataSubject]:
    """People of these clinics reached so; the search is on record before it is answered."""
    typed = people_search.read(text)
    if not typed.kinds:
        return []
    found = people_search.find(typed, clinics)
    seen = [(one.clinic_id, one.pseudonym) for one in found]
    people_search.record(typed, seen, Actor.staff(signed_in(request)), object_type="consent.DataSubject")
    return found


def nobody_or_several(found: Sequence[DataSubject]) -> str:
    if found:
        return _("Several people are reached so; use what belongs to one of them only.")
    return _("Nobody was found here by this telephone or address.")


def known_person(request: HttpRequest, clinics: QuerySet[Clinic]) -> DataSubject | None:
    """The person the address names, of these clinics; None when it names nobody. Raises Http404 for others'."""
    asked = request.GET.get(KNOWN, "")
    if not asked:
        return None
    rows = DataSubject.objects.titulares().filter(clinic__in=clinics.order_by().values("pk"))
    try:
        found = rows.select_related("clinic").filter(pk=asked).first()
    except ValidationError:
        found = None
    if found is None:
        raise Http404
    return found
