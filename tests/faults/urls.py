"""Addresses of the processes under fault: those of the tests, and what they have asked of the database."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from tests.support import faults_counting
from tests.urls import urlpatterns as urls_of_tests


def statements(request: HttpRequest) -> JsonResponse:
    return JsonResponse(faults_counting.counted)


urlpatterns = [*urls_of_tests, path("statements/", statements)]
