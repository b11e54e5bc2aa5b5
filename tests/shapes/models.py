"""A board of cards with every kind of relation, keys of every kind, and models that inherit."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Team(models.Model):
    name = models.CharField(max_length=30)


class Person(models.Model):
    name = models.CharField(max_length=30)
    team = models.ForeignKey(Team, models.SET_NULL, null=True)


class Lane(models.Model):
    name = models.CharField(max_length=30)
    code = models.CharField(max_length=30, unique=True)
    closed = models.BooleanField(default=False)
    members = models.ManyToManyField(Person, through="Membership", related_name="lanes")


class Membership(models.Model):
    lane = models.ForeignKey(Lane, models.CASCADE)
    person = models.ForeignKey(Person, models.CASCADE)
    role = models.CharField(max_length=30, default="")


class Tag(models.Model):
    name = models.CharField(max_length=30)


class Remark(models.Model):
    """Belongs to any row, by a generic foreign key."""

    text = models.CharField(max_length=30)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    about = GenericForeignKey()


class CardQuerySet(models.QuerySet[Any]):
    def open(self) -> CardQuerySet:
        return self.filter(done=False)


class OpenCards(models.Manager[Any]):
    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(done=False)


class Card(models.Model):
    title = models.CharField(max_length=60)
    rank = models.IntegerField(null=True)
    done = models.BooleanField(default=False)
    lane = models.ForeignKey(Lane, models.CASCADE, related_name="cards")
    person = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="cards")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    tags = models.ManyToManyField(Tag, related_name="cards")
    remarks = GenericRelation(Remark)

    objects = CardQuerySet.as_manager()
    unfinished = OpenCards()

    @property
    def tag_names(self) -> list[str]:
        return sorted(tag.name for tag in self.tags.all())

    @property
    def remark_texts(self) -> list[str]:
        return sorted(remark.text for remark in self.remarks.all())

    @property
    def strange(self) -> object:
        return object()


class DoneCard(Card):
    class Meta:
        proxy = True
        ordering = ["-rank", "title"]


class Comment(models.Model):
    card = models.ForeignKey(Card, models.CASCADE, related_name="comments")
    author = models.ForeignKey(Person, models.CASCADE, null=True, related_name="comments")
    text = models.CharField(max_length=30)


class Cover(models.Model):
    """Its key is another row's."""

    card = models.OneToOneField(Card, models.CASCADE, primary_key=True)
    title = models.CharField(max_length=30)


class Uuid(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.CharField(max_length=30)


class Slug(models.Model):
    code = models.CharField(max_length=60, primary_key=True)
    title = models.CharField(max_length=30)


class Seat(models.Model):
    pk = models.CompositePrimaryKey("hall", "number")
    hall = models.ForeignKey(Lane, models.CASCADE)
    number = models.CharField(max_length=10)
    title = models.CharField(max_length=30)


class Place(models.Model):
    title = models.CharField(max_length=30)
    city = models.CharField(max_length=30, default="")


class Restaurant(Place):
    stars = models.IntegerField(default=0)
    lane = models.ForeignKey(Lane, models.CASCADE, null=True, related_name="restaurants")


class Shop(models.Model):
    number = models.AutoField(primary_key=True)
    goods = models.CharField(max_length=30, default="")


class BookCafe(Place, Shop):
    """Has two parents, whose keys differ."""

    coffee = models.CharField(max_length=30, default="")


class Meal(models.Model):
    title = models.CharField(max_length=30)
    restaurant = models.ForeignKey(Restaurant, models.CASCADE, related_name="meals")


class Ticket(models.Model):
    """Points to another column than the key."""

    lane = models.ForeignKey(Lane, models.CASCADE, to_field="code", related_name="tickets")
    title = models.CharField(max_length=30)


class Letter(models.Model):
    """Is for readers whose keys are no numbers."""

    title = models.CharField(max_length=30)
    readers = models.ManyToManyField(Uuid, related_name="letters")
    room = models.CharField(max_length=60, default="")
    box = models.UUIDField(null=True)
