"""A tiny app: only what the tests need."""

from django.conf import settings
from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=50)


class Tag(models.Model):
    name = models.CharField(max_length=50)


class Book(models.Model):
    title = models.CharField(max_length=100)
    shelf = models.ForeignKey(Shelf, models.CASCADE, related_name="books")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    tags = models.ManyToManyField(Tag, related_name="books")
    pages = models.IntegerField(default=0)


class Answer(models.Model):
    """What a language model says, as long as it does."""

    shelf = models.ForeignKey(Shelf, models.CASCADE, related_name="+")
    text = models.TextField(blank=True)
    secret = models.TextField(blank=True)
    state = models.CharField(max_length=9, blank=True)


class Note(models.Model):
    """Not live: no stream needs it."""

    text = models.CharField(max_length=100)
