"""Watchlist monitors: Onfido's ongoing search for an applicant on watchlists."""

from __future__ import annotations

from connector.domain.studio.watchlist import MonitorTarget, RemoteMonitor
from connector.errors import OnfidoError
from connector.onfido.api import OnfidoApi
from connector.onfido.reading import as_object, identifier, lines, objects, required, text

MAX_TAGS = 1000
MAX_TAG_LENGTH = 255


class Monitors(OnfidoApi):
    """`/watchlist_monitors`."""

    def create_monitor(self, target: MonitorTarget, tag: str) -> str:
        """Start to monitor an applicant and return the monitor's id.

        If the creation is not answered, the monitor can be found by its tag.
        """
        fields = {"applicant_id": target.applicant_id, "report_name": target.report_name, "tags": [tag]}
        return self._read(_monitor_id, self._call("POST", "watchlist_monitors", fields=fields))

    def list_monitors(self, applicant_id: str) -> list[RemoteMonitor]:
        """Return an applicant's active monitors; an error with status 404 or 410 means that the applicant is gone."""
        call = self._call("GET", "watchlist_monitors", params={"applicant_id": applicant_id})
        return self._read(lambda body: _monitors(body, applicant_id), call)

    def delete_monitor(self, monitor_id: str) -> None:
        """End a monitor; one that does not exist counts as success."""
        try:
            self._send(self._call("DELETE", "watchlist_monitors", monitor_id))
        except OnfidoError as error:
            if not error.is_gone:
                raise

    def get_watched_applicant(self, monitor_id: str) -> str:
        """Return the applicant of a watchlist monitor, even of a deleted one."""
        return self._read(_watched_applicant, self._call("GET", "watchlist_monitors", monitor_id))


def _monitor_id(body: object) -> str:
    return required(identifier(as_object(body).get("id")), "id")


def _watched_applicant(body: object) -> str:
    return required(identifier(as_object(body).get("applicant_id")), "applicant_id")


def _monitors(body: object, applicant_id: str) -> list[RemoteMonitor]:
    """Read an applicant's active monitors from a list, which may contain those of others as well."""
    return [
        RemoteMonitor(monitor_id, text(each.get("report_name")), _tags(each.get("tags")))
        for each in objects(as_object(body).get("monitors"))
        if identifier(each.get("applicant_id")) == applicant_id and each.get("deleted_at") is None
        if (monitor_id := identifier(each.get("id"))) is not None
    ]


def _tags(value: object) -> tuple[str, ...] | None:
    return lines(value, longest=MAX_TAG_LENGTH, most=MAX_TAGS) if isinstance(value, list) else None
