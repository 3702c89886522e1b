"""django-onfido as its users deploy it: Django, kept connections; run by an environment of its own.

Its package has the same name as Onfido's own client, so the two cannot be installed together. It asks Onfido for the
check at every event; here that call answers at once, with the check as it is.

    python django_peer.py FILE      creates the tables and a check for each id in FILE
    gunicorn --pythonpath tests/bench django_peer:application
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="django_peer",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "onfido"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["BENCH_NAME"],
            "USER": os.environ["BENCH_USER"],
            "HOST": os.environ["BENCH_HOST"],
            "PORT": os.environ.get("BENCH_PORT", ""),
            "CONN_MAX_AGE": None,
            "OPTIONS": {"sslmode": "disable", "gssencmode": "disable"},
        }
    },
    ONFIDO_API_KEY="bench",
    ONFIDO_WEBHOOK_TOKEN="bench-webhook-token",
    LOGGING={
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"], "level": "INFO"},
    },
)
django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.urls import path
from onfido.models import Applicant, Check, base
from onfido.views import status_update


def _answer(href: str) -> dict[str, object]:
    return {
        "id": href.rpartition("/")[2],
        "created_at": "2026-01-02T03:04:05Z",
        "status": "complete",
        "result": "clear",
    }


base.get = _answer
urlpatterns = [path("webhook/", status_update)]
application = get_wsgi_application()


def main() -> None:
    """Create the tables, and a check for each id."""
    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create(username="bench")
    raw = {"id": "bench", "created_at": "2026-01-02T03:04:05Z"}
    applicant = Applicant.objects.create_applicant(user, raw)
    Check.objects.bulk_create(
        Check(
            user=user, applicant=applicant, onfido_id=each, status="in_progress", raw={}, created_at=raw["created_at"]
        )
        for each in Path(sys.argv[1]).read_text().split()
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    main()
