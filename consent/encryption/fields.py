"""The database field that holds sealed values."""

from django.core.exceptions import FieldError, ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

from consent.encryption.sealed import Sealed, Undecryptable


class SealedField(models.BinaryField):
    """A bytea column whose attribute is `Sealed | None`. It takes nothing else, and only `isnull` can be queried.

    Serialisers (dumpdata) get the ciphertext in base64, never the text.
    """

    description = "Encrypted value"
    # For the type checker's Django plugin, which takes BinaryField's own types otherwise.
    _pyi_private_set_type: Sealed | None
    _pyi_private_get_type: Sealed  # type: ignore[assignment]

    def from_db_value(
        self, value: bytes | memoryview | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def to_python(self, value: object) -> Sealed | None:
        if value is None or isinstance(value, Sealed):
            return value
        if isinstance(value, str):
            try:
                return Sealed.from_base64(value)
            except Undecryptable as error:
                raise ValidationError("This is not a sealed value.", code="not_sealed") from error
        raise ValidationError("This is not a sealed value.", code="not_sealed")

    def get_prep_value(self, value: object) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            # Names the type only: the value is text that must not reach a log.
            raise TypeError(f"{self.name} takes Sealed values, not {type(value).__name__}; seal it first.")
        return value.blob

    def value_to_string(self, obj: models.Model) -> str:
        value = getattr(obj, self.attname)
        return value.as_base64() if isinstance(value, Sealed) else ""

    def get_lookup(self, lookup_name: str) -> type[models.Lookup] | None:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted: only isnull can be queried; search by the blind index.")
        return super().get_lookup(lookup_name)
