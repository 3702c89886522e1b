"""The schema of a picture that a user has sent."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields

from connector.api.fields import Moment


class PictureSchema(ma.Schema):
    """A picture; `kind` is document or selfie, `title` a description."""

    id = fields.String(required=True, attribute="picture_id")
    kind = fields.String(required=True, metadata={"example": "document"})
    title = fields.String(required=True, metadata={"example": "passport front"})
    mediaType = fields.String(required=True, attribute="media_type", metadata={"example": "image/png"})
    createdAt = Moment(required=True, allow_none=True, attribute="created_at")
