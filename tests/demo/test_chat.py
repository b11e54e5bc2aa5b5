"""The chat and the dashboard: who sees what, unread counts, totals."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from demo_project.board.models import Project
from demo_project.chat.models import Message, Room
from demo_project.chat.seeds import seed as seed_chat
from demo_project.chat.streams import MessageStream, RoomStream
from demo_project.dashboard.streams import OverviewStream, VisitorStream
from realtime import mark_read
from realtime.hub import presence_rows
from realtime.hub.presence_rows import Arrival, Who
from realtime.queries.page import unread_keys
from realtime.streams.place import Place


def person(username: str):
    return get_user_model().objects.get(username=username)


@pytest.fixture
def chat(board: Project) -> Room:
    """The first room of a seeded chat; ada, ben and cleo are in it."""
    seed_chat()
    return Room.objects.first()


@pytest.fixture
def stream(chat: Room) -> MessageStream:
    return MessageStream({"room": chat.pk})


def rooms(username: str) -> list[str]:
    return [item.room.name for item in RoomStream({}, person(username).pk).get_queryset()]


def unread(username: str, room: Room) -> int:
    return len(unread_keys(person(username), MessageStream({"room": room.pk}, None)))


def test_members_see_the_messages(stream: MessageStream, chat: Room) -> None:
    lunch = Room.objects.get(name="Lunch")
    assert stream.authorize(person("ada"), room=chat.pk) is True
    assert stream.authorize(person("ada"), room=lunch.pk) is False


def test_messages_come_with_the_newest_first(stream: MessageStream, chat: Room) -> None:
    stream.post(person("ben"), text="  Hello ")
    texts = [message.text for message in stream.get_queryset(chat.pk)]
    assert (texts[0], texts[-1]) == ("Hello", "Good morning! The staging server is up again.")


def test_empty_message_is_refused(stream: MessageStream) -> None:
    with pytest.raises(ValidationError) as refused:
        stream.post(person("ben"), text="   ")
    assert refused.value.message_dict == {"text": ["Say something."]}


def test_others_messages_are_unread_until_they_are_read(stream: MessageStream, chat: Room) -> None:
    stream.post(person("ben"), text="One")
    stream.post(person("ben"), text="Two")
    assert (unread("ada", chat), unread("ben", chat)) == (2, 0)
    mark_read(person("ada"), "messages", {"room": chat.pk})
    assert (unread("ada", chat), unread("cleo", chat)) == (0, 2)


def test_everyone_has_rooms_of_their_own(chat: Room) -> None:
    assert rooms("cleo") == ["General", "Website relaunch", "Lunch"]
    assert RoomStream({}).audience(person("ada")) == person("ada").pk


def test_pages_are_reached_from_home(client_of, chat: Room) -> None:
    client = client_of("ada")
    home = client.get("/projects/").content.decode()
    assert 'href="/chat/"' in home
    assert 'href="/dashboard/"' in home
    assert client.get("/chat/").headers["location"] == f"/chat/{chat.pk}/"
    assert "Good morning!" in client.get(f"/chat/{chat.pk}/").content.decode()
    assert client.get("/dashboard/").status_code == 200


def test_room_of_others_is_not_found(client_of, chat: Room) -> None:
    assert client_of("ada").get(f"/chat/{Room.objects.get(name='Lunch').pk}/").status_code == 404


def test_whoever_is_in_no_room_is_told(client_of) -> None:
    assert "No rooms yet" in client_of("ada").get("/chat/").content.decode()


def test_overview_counts_the_tasks_of_own_projects(chat: Room, other_board: Project) -> None:
    ada, cleo = (OverviewStream({}, person(name).pk) for name in ("ada", "cleo"))
    assert (ada.open() + ada.done()) - (cleo.open() + cleo.done()) == other_board.tasks.count()
    assert [item["name"] for item in cleo.projects()] == ["Website relaunch", "Office move"]
    first = ada.projects()[0]
    assert (first["todo"], first["doing"], first["done"], first["total"]) == (8, 4, 7, 19)
    assert cleo.messages() == Message.objects.count()


def test_visitors_are_those_on_boards_that_one_may_see(chat: Room, board: Project, other_board: Project) -> None:
    presence_rows.take_lease("one", seconds=60)
    for number, (username, project) in enumerate((("ada", board), ("ben", other_board))):
        place = Place(str(number) * 40, "tasks", {"project": project.pk, "column": None})
        who = Who(place.key, str(person(username).pk))
        presence_rows.seat("one", [Arrival(who, place, {})], [], seconds=60)
    seen = {name: [row.name for row in VisitorStream({}, person(name).pk).get_queryset()] for name in ("ada", "cleo")}
    assert seen == {"ada": ["Ada Novak", "Ben Okafor"], "cleo": ["Ada Novak"]}
