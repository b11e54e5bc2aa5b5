"""Settings of the site that the browser tests open: the demo, served as a careful site would serve it.

Static files have hashed names and never expire, the policy for scripts is strict, and nothing is debugged.
"""

import os

from demo_project.settings import *  # noqa: F403
from demo_project.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE, REALTIME_AUTHENTICATE

DEBUG = False
INSTALLED_APPS = [*INSTALLED_APPS, "tests.browser.site"]
MIDDLEWARE = [
    "tests.browser.site.policy.content_security_policy",
    "realtime.middleware.UploadMiddleware",
    *MIDDLEWARE,
    "django.middleware.locale.LocaleMiddleware",
]
ROOT_URLCONF = "tests.browser.site.urls"
ASGI_APPLICATION = "tests.asgi.application"
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}
STATIC_ROOT = DATABASES["default"]["NAME"].parent / "static"
REALTIME_PRESENCE_GRACE_SECONDS = float(os.environ.get("SITE_GRACE", "1.5"))
REALTIME_LIMITS = {"presence_lease_seconds": float(os.environ.get("SITE_LEASE", "8"))}
REALTIME_ALLOWED_ORIGINS = os.environ.get("SITE_ORIGINS", "").split()
REALTIME_AUTHENTICATE = os.environ.get("SITE_TOKENS", REALTIME_AUTHENTICATE)
