"""Login, logout, the current user, and the users of the settings (contract sections 1 and 11)."""

from __future__ import annotations

import hashlib

from bridge.sandbox.http import Response, json_response
from bridge.sandbox.krayin import forms, listing, resources, search
from bridge.sandbox.krayin.collation import fold
from bridge.sandbox.krayin.context import Call, expected, found, to_int
from bridge.sandbox.krayin.errors import Invalid, ServerError, Unauthenticated
from bridge.sandbox.krayin.store import Row, Store

_WRONG = "The provided credentials are incorrect."


def login(call: Call) -> Response:
    """Issues a token and revokes every earlier one of the user. A deactivated user may log in too."""
    forms.require(call, forms.required(call, "email", "password", "device_name"))
    user = _by_email(call.store, str(call.data["email"]))
    if user is None or user["password"] != str(call.data["password"]):
        raise Invalid({"email": [_WRONG]})
    token = issue_token(call.store, user, str(call.data["device_name"]), call.now)
    data = {"data": resources.user(call, user), "message": "Login successful.", "token": token}
    return json_response(200, data)


def logout(call: Call) -> Response:
    revoke_tokens(call.store, call.user["id"])
    return json_response(200, {"message": "Logout successful."})


def current(call: Call) -> Response:
    return json_response(200, {"data": resources.user(call, call.user)})


def issue_token(store: Store, user: Row, device: str, now: str) -> str:
    """A new token as `id|secret`, the same ones in every run."""
    revoke_tokens(store, user["id"])
    row = store.insert(
        "personal_access_tokens", {"user_id": user["id"], "name": device, "created_at": now, "updated_at": now}
    )
    secret = hashlib.sha256(f"sandbox-krayin-{row['id']}".encode()).hexdigest()[:48]
    store.update(row, {"token": secret})
    return f"{row['id']}|{secret}"


def revoke_tokens(store: Store, user_id: int) -> None:
    for row in [item for item in store.rows("personal_access_tokens") if item["user_id"] == user_id]:
        store.delete("personal_access_tokens", row["id"])


def authenticate(store: Store, header: str) -> Row:
    """The user of a bearer token. Raises `Unauthenticated`."""
    kind, _, token = header.partition(" ")
    number, _, secret = token.strip().partition("|")
    row = store.get("personal_access_tokens", int(number)) if number.isdigit() else None
    if kind.lower() != "bearer" or row is None or row["token"] != secret:
        raise Unauthenticated
    user = store.get("users", row["user_id"])
    if user is None:
        raise Unauthenticated
    return user


def _by_email(store: Store, email: str) -> Row | None:
    wanted = fold(email)
    return next((row for row in store.rows("users") if fold(row["email"]) == wanted), None)


def index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "users", resources.user))


def find(call: Call) -> Response:
    return json_response(200, search.answer(call, "users", resources.user))


def show(call: Call) -> Response:
    return json_response(200, {"data": resources.user(call, expected(call.store, "users", call.id()))})


def store(call: Call) -> Response:
    forms.require(
        call, [*forms.required(call, "name", "email", "role_id"), forms.unique_name(call, "users", column="email")]
    )
    row = call.store.insert(
        "users",
        {
            **_columns(call),
            "status": 1 if "status" in call.data else 0,
            "password": call.data.get("password") or "",
            "created_at": call.now,
            "updated_at": call.now,
        },
    )
    return json_response(200, {"data": resources.user(call, row), "message": "User created successfully."})


def update(call: Call) -> Response:
    row_id = call.id()
    unique = forms.unique_name(call, "users", column="email", own_id=row_id)
    forms.require(call, [*forms.required(call, "name", "email", "role_id"), unique])
    row = found(call.store, "users", row_id)
    changes = {**_columns(call), "updated_at": call.now}
    if call.data.get("password"):
        changes["password"] = str(call.data["password"])
    if "status" in call.data:
        changes["status"] = to_int(call.data["status"])
    call.store.update(row, changes)
    return json_response(200, {"data": resources.user(call, row), "message": "User updated successfully."})


def destroy(call: Call) -> Response:
    """The user's activities and tags go with him: the database cascades (contract section 14)."""
    row = found(call.store, "users", call.id())
    revoke_tokens(call.store, row["id"])
    for table in ("activities", "tags"):
        for owned in [item for item in call.store.rows(table) if item["user_id"] == row["id"]]:
            for link in call.store.links:
                if link.endswith(table):
                    call.store.links[link].drop_right(owned["id"])
            call.store.delete(table, owned["id"])
    for table in ("leads", "persons", "organizations"):
        for owned in call.store.rows(table):
            if owned["user_id"] == row["id"]:
                call.store.update(owned, {"user_id": None})
    call.store.delete("users", row["id"])
    return json_response(200, {"data": {"message": "User deleted successfully."}})


def _columns(call: Call) -> Row:
    if "view_permission" not in call.data:
        raise ServerError
    return {
        "name": str(call.data["name"]),
        "email": str(call.data["email"]),
        "role_id": to_int(call.data["role_id"]),
        "view_permission": str(call.data["view_permission"]),
    }
