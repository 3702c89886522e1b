"""Workflow of a provider: the input of a run beside the applicant, and the claims in its output."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from connector.console.descriptions import description_of
from connector.console.notices import notify
from connector.console.providers import page
from connector.console.providers.rows import Row, change_rows, read_rows
from connector.console.story import Story
from connector.domain.messages import message
from connector.domain.providers.provider import Provider
from connector.domain.strict_json import parse_json
from connector.domain.studio.custom_data import CustomInput, InputType
from connector.domain.studio.studio import OutputClaim, OutputRole, Studio
from connector.errors import InvalidField

INPUT_COLUMNS = ("input_name", "input_type", "input_from", "input_value", "input_required")
OUTPUT_COLUMNS = ("output_pointer", "output_claim", "output_as")
T = TypeVar("T", bound=StrEnum)
CONSTANT, CLAIM, REQUEST = "constant", "claim", "request"  # where a property comes from


@dataclass
class Editing:
    """The form: tags, switches, and the rows of both tables."""

    tags: str
    sends_user_id: bool
    keeps_document: bool
    inputs: list[Row]
    outputs: list[Row]
    error: str = ""


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/workflow", scope=page.VIEW)(show_workflow)
    story.action("/<provider_id>/workflow", scope=page.UPDATE, is_shown_again=True)(edit_workflow)


def show_workflow(provider_id: str) -> str:
    """Show the workflow's input, and the values read from its output."""
    provider = page.find(provider_id)
    return _page(provider, _stored(provider.studio))


def edit_workflow(provider_id: str) -> str | Response:
    """Add or remove a row, or save."""
    provider = page.find(provider_id)
    editing, do = _posted()
    if do == "save":
        try:
            page.change(provider, studio=_studio(provider.studio, editing))
        except InvalidField as error:
            editing.error = description_of(error)
        else:
            notify(_("The workflow's settings are saved. Runs that start from now on use them."))
            return redirect(url_for(".show_workflow", provider_id=provider_id))
    return _page(provider, editing)


def _page(provider: Provider, editing: Editing) -> str:
    number = len([row for row in editing.outputs if row["output_claim"]])
    return page.show_tab(
        "console/providers/workflow.html",
        provider,
        "workflow",
        ngettext(
            "%(num)s attribute is read from the workflow's output.",
            "%(num)s attributes are read from the workflow's output.",
            number,
        ),
        editing=editing,
        types=[(each.value, each.value) for each in InputType],
        sources={CONSTANT: _("A constant"), CLAIM: _("The user's claim"), REQUEST: _("The application")},
    )


def _stored(studio: Studio) -> Editing:
    return Editing(
        tags="\n".join(studio.tags),
        sends_user_id=studio.sends_user_id,
        keeps_document=studio.gives_document_values,
        inputs=[_input_row(each) for each in studio.custom_data],
        outputs=[
            {"output_pointer": each.pointer, "output_claim": each.uri, "output_as": str(each.role)}
            for each in studio.output_claims
        ],
    )


def _input_row(each: CustomInput) -> Row:
    source = CLAIM if each.claim is not None else CONSTANT if each.value is not None else REQUEST
    value = each.claim if each.claim is not None else _written(each.value)
    return {
        "input_name": each.name,
        "input_type": str(each.type),
        "input_from": source,
        "input_value": value or "",
        "input_required": "yes" if each.is_required else "no",
    }


def _posted() -> tuple[Editing, str]:
    """Read the form; the buttons of the two tables are `add-input`, `remove-input-<row>` and the same for outputs."""
    do = request.form.get("do", "save")
    inputs, outputs = (read_rows(request.form, columns) for columns in (INPUT_COLUMNS, OUTPUT_COLUMNS))
    action, _sep, rest = do.partition("-")
    table, _sep, position = rest.partition("-")
    pressed = f"{action}-{position}" if position else action
    return (
        Editing(
            tags=request.form.get("tags", ""),
            sends_user_id="sends_user_id" in request.form,
            keeps_document="keeps_document" in request.form,
            inputs=change_rows(inputs, pressed, INPUT_COLUMNS) if table == "input" else inputs,
            outputs=change_rows(outputs, pressed, OUTPUT_COLUMNS) if table == "output" else outputs,
        ),
        do,
    )


def _studio(before: Studio, editing: Editing) -> Studio:
    """Return the features of the form; raise `InvalidField` for values that cannot be read."""
    return replace(
        before,
        tags=tuple(dict.fromkeys(tag.strip() for tag in editing.tags.splitlines() if tag.strip())),
        sends_user_id=editing.sends_user_id,
        gives_document_values=editing.keeps_document,
        custom_data=tuple(_input(row) for row in editing.inputs if row["input_name"]),
        output_claims=tuple(
            OutputClaim(
                row["output_pointer"],
                row["output_claim"],
                _one_of(OutputRole, "outputClaims", row["output_as"] or "value"),
            )
            for row in editing.outputs
            if row["output_pointer"] or row["output_claim"]
        ),
    )


def _input(row: Row) -> CustomInput:
    kind: InputType = _one_of(InputType, "customData", row["input_type"] or "string")
    source, value = row["input_from"], row["input_value"]
    return CustomInput(
        row["input_name"],
        kind,
        value=_constant(row["input_name"], kind, value) if source == CONSTANT else None,
        claim=value if source == CLAIM else None,
        is_required=row["input_required"] != "no",
    )


def _constant(name: str, kind: InputType, text: str) -> Any:
    """Return a constant of its type; a list is written with commas."""
    if kind is InputType.LIST:
        return [each.strip() for each in text.split(",") if each.strip()]
    if kind in (InputType.STRING, InputType.DATE_TIME):
        return text
    try:
        return parse_json(text.lower())
    except ValueError as error:
        raise InvalidField(
            "customData", message("%(name)s: must have a value that is a %(kind)s", name=name, kind=kind)
        ) from error


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value) if value is not None else ""


def _one_of(kind: type[T], where: str, text: str) -> T:
    """Return a choice; another version may have stored one that this version does not know, and must not replace."""
    if text not in set(kind):
        raise InvalidField(
            where, message("must be one of %(choices)s, not %(given)s", choices=", ".join(kind), given=text)
        )
    return kind(text)
