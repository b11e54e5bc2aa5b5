"""UploadMiddleware: the script of an upload learns where a redirect leads, and follows none."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.test import RequestFactory

from realtime.middleware import UploadMiddleware

UPLOAD = {"X-Realtime-Upload": "1"}


def answer(response: HttpResponse, headers: dict[str, str]) -> HttpResponse:
    return UploadMiddleware(lambda request: response)(RequestFactory().post("/", headers=headers))


def test_a_redirect_is_named_with_its_cookies_and_the_headers_that_do_not_describe_its_content():
    headers = {"Vary": "Cookie", "X-Frame-Options": "DENY", "Content-Length": "9", "Content-Encoding": "gzip"}
    redirect = HttpResponseRedirect("/next/", headers=headers)
    redirect.set_cookie("messages", "saved")
    named = answer(redirect, UPLOAD)
    assert (named.status_code, named["X-Realtime-Location"], named.content) == (200, "/next/", b"")
    assert named.cookies["messages"].value == "saved"
    content = {"Content-Type": "text/html; charset=utf-8"}
    kept = {"Vary": "Cookie", "X-Frame-Options": "DENY", "X-Realtime-Location": "/next/"}
    assert dict(named.headers) == {**content, **kept}


def test_other_answers_and_other_requests_stay_as_they_are():
    redirect, page, nowhere = HttpResponseRedirect("/next/"), HttpResponse("errors"), HttpResponse(status=303)
    assert answer(redirect, {}) is redirect
    assert answer(page, UPLOAD) is page
    assert answer(nowhere, UPLOAD) is nowhere
