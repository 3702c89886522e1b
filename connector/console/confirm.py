"""The question before a destructive action: its consequences, how many objects it concerns, the verb on the button.

It is a separate page, so that it works without JavaScript; a link with the macro `ask` opens it as a dialog.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import render_template, request

from connector.domain.text import tidy


def confirm(
    title: str,
    consequence: str,
    *,
    verb: str,
    action: str,
    back: str,
    fields: Mapping[str, str] | None = None,
    type_to_confirm: str = "",
    reason_label: str = "",
    note: str = "",
    is_harmless: bool = False,
    template: str = "console/confirm.html",
    **context: object,
) -> str:
    """Return the question; its form posts `fields` to `action`, and Cancel leads to `back`.

    `note` is shown below the consequence. `type_to_confirm` is the text that has to be typed; the action itself checks
    it with `is_typed`. `reason_label` asks for a reason, posted as `reason`.
    """
    return render_template(
        template,
        title=title,
        consequence=consequence,
        verb=verb,
        action=action,
        back=back,
        fields=fields or {},
        type_to_confirm=type_to_confirm,
        reason_label=reason_label,
        note=note,
        is_harmless=is_harmless,
        is_dialog=is_part_wanted(),
        **context,
    )


def is_typed(text: str) -> bool:
    """Whether the text was typed to confirm, as a page shows it: with single spaces and composed characters."""
    return tidy(request.form.get("typed", "")) == tidy(text)


def is_part_wanted() -> bool:
    """Whether htmx requests a part of a page."""
    return request.headers.get("HX-Request") == "true"
