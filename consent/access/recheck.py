"""Before something weighty (revealing, exporting, keys, secrets, holds) the person proves again who they are.

Ten minutes long; the sign-in itself counts. `rechecked` goes around a view or a method of an admin page; where only some
posts are weighty, the page asks `lead_to_check` itself.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from consent.access import sessions

View = TypeVar("View", bound=Callable[..., Any])


def rechecked(view: View) -> View:
    """Let the view run only if the person proved within ten minutes who they are; else lead to the page that asks.

    Around a method too: the request is the first argument that is one.
    """

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        request = next(value for value in (*args, *kwargs.values()) if isinstance(value, HttpRequest))
        return lead_to_check(request) or view(*args, **kwargs)

    return cast(View, checked)


def lead_to_check(request: HttpRequest, *, back_to: str = "") -> HttpResponseRedirect | None:
    """None when the last check is fresh. After a POST the person comes back to `back_to`, or the page, and acts again."""
    if not request.user.is_authenticated or sessions.is_fresh(request.session):
        return None
    if request.method == "POST":
        messages.info(request, _("Nothing was done yet: confirm that it is you, then do it once more."))
    target = back_to or request.get_full_path()
    return HttpResponseRedirect(f"{reverse('account-recheck')}?{urlencode({'next': target})}")
