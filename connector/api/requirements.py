"""The validation messages of requests, which state what each value must be.

marshmallow's own messages state what the value is not. They are replaced in the documented way: in the class attributes
that every field and validator reads when it is created. Import this module before defining a schema.
"""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

fields.Field.default_error_messages |= {
    "required": "must be given",
    "null": "must not be null",
    "validator_failed": "must be valid",
}
fields.String.default_error_messages |= {"invalid": "must be a string", "invalid_utf8": "must be UTF-8"}
fields.Number.default_error_messages |= {"invalid": "must be a number", "too_large": "must be a smaller number"}
fields.Integer.default_error_messages |= {"invalid": "must be a whole number"}
fields.Float.default_error_messages |= {"special": "must be a finite number"}
fields.Boolean.default_error_messages |= {"invalid": "must be true or false"}
fields.List.default_error_messages |= {"invalid": "must be a list"}
fields.Mapping.default_error_messages |= {"invalid": "must be an object"}
fields.Nested.default_error_messages |= {"type": "must be an object"}
fields.DateTime.default_error_messages |= {
    "invalid": "must be a date-time of ISO 8601, such as 2026-01-31T09:30:00Z",
}
fields.Date.default_error_messages |= {"invalid": "must be a date, such as 2026-01-31"}
fields.Enum.default_error_messages |= {"unknown": "must be one of: {choices}"}
ma.Schema.error_messages |= {"type": "must be an object", "unknown": "must be left out: it is unknown"}
validate.Length.message_max = "must have a length of at most {max}"
validate.OneOf.default_message = "must be one of: {choices}"
validate.Range.message_min = "must be {min_op} {{min}}"
validate.Range.message_max = "must be {max_op} {{max}}"
validate.Range.message_all = "must be {min_op} {{min}} and {max_op} {{max}}"
