"""The verified person of the tests: the claims, their mapping to Onfido's fields, and the values."""

from __future__ import annotations

GIVEN_NAME = "http://wso2.org/claims/givenname"
LAST_NAME = "http://wso2.org/claims/lastname"
BIRTH_DATE = "http://wso2.org/claims/dob"
MAPPING = {GIVEN_NAME: "first_name", LAST_NAME: "last_name", BIRTH_DATE: "dob"}
VALUES = {GIVEN_NAME: "Ann", LAST_NAME: "Example", BIRTH_DATE: "1990-01-01"}
