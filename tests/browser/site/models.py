"""Tables that the demo has not: rows with a key of two columns, and rows that hold their own markup."""

from django.db import models

from demo_project.board.models import Project


class Booking(models.Model):
    """A place in a room, booked. Its order is `position`."""

    pk = models.CompositePrimaryKey("room", "place")
    room = models.CharField(max_length=40)
    place = models.IntegerField()
    project = models.ForeignKey(Project, models.CASCADE)
    name = models.CharField(max_length=40)
    position = models.IntegerField()

    class Meta:
        app_label = "site"


class Snippet(models.Model):
    """A row of markup, as a test writes it."""

    project = models.ForeignKey(Project, models.CASCADE)
    html = models.TextField()
    position = models.IntegerField()

    class Meta:
        app_label = "site"
