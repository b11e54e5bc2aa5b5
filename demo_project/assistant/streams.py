"""The assistant's stream: everyone's own conversation."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import QuerySet

import realtime
from demo_project.assistant import writers
from demo_project.assistant.models import Answer
from realtime import ModelStream, action, register

User = AbstractBaseUser | AnonymousUser


@register("conversation")
class ConversationStream(ModelStream):
    """What a user has asked, and the answers."""

    model = Answer
    fields = ["id", "question", "text", "state"]
    template_name = "assistant/_answer.html"

    def authorize(self, user: User) -> bool:
        return True

    def audience(self, user: User) -> int:
        return user.pk

    def get_queryset(self) -> QuerySet[Answer]:
        return Answer.objects.filter(user=self.audience).order_by("pk")

    @action
    def ask(self, user: User, question: str) -> None:
        answer = Answer(user_id=user.pk, question=question.strip())
        answer.full_clean()
        answer.save()
        transaction.on_commit(partial(writers.start, answer.pk))

    @action
    def stop(self, user: User, pk: int) -> None:
        realtime.stop_text(Answer.objects.get(pk=pk, user=user.pk), "text")
