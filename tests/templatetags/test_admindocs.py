"""The documentation in the admin (`django.contrib.admindocs`) reads the docstrings of template tags."""

import pytest
from django.contrib.admindocs.utils import parse_docstring, parse_rst
from django.urls import include, path

from realtime.templatetags.realtime import register

urlpatterns = [path("admin/doc/", include("django.contrib.admindocs.urls"))]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("tag", sorted(register.tags))
def test_docstring_is_text_that_the_admin_can_show(tag, capsys):
    title, body, _ = parse_docstring(register.tags[tag].__doc__)
    assert parse_rst(title, "tag", f"tag:{tag}")
    assert parse_rst(body, "tag", f"tag:{tag}")
    assert capsys.readouterr().err == ""
