"""The schema of a provider's `studio`: the features of Onfido Studio that it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag, Items, Text
from connector.domain.studio.capture import LANGUAGES, LINK, SDK, SdkOptions
from connector.domain.studio.custom_data import CustomInput, InputType
from connector.domain.studio.pointers import MAX_LENGTH
from connector.domain.studio.studio import LinkDefaults, Notices, OutputClaim, OutputRole, Studio
from connector.domain.studio.watchlist import REPORTS

MAX_URL = 2048


class CustomInputSchema(ma.Schema):
    """One property of the custom input data: a constant `value`, the user's `claim`, or part of the request."""

    name = Text(required=True, metadata={"example": "risk_level"})
    type = fields.Enum(InputType, by_value=True, required=True)
    value = fields.Raw(load_default=None, allow_none=True, metadata={"example": "high"})
    claim = Text(load_default=None, allow_none=True)
    required = Flag(load_default=True)

    @ma.validates("value")
    def _check_value(self, value: Any, **_: Any) -> None:
        if not isinstance(value, str | bool | int | float | list | None):
            raise ma.ValidationError("must be a string, boolean, number or list of strings")


class OutputClaimSchema(ma.Schema):
    """A property of the workflow's output and its claim: the property is the verified value, or the result."""

    pointer = Text(limit=MAX_LENGTH, required=True, metadata={"example": "/document_report/properties/date_of_expiry"})
    localClaim = Text(required=True)
    as_ = fields.Enum(OutputRole, by_value=True, required=True, data_key="as", attribute="as")


class LinkSchema(ma.Schema):
    """The options of Smart Capture Links; a request may choose among `redirectUrls`, `lifetime` is in seconds."""

    redirectUrls = Items(Text(limit=MAX_URL), load_default=list)
    completedRedirectUrl = Text(limit=MAX_URL, load_default=None, allow_none=True)
    expiredRedirectUrl = Text(limit=MAX_URL, load_default=None, allow_none=True)
    lifetime = fields.Integer(strict=True, load_default=None, allow_none=True)
    language = Text(load_default=None, allow_none=True, metadata={"example": LANGUAGES[0]})


class SdkSchema(ma.Schema):
    """The binding of SDK tokens."""

    referrer = Text(limit=MAX_URL, load_default=None, allow_none=True, metadata={"example": "https://*.example.com/*"})
    applicationId = Text(load_default=None, allow_none=True)
    crossDeviceUrl = Text(limit=MAX_URL, load_default=None, allow_none=True)


class NoticesSchema(ma.Schema):
    """The receiver of notices of tasks, manual decisions and watchlist matches."""

    url = Text(limit=MAX_URL, load_default=None, allow_none=True)
    tasks = Items(Text(limit=64), load_default=list)


class StudioSchema(ma.Schema):
    """The features of Onfido Studio that a provider uses; those left out are not used."""

    tags = Items(Text(), load_default=list)
    sendUserId = Flag(load_default=False)
    customData = Items(fields.Nested(CustomInputSchema), load_default=list)
    outputClaims = Items(fields.Nested(OutputClaimSchema), load_default=list)
    documentValues = Flag(load_default=False)
    capture = fields.String(load_default=SDK, validate=validate.OneOf((SDK, LINK)))
    link = fields.Nested(LinkSchema, load_default=lambda: LinkSchema().load({}))
    sdk = fields.Nested(SdkSchema, load_default=lambda: SdkSchema().load({}))
    notices = fields.Nested(NoticesSchema, load_default=lambda: NoticesSchema().load({}))
    unverifyOnMatch = Flag(load_default=False)
    watchlistMonitor = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(REPORTS),
        metadata={
            "example": REPORTS[0],
            "description": "The report of each verified user's watchlist monitor; null: no monitor",
        },
    )


def read_studio(body: Mapping[str, Any]) -> Studio:
    """Read a loaded `StudioSchema`."""
    link, sdk, notices = body["link"], body["sdk"], body["notices"]
    return Studio(
        tags=tuple(body["tags"]),
        sends_user_id=body["sendUserId"],
        custom_data=tuple(
            CustomInput(each["name"], each["type"], each["value"], each["claim"], each["required"])
            for each in body["customData"]
        ),
        output_claims=tuple(
            OutputClaim(each["pointer"], each["localClaim"], each["as"]) for each in body["outputClaims"]
        ),
        gives_document_values=body["documentValues"],
        capture=body["capture"],
        link=LinkDefaults(
            redirect_urls=tuple(link["redirectUrls"]),
            completed_redirect_url=link["completedRedirectUrl"],
            expired_redirect_url=link["expiredRedirectUrl"],
            lifetime=link["lifetime"],
            language=link["language"],
        ),
        sdk=SdkOptions(sdk["referrer"], sdk["applicationId"], sdk["crossDeviceUrl"]),
        notices=Notices(notices["url"], tuple(notices["tasks"])),
        unverifies_on_match=body["unverifyOnMatch"],
        watchlist_monitor=body["watchlistMonitor"],
    )


def studio_body(studio: Studio) -> dict[str, Any]:
    """Return the features of Studio that a provider uses."""
    link, sdk = studio.link, studio.sdk
    return {
        "tags": list(studio.tags),
        "sendUserId": studio.sends_user_id,
        "customData": [
            {
                "name": each.name,
                "type": each.type,
                "value": each.value,
                "claim": each.claim,
                "required": each.is_required,
            }
            for each in studio.custom_data
        ],
        "outputClaims": [
            {"pointer": each.pointer, "localClaim": each.uri, "as": each.role} for each in studio.output_claims
        ],
        "documentValues": studio.gives_document_values,
        "capture": studio.capture,
        "link": {
            "redirectUrls": list(link.redirect_urls),
            "completedRedirectUrl": link.completed_redirect_url,
            "expiredRedirectUrl": link.expired_redirect_url,
            "lifetime": link.lifetime,
            "language": link.language,
        },
        "sdk": {
            "referrer": sdk.referrer,
            "applicationId": sdk.application_id,
            "crossDeviceUrl": sdk.cross_device_url,
        },
        "notices": {"url": studio.notices.url, "tasks": list(studio.notices.tasks)},
        "unverifyOnMatch": studio.unverifies_on_match,
        "watchlistMonitor": studio.watchlist_monitor,
    }
