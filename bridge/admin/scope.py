"""The connections a viewer may look at; every screen of the operation starts from them."""

from collections.abc import Collection

from django.db.models import QuerySet

from bridge.models import Connection
from consent.models import User
from consent.roles import Role
from consent.scope import clinic_ids_of, sees_all_clinics


def connections_of(user: User, roles: Collection[Role]) -> QuerySet[Connection]:
    """Connections of the clinics in which the person has one of the roles, with clinic and Krayin."""
    rows = Connection.objects.select_related("clinic", "krayin").prefetch_related("breakers")
    rows = rows.order_by("clinic__trade_name", "name")
    if sees_all_clinics(user, *roles):
        return rows
    return rows.filter(clinic__in=clinic_ids_of(user, *roles))
