"""Models with one of each relation, and columns that hold nulls, ties and texts that collations sort differently."""

from django.conf import settings
from django.db import models


class Region(models.Model):
    name = models.CharField(max_length=20)
    rank = models.IntegerField(default=0)


class Person(models.Model):
    name = models.CharField(max_length=20)
    region = models.ForeignKey(Region, models.SET_NULL, null=True)


class Box(models.Model):
    title = models.CharField(max_length=20)
    rank = models.IntegerField(default=0)
    readers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")


class Tag(models.Model):
    name = models.CharField(max_length=20)


class Item(models.Model):
    title = models.CharField(max_length=20)
    number = models.IntegerField(null=True)
    done = models.BooleanField(default=False)
    day = models.DateField(null=True)
    box = models.ForeignKey(Box, models.CASCADE, related_name="items")
    person = models.ForeignKey(Person, models.SET_NULL, null=True)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    tags = models.ManyToManyField(Tag, related_name="items")
    readers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")

    @property
    def tag_names(self) -> list[str]:
        return sorted(tag.name for tag in self.tags.all())


class Errand(Item):
    """The same rows under another name."""

    class Meta:
        proxy = True
