"""The model whose changes are sent to the clients."""

from django.db import models


class Item(models.Model):
    room = models.IntegerField(db_index=True)
    text = models.CharField(max_length=250)

    def __str__(self) -> str:
        return self.text
