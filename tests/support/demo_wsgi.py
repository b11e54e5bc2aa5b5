"""The demo's pages under WSGI, with its static files, which a real site leaves to its web server."""

import os

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_project.settings")
application = StaticFilesHandler(get_wsgi_application())
