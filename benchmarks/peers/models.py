"""The models whose changes are sent to the clients."""

from django.contrib.auth.models import User
from django.db import models


class Item(models.Model):
    room = models.IntegerField(db_index=True)
    text = models.CharField(max_length=250)

    def __str__(self) -> str:
        return self.text


class Person(models.Model):
    name = models.CharField(max_length=250)

    def __str__(self) -> str:
        return self.name


class Task(models.Model):
    """An item with a place in the list of its board, and with people to whom it is of interest."""

    board = models.IntegerField()
    place = models.IntegerField()
    text = models.CharField(max_length=250)
    assignee = models.ForeignKey(Person, models.CASCADE, null=True)
    members = models.ManyToManyField(User)

    class Meta:
        indexes = [models.Index(fields=["board", "place", "id"], name="task_place")]

    def __str__(self) -> str:
        return self.text
