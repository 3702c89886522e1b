"""Finding the object with an id: a verification, run, user, applicant, event or job of the tenant."""

from __future__ import annotations

from connector.domain.frozen import frozen
from connector.domain.ids import normal_id
from connector.domain.tenancy import Tenant
from connector.services.use_case import use_case
from connector.store import jobs
from connector.store.engine import Database
from connector.store.people import user_search
from connector.store.providers import event_search
from connector.store.verifications import verification_finds, verification_search

VERIFICATION, USER, EVENT, JOB = "verification", "user", "event", "job"


@frozen
class Hit:
    """A found object; `hit_id` is its own id, or that of the verification to which a run or an applicant belongs."""

    kind: str
    hit_id: str


@use_case
class Search:
    """Finds objects by their exact ids; the method takes the tenant."""

    _database: Database

    def find(self, tenant: Tenant, text: str) -> Hit | None:
        """Return the object whose id is exactly this text; for an applicant, its latest verification."""
        text = text.strip()
        exact_id = normal_id(text)
        with self._database.read() as connection:
            if verification := verification_search.find(connection, tenant.name, exact_id):
                return Hit(VERIFICATION, verification.verification_id)
            if user_search.is_known(connection, tenant.name, text):
                return Hit(USER, text)
            if verification := verification_finds.find_of_tenants_applicant(connection, tenant.name, exact_id):
                return Hit(VERIFICATION, verification.verification_id)
            if event_search.find(connection, tenant.name, exact_id):
                return Hit(EVENT, exact_id)
            return Hit(JOB, exact_id) if jobs.find(connection, tenant.name, exact_id) else None
