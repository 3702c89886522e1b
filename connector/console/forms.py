"""Forms: Flask-WTF's, with the fields that the console adds.

Texts are lazy, so that they are in the language of the request; the errors of a service are shown at their fields.
"""

from __future__ import annotations

from typing import Any

from flask import g
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, StringField
from wtforms.validators import InputRequired

from connector.console.translations import say
from connector.domain.ids import UUID
from connector.errors import InvalidField

SHOWN_AGAIN = "is_shown_again"  # of `g`, and of views: the form is only shown as it was sent, and nothing is done


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A form; posts are protected against forgery before the view runs, so the form needs no token check."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """Options that all forms share."""

        csrf = False  # `Story` has checked it, and the macro `form` writes the token

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """Whether the form can be taken; not if it is only shown again."""
        return not g.get(SHOWN_AGAIN) and bool(super().validate(*args, **kwargs))

    def reject(self, error: InvalidField, names: dict[str, str]) -> None:
        """Show a service's error at the field that it names, else above the form; `names` maps theirs to ours."""
        field = self._fields.get(names.get(error.where, error.where))
        (field.errors if field is not None else self.form_errors).append(say(error.why))


class SecretField(PasswordField):  # type: ignore[misc]
    """A secret, never sent to the browser; if it is left empty, the stored one is kept."""

    def __init__(self, label: object = None, *args: Any, is_set: bool = False, **kwargs: Any) -> None:
        super().__init__(label, *args, **kwargs)
        self.is_set = is_set

    def process_data(self, value: object) -> None:
        """Ignore the value of an object."""
        self.data = None


class UuidField(StringField):  # type: ignore[misc]
    """A UUID; of a pasted address that contains a single one, such as Onfido Studio's, only the UUID is taken."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed."""
        ids = {each[0] for text in valuelist for each in UUID.finditer(text)}
        super().process_formdata(list(ids) if len(ids) == 1 else valuelist)


def reason_field(label: object = _l("Reason")) -> Field:
    """Return a field for the reason of an action, which the audit trail keeps."""
    return StringField(label, [InputRequired(_l("A reason is required: it is kept in the audit trail."))])
