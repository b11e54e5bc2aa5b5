"""Streams over random QuerySets: shared, personal, and partitioned; of items and of what items belong to."""

from realtime import ModelStream, live_value, register
from tests.oracle import specs
from tests.oracle.models import Box, Item


class OracleStream(ModelStream):
    fields = ["id"]
    template_name = "oracle/row.html"

    def authorize(self, user, **params):
        return True

    @live_value(depends_on=["oracle.Item", "oracle.Box", "oracle.Person", "oracle.Region", "oracle.Tag"])
    def count(self):
        return self.get_queryset(**self.params).count()


class ItemStream(OracleStream):
    model = Item
    fields = [
        "id",
        "title",
        "number",
        "done",
        "day",
        "box.title",
        "person.name",
        "person.region.name",
        "parent.title",
        "tag_names",
    ]
    depends_on = ["box", "person__region", "parent", "children", "tags"]


@register("oracle.items")
class AllItems(ItemStream):
    fields = [*ItemStream.fields, "shown"]

    def get_queryset(self, spec: str = "{}"):
        return specs.queryset(Item.objects.all(), spec)


@register("oracle.shared")
class SharedItems(AllItems):
    """The same rows for each user, in a live query of its own."""

    def audience(self, user, **params):
        return user.pk


@register("oracle.mine")
class OwnItems(ItemStream):
    fields = [*ItemStream.fields, "shown"]

    def audience(self, user, **params):
        return user.pk

    def get_queryset(self, spec: str = "{}"):
        return specs.queryset(Item.objects.filter(reader=self.audience_key), spec)


class ItemsFor(OwnItems):
    """Like the above, where the stream says whom a row is for."""

    def get_queryset(self, spec: str = "{}"):
        return specs.queryset(Item.objects.all(), spec)

    @live_value
    def done(self):
        return Item.objects.filter(**{self.audience_by: self.audience_key}, done=True).count()


@register("oracle.reader")
class ItemsForReader(ItemsFor):
    audience_by = "reader"


@register("oracle.readers")
class ItemsForReaders(ItemsFor):
    audience_by = "readers"


@register("oracle.readers_named")
class ItemsForReadersNamed(ItemsFor):
    """Its QuerySet names the audience too, so that each has one of its own."""

    audience_by = "readers"

    def get_queryset(self, spec: str = "{}"):
        return specs.queryset(Item.objects.filter(readers=self.audience_key), spec)


@register("oracle.readers_of_box")
class ItemsForReadersOfBox(ItemsFor):
    audience_by = "box__readers"


@register("oracle.readers_in_box")
class ItemsForReadersInBox(ItemsForReaders):
    partition_by = ["box"]

    def get_queryset(self, box: int, spec: str = "{}"):
        return specs.queryset(Item.objects.filter(box=box), spec)

    @live_value
    def done(self):
        return Item.objects.filter(box=self.params["box"], readers=self.audience_key, done=True).count()


@register("oracle.box")
class ItemsOfBox(ItemStream):
    fields = [*ItemStream.fields, "shown"]
    partition_by = ["box"]

    def get_queryset(self, box: int, spec: str = "{}"):
        return specs.queryset(Item.objects.filter(box=box), spec)

    @live_value
    def done(self):
        return Item.objects.filter(box=self.params["box"], done=True).count()


@register("oracle.pages")
class PagesOfItems(AllItems):
    """One page, or a window, as the spec says."""

    paginate_by = 3


@register("oracle.boxes")
class Boxes(OracleStream):
    model = Box
    fields = ["id", "title", "rank", "shown"]
    depends_on = ["items"]

    def get_queryset(self, spec: str = "{}"):
        return specs.queryset(Box.objects.all(), spec)


class Groups(OracleStream):
    model = Item
    template_name = "oracle/group.html"
    depends_on = ItemStream.depends_on


@register("oracle.groups")
class GroupsOfItems(Groups):
    fields = [*specs.GROUPED["oracle.groups"], "shown"]

    def get_queryset(self, spec: str = "{}"):
        return specs.groups(Item.objects.all(), "oracle.groups", spec)


@register("oracle.groups_of_box")
class GroupsOfBox(Groups):
    fields = [*specs.GROUPED["oracle.groups_of_box"], "shown"]
    partition_by = ["box"]

    def get_queryset(self, box: int, spec: str = "{}"):
        return specs.groups(Item.objects.filter(box=box), "oracle.groups_of_box", spec)


@register("oracle.groups_for_reader")
class GroupsForReader(Groups):
    fields = [*specs.GROUPED["oracle.groups_for_reader"], "shown"]
    audience_by = "reader"

    def audience(self, user, **params):
        return user.pk

    def get_queryset(self, spec: str = "{}"):
        return specs.groups(Item.objects.all(), "oracle.groups_for_reader", spec)
