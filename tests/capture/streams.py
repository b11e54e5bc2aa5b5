"""The streams that make the models live."""

from realtime import ModelStream, register
from tests.capture import models
from tests.capture.models import Atlas, Book, Document, Part, Reader, Slot


class CaptureStream(ModelStream):
    fields = ["pk"]

    def authorize(self, user, **params):
        return True


@register("capture.books")
class Books(CaptureStream):
    model = Book
    partition_by = ["shelf"]
    depends_on = ["tags", "readers"]

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf)


@register("capture.atlases")
class Atlases(CaptureStream):
    model = Atlas
    partition_by = ["shelf"]

    def get_queryset(self, shelf):
        return Atlas.objects.filter(shelf=shelf)


@register("capture.readers")
class Readers(CaptureStream):
    model = Reader
    partition_by = ["shelf"]

    def get_queryset(self, shelf):
        return Reader.objects.filter(shelf=shelf)


@register("capture.slots")
class Slots(CaptureStream):
    model = Slot
    partition_by = ["reader"]

    def get_queryset(self, reader):
        return Slot.objects.filter(reader=reader)


@register("capture.documents")
class Documents(CaptureStream):
    model = Document


@register("capture.parts")
class Parts(CaptureStream):
    model = Part


if hasattr(models, "Shadow"):

    @register("capture.shadows")
    class Shadows(CaptureStream):
        model = models.Shadow
