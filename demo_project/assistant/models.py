"""The assistant's table: questions of users, with their answers."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Answer(models.Model):
    """A question of a user, and what the language model says to it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="answers")
    question = models.CharField(max_length=300, error_messages={"blank": "Ask something."})
    text = models.TextField(blank=True)
    state = models.CharField(max_length=9, blank=True)  # of the live text
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.question
