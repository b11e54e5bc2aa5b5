"""QuerySets that look at the clock, of streams that do not say when their rows change."""

from __future__ import annotations

import datetime

import pytest
from django.db.models import DateField, Func
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now, TruncDate
from django.utils import timezone

from realtime.checks.time import check_time
from tests.models import Book

SAID = (
    "realtime.W067",
    "get_queryset of Made depends on the current time, so rows change without any write.",
    (
        "Let `changes_at(self)` return the datetime of the next change, or set `refresh_every` to a number of "
        "seconds. Otherwise pages update only at the next write, or when they reconnect."
    ),
)

CLOCKS = {
    "timezone.now()": lambda self: Book.objects.filter(owner__last_login__gt=timezone.now()),
    "date.today()": lambda self: Book.objects.filter(owner__last_login__date=datetime.date.today()),
    "localdate()": lambda self: Book.objects.filter(pages__lt=timezone.localdate().year),
    "in a lambda": lambda self: (lambda: Book.objects.filter(pages__lt=timezone.now().hour))(),
    "Now()": lambda self: Book.objects.filter(owner__last_login__gt=Now()),
    "TruncDate(Now())": lambda self: Book.objects.annotate(day=TruncDate(Now())),
    "in a subquery": lambda self: Book.objects.filter(pk__in=Book.objects.filter(owner__last_login__gt=Now())),
    "CURRENT_DATE": lambda self: Book.objects.annotate(
        day=Func(function="CURRENT_DATE", template="%(function)s", output_field=DateField())
    ),
    "RawSQL": lambda self: Book.objects.annotate(day=RawSQL("CURRENT_DATE", ())),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_queryset_that_looks_at_the_clock(declared, clock):
    assert declared(check_time, get_queryset=CLOCKS[clock], depends_on=["owner"]) == [SAID]


def test_stream_that_says_when(declared):
    queryset = CLOCKS["timezone.now()"]
    assert declared(check_time, get_queryset=queryset, depends_on=["owner"], refresh_every=60) == []
    assert declared(check_time, get_queryset=queryset, depends_on=["owner"], changes_at=lambda self: None) == []


def test_queryset_without_a_clock(declared):
    assert declared(check_time, get_queryset=lambda self: Book.objects.filter(title="now", pages=2030)) == []
