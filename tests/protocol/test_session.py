"""ClientSession: what each state takes, and the arithmetic of subscriptions, cursors and credit."""

import copy
import json

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from realtime.exceptions import (
    BadMessage,
    Forbidden,
    GoingAway,
    InternalError,
    Overloaded,
    ProtocolError,
    UnexpectedMessage,
    UnsupportedVersion,
)
from realtime.protocol import codec
from realtime.protocol.codec import Encoded
from realtime.protocol.effects import CatchUp, Leave
from realtime.protocol.flow_control import EVENT_BYTES, EVENT_SECONDS
from realtime.protocol.live_text import GrowingText, TextName, TextUpdate
from realtime.protocol.messages import (
    Ack,
    Authenticate,
    Call,
    Hello,
    Present,
    Reply,
    Send,
    Subscribe,
    Unsubscribe,
    Window,
)
from realtime.protocol.session import MAX_FINGERPRINT, TRANSITIONS, ClientSession, State

MESSAGES = {
    Hello: '{"type":"hello","version":1}',
    Subscribe: '{"type":"subscribe","id":1,"stream":"tasks"}',
    Unsubscribe: '{"type":"unsubscribe","id":1}',
    Call: '{"type":"call","id":"c1","stream":"tasks","action":"toggle"}',
    Ack: '{"type":"ack","messages":0}',
    Authenticate: '{"type":"authenticate","token":"t"}',
    Send: '{"type":"send","id":1,"name":"typing"}',
    Present: '{"type":"present","id":1,"data":{}}',
}


def new(*, frames=3, bytes=1000, max_subscriptions=5):
    return ClientSession(
        heartbeat_seconds=25.0,
        window=Window(frames=frames, bytes=bytes),
        max_bytes=10_000,
        max_subscriptions=max_subscriptions,
    )


def opened(**options):
    session = new(**options)
    session.receive(MESSAGES[Hello])
    return session


def subscribe(session, id=1, *, query=10, log=0, cursor=None, fingerprint="", answered=""):
    """A subscription that is accepted, and not live yet."""
    wanted = {"type": "subscribe", "id": id, "stream": "tasks"} | ({} if cursor is None else {"cursor": cursor})
    session.receive(json.dumps(wanted | ({"fingerprint": fingerprint} if fingerprint else {})))
    session.accept(session.subscriptions[id], query=query, log=log, fingerprint=answered or fingerprint)


def asked_for(session):
    """A subscription that has no answer yet."""
    _, [subscription] = session.receive(MESSAGES[Subscribe])
    return subscription


def frame(size=10):
    return Encoded("f" * size, size)


def offer(session, *, before="e.0", caught_up=(), log=0, size=10, **options):
    twin = copy.deepcopy(session)
    messages = session.offer(frame(size), log=log, before=before, caught_up=caught_up, **options)
    texts = [message.text for message in messages]
    if not caught_up and twin.try_send(frame(size), log):
        assert (texts, facts(session)) == ([frame(size).text], facts(twin))
    return texts


def facts(session):
    """All that there is to know of a session."""
    subscriptions = [
        (item.id, item.query, item.log, item.live, item.cursor) for item in session.subscriptions.values()
    ]
    credit = {name: getattr(session._credit, name) for name in session._credit.__slots__}
    return session.state, session.behind, session.held, session._owed, subscriptions, credit


def ack(session, messages):
    answer, events = session.receive(json.dumps({"type": "ack", "messages": messages}))
    assert answer == []
    return events


BEHIND = '{"type":"behind"}'
SUBSCRIBED = '{"type":"subscribed","id":1,"query":10,"log":0}'
SENT = "f" * 10


class TestEvents:
    """Events that a client is slow to read are not sent: they would be late."""

    @staticmethod
    def flood(session, events=1000, now=0.0):
        sent = [session.notify(Encoded("e" * 100, 100), now) for _ in range(events)]
        return [message.text for messages in sent for message in messages]

    @staticmethod
    def open_session(**options):
        session = ClientSession(
            heartbeat_seconds=25,
            window=Window(frames=256, bytes=2**20),
            max_bytes=1000,
            max_subscriptions=9,
            **options,
        )
        session.receive(MESSAGES[Hello])
        return session

    def test_many_are_followed_by_a_heartbeat_and_no_more_while_it_is_not_answered(self):
        session = self.open_session()
        texts = self.flood(session)
        assert texts.count('{"type":"heartbeat","cursors":{}}') == 1
        assert len(texts) * 100 < 2 * EVENT_BYTES
        assert self.flood(session, now=EVENT_SECONDS + 1) == []

    def test_answer_brings_more(self):
        session = self.open_session()
        ack(session, len(self.flood(session)))
        assert len(self.flood(session)) > 100

    def test_client_that_does_not_answer_late_gets_not_even_a_few(self):
        session = self.open_session()
        self.flood(session, events=EVENT_BYTES // 400 + 1)
        assert (len(self.flood(session, events=1, now=1)), self.flood(session, events=1, now=EVENT_SECONDS + 1)) == (
            1,
            [],
        )

    def test_over_http_the_window_alone_bounds_them(self):
        texts = self.flood(self.open_session(answers=False))
        assert texts == ["e" * 100] * 1000


class TestStates:
    @pytest.mark.parametrize("state", list(State))
    @pytest.mark.parametrize("kind", list(MESSAGES))
    def test_each_message_in_each_state(self, state, kind):
        session = new()
        session.state = state
        if state is State.CLOSED:
            assert session.receive(MESSAGES[kind]) == ([], [])
        elif (state, kind) in TRANSITIONS:
            session.receive(MESSAGES[kind])
            assert session.state is TRANSITIONS[state, kind]
        else:
            with pytest.raises(UnexpectedMessage) as refused:
                session.receive(MESSAGES[kind])
            name = kind.__name__.lower()
            assert refused.value.reason == f"A connection that is {state.value} does not accept '{name}'."
            assert session.state is state

    def test_hello_opens(self):
        answer, events = (session := new()).receive(MESSAGES[Hello])

        assert [message.text for message in answer] == [
            '{"type":"welcome","version":1,"heartbeat":25.0,"window":{"frames":3,"bytes":1000}}'
        ]
        assert (events, session.state) == ([], State.OPEN)

    @pytest.mark.parametrize("version", [1, 2])
    def test_welcome_has_the_version_of_the_client(self, version):
        [welcome], _ = (session := new()).receive(f'{{"type":"hello","version":{version}}}')
        assert (json.loads(welcome.text)["version"], session.version) == (version, version)

    @pytest.mark.parametrize("version", [0, 3])
    def test_another_version_is_refused(self, version):
        with pytest.raises(UnsupportedVersion) as refused:
            new().receive(f'{{"type":"hello","version":{version}}}')
        assert refused.value.reason == f"This server supports protocol versions 1 and 2, not {version}."

    def test_binary_frame_is_refused(self):
        with pytest.raises(BadMessage) as refused:
            new().receive(MESSAGES[Hello].encode())
        assert refused.value.reason == "Messages must be text frames; this one is binary."

    def test_close_says_bye_once(self):
        session = opened()

        assert session.close(GoingAway("Later.", retry=5.0)).text == (
            '{"type":"bye","code":4000,"reason":"Later.","retry":5.0}'
        )
        assert session.close(InternalError()) is None

    def test_bye_without_a_time_to_come_back(self):
        assert opened().close(BadMessage("No.")).text == '{"type":"bye","code":4200,"reason":"No."}'

    def test_nothing_follows_the_bye(self):
        session = opened()
        subscription = asked_for(session)
        session.close(InternalError())

        assert offer(session, caught_up={10}) == []
        assert session.accept(subscription, query=10, log=0) is None
        assert session.refuse(subscription, code=4214, reason="No.") is None
        assert session.reply(Reply(id="c1", result=msgspec.Raw(b"1"))) is None
        assert session.heartbeat({0: "e.1"}) is None
        assert session.receive("noise") == ([], [])


class TestRequests:
    """What a transport asks whose response is to end."""

    def test_window_that_is_used_up_is_spent(self):
        session = opened(frames=1)
        subscribe(session)
        assert not session.spent
        offer(session, caught_up=[10])
        assert session.spent

    def test_what_is_held_is_not_spent(self):
        session = opened(frames=1)
        subscribe(session)
        offer(session, caught_up=[10])
        session.hold()
        assert not session.spent

    def test_subscription_is_settled_when_it_is_live_or_refused(self):
        session = opened()
        assert session.settled
        subscribe(session)
        assert not session.settled
        offer(session, caught_up=[10])
        assert session.settled
        subscribe(session, id=2, query=20)
        assert not session.settled
        session.refuse(session.subscriptions[2], code=4214, reason="no")
        assert session.settled


class TestLiveText:
    def live(self, **options):
        session = new(**options)
        session.receive('{"type":"hello","version":2}')
        subscribe(session)
        offer(session, caught_up=[10])
        self.text = GrowingText(0, 1000)
        return session

    def part(self, text, query=10):
        start = self.text.end
        self.text.append(text)
        name = TextName("default", "tasks.task", "7", "text")
        return TextUpdate(number=1, query=query, name=name, start=start, end=self.text.end, text=self.text)

    def texts(self, messages):
        return [json.loads(message.text)["text"] for message in messages if '"text"' in message.text]

    def test_what_there_was_no_credit_for_comes_with_the_acknowledgement(self):
        session = self.live(frames=1)
        assert session.send_text(self.part("Once ")) == session.send_text(self.part("upon")) == []
        messages, _ = session.receive('{"type":"ack","messages":2}')
        assert self.texts(messages) == ["Once upon"]
        assert session.send_text(self.part(" a time"))[0].text == '[1," a time"]'

    def test_what_comes_while_access_is_checked_is_sent_before_the_kept_frames(self):
        session = self.live()
        session.hold()
        assert session.send_text(self.part("Once "), 1.0) == []
        frame = offer(session)
        messages, _ = session.release()
        assert (frame, self.texts(messages[:1]), len(messages)) == ([], ["Once "], 2)

    def test_what_comes_after_a_check_began_waits_for_the_next_one(self):
        session = self.live()
        session.hold()
        session.send_text(self.part("Once "), 2.0)
        assert session.release(1.0)[0] == []
        assert self.texts(session.release()[0]) == ["Once "]

    def test_a_kept_frame_waits_for_the_text_that_it_refers_to(self):
        session = self.live()
        session.hold()
        session.send_text(self.part("Once "), 1.0)
        assert offer(session, now=1.0) == []
        session.send_text(self.part("upon"), 2.0)
        assert session.release(1.5)[0] == []
        messages, _ = session.release()
        assert (self.texts(messages[:1]), len(messages)) == (["Once upon"], 2)

    def test_who_may_see_it_no_more_does_not_get_what_was_missed(self):
        session = self.live()
        session.hold()
        session.send_text(self.part("Once "), 1.0)
        session.refuse(session.subscriptions[1], code=4214, reason="no")
        assert session.release()[0] == []

    def test_a_client_of_version_1_gets_none(self):
        session = opened()
        subscribe(session)
        self.text = GrowingText(0, 1000)
        assert session.send_text(self.part("Once ")) == []


class TestSubscriptions:
    def test_text_that_is_no_fingerprint_takes_no_memory(self):
        session = opened(bytes=100_000)
        session.max_bytes = 100_000
        subscribe(session, cursor="e.1", fingerprint="x" * 50_000, answered="a.b")
        [subscription] = session.subscriptions.values()
        assert (len(subscription.request.fingerprint), subscription.cursor) == (MAX_FINGERPRINT, None)

    def test_subscribe_comes_back_as_an_event(self):
        answer, [event] = opened().receive('{"type":"subscribe","id":7,"token":"t","cursor":"e.1"}')
        assert (answer, event.request, event.cursor) == ([], Subscribe(id=7, token="t", cursor="e.1"), "e.1")

    def test_accepted_subscription_is_announced(self):
        session = opened()
        subscription = asked_for(session)
        assert session.accept(subscription, query=17, log=2).text == '{"type":"subscribed","id":1,"query":17,"log":2}'

    def test_id_in_use_is_unexpected(self):
        session = opened()
        session.receive(MESSAGES[Subscribe])
        with pytest.raises(UnexpectedMessage) as refused:
            session.receive(MESSAGES[Subscribe])
        assert refused.value.reason == "The subscription id 1 is in use."

    @pytest.mark.parametrize("target", [{}, {"token": "t", "stream": "s"}])
    def test_either_token_or_stream_is_named(self, target):
        with pytest.raises(BadMessage) as refused:
            opened().receive(json.dumps({"type": "subscribe", "id": 1, **target}))
        assert refused.value.reason == "A subscription needs either 'token' or 'stream'."

    def test_number_of_subscriptions_is_limited(self):
        session = opened(max_subscriptions=2)
        subscribe(session, 1)
        subscribe(session, 2)
        answer, events = session.receive('{"type":"subscribe","id":3,"stream":"tasks"}')
        assert [message.text for message in answer] == [
            '{"type":"refused","id":3,"code":4002,"reason":"A connection may have up to 2 subscriptions."}'
        ]
        assert (events, sorted(session.subscriptions)) == ([], [1, 2])

    def test_subscription_beyond_the_limit_ends_a_connection_that_does_not_read(self):
        session = opened(max_subscriptions=1, frames=1)
        subscribe(session, 1)
        offer(session, caught_up={10})
        with pytest.raises(Overloaded) as refused:
            session.receive('{"type":"subscribe","id":2,"stream":"tasks"}')
        assert refused.value.reason == "A connection may have up to 1 subscriptions."

    def test_refused_subscription_leaves_its_id_free(self):
        session = opened()
        subscription = asked_for(session)

        assert session.refuse(subscription, code=Forbidden.code, reason="No.").text == (
            '{"type":"refused","id":1,"code":4214,"reason":"No."}'
        )
        assert session.refuse(subscription, code=Forbidden.code, reason="No.") is None
        assert session.wants(asked_for(session))

    def test_refusal_has_sentences_by_parameter(self):
        session = opened()
        refused = session.refuse(asked_for(session), code=4213, reason="No.", details={"q": ["Too long."]})

        assert refused.text == ('{"type":"refused","id":1,"code":4213,"reason":"No.","details":{"q":["Too long."]}}')

    def test_unsubscribing_leaves_the_live_query(self):
        session = opened()
        subscribe(session)
        assert session.receive(MESSAGES[Unsubscribe]) == ([], [Leave(10)])

    def test_live_query_stays_while_another_subscription_needs_it(self):
        session = opened()
        subscribe(session, 1)
        subscribe(session, 2)

        assert session.receive('{"type":"unsubscribe","id":1}') == ([], [])
        assert session.receive('{"type":"unsubscribe","id":2}') == ([], [Leave(10)])

    def test_unsubscribing_what_is_not_there_or_not_accepted_yet_means_nothing(self):
        session = opened()
        assert session.receive(MESSAGES[Unsubscribe]) == ([], [])
        subscription = asked_for(session)
        assert session.receive(MESSAGES[Unsubscribe]) == ([], [])
        assert session.accept(subscription, query=10, log=0) is None

    def test_answer_to_a_subscription_that_was_left_is_none_to_the_next_one_of_its_id(self):
        session = opened()
        left = asked_for(session)
        session.receive(MESSAGES[Unsubscribe])
        subscription = asked_for(session)

        assert session.accept(left, query=10, log=0) is None
        assert session.refuse(left, code=4214, reason="No.") is None
        assert (session.wants(left), session.wants(subscription), subscription.query) == (False, True, None)


class TestCredit:
    def test_frame_is_sent_and_makes_all_of_its_log_live(self):
        session = opened()
        subscribe(session, 1, query=10)
        subscribe(session, 2, query=11)

        assert offer(session, caught_up={10, 11}) == [SENT]
        assert [item.live for item in session.subscriptions.values()] == [True, True]

    def test_window_of_frames_bounds_what_is_on_the_way(self):
        session = opened(frames=3)
        subscribe(session)
        sent = [offer(session, caught_up={10}) for _ in range(5)]
        assert sent == [[SENT], [SENT], [SENT], [BEHIND], []]

    def test_window_of_bytes_bounds_what_is_on_the_way(self):
        session = opened(bytes=25 + len(SUBSCRIBED))
        subscribe(session)
        sent = [offer(session, caught_up={10}) for _ in range(4)]
        assert sent == [[SENT], [SENT], [SENT], [BEHIND]]

    def test_single_frame_may_be_larger_than_the_window(self):
        session = opened(bytes=25 + len(SUBSCRIBED))
        subscribe(session)

        assert offer(session, caught_up={10}, size=100) == ["f" * 100]
        assert offer(session) == [BEHIND]

    def test_ack_gives_credit_back(self):
        session = opened(frames=1)
        subscribe(session)
        offer(session, caught_up={10})

        assert ack(session, 2) == []
        assert offer(session) == [SENT]

    def test_subscription_left_behind_keeps_the_cursor_at_which_it_was_live(self):
        session = opened(frames=1)
        subscribe(session)
        offer(session, caught_up={10})
        offer(session, before="e.1")
        offer(session, before="e.2")

        assert ack(session, 2) == [CatchUp({10: "e.1"})]

    def test_subscription_that_never_had_a_frame_keeps_its_own_cursor(self):
        session = opened(frames=1)
        subscribe(session, 1, query=10)
        offer(session, caught_up={10})
        subscribe(session, 2, query=11, cursor="e.old")
        assert offer(session, before="e.1", caught_up={11}) == [BEHIND]

        assert ack(session, 2) == [CatchUp({10: "e.1", 11: "e.old"})]

    def test_catching_up_ends_with_one_frame(self):
        session = opened(frames=1)
        subscribe(session)
        offer(session, caught_up={10})
        offer(session, before="e.1")
        ack(session, 3)

        assert offer(session, before="e.9", caught_up={10}) == [SENT]
        assert not session.behind
        assert ack(session, 4) == []

    def test_frame_that_does_not_bring_everyone_along_is_withheld(self):
        session = opened(frames=1)
        subscribe(session)
        offer(session, caught_up={10})
        offer(session, before="e.1")
        ack(session, 2)

        assert offer(session, before="e.5") == []
        assert session.subscriptions[1].cursor == "e.1"

    def test_other_log_is_not_held_back(self):
        session = opened()
        subscribe(session, 1, query=10, log=0)
        subscribe(session, 2, query=11, log=1)

        assert offer(session, log=1, caught_up={11}) == [SENT]
        assert not session.subscriptions[1].live
        assert session.behind  # the first log's frame is still to come

    def test_two_subscriptions_at_different_places_need_all_rows(self):
        session = opened(frames=1)
        subscribe(session, 1, cursor="e.1")
        subscribe(session, 2, cursor="e.2")
        assert session.catch_up() == [CatchUp({10: None})]

    @pytest.mark.parametrize(("answered", "cursor"), [("same", "e.1"), ("another", None)])
    def test_whose_client_drops_its_rows_gets_all_of_them(self, answered, cursor):
        session = opened()
        subscribe(session, cursor="e.1", fingerprint="same", answered=answered)
        assert session.catch_up() == [CatchUp({10: cursor})]

    def test_two_subscriptions_at_the_same_place_need_what_came_since(self):
        session = opened()
        subscribe(session, 1, cursor="e.1")
        subscribe(session, 2, cursor="e.1")
        assert session.catch_up() == [CatchUp({10: "e.1"})]

    def test_three_subscriptions_at_different_places_need_all_rows(self):
        session = opened()
        for id, cursor in [(1, "e.1"), (2, "e.2"), (3, "e.1")]:
            subscribe(session, id, cursor=cursor)
        assert session.catch_up() == [CatchUp({10: None})]

    @pytest.mark.parametrize("messages", [4, 100, 2**53])
    def test_ack_of_messages_that_were_not_sent_is_refused(self, messages):
        session = opened()
        subscribe(session)
        offer(session, caught_up={10})
        offer(session)
        with pytest.raises(BadMessage) as refused:
            ack(session, messages)
        assert refused.value.reason == f"Acknowledged {messages} messages; expected 0 to 3."

    def test_ack_that_goes_back_is_refused(self):
        session = opened()
        subscribe(session)
        offer(session, caught_up={10})
        ack(session, 1)
        with pytest.raises(BadMessage) as refused:
            ack(session, 0)
        assert refused.value.reason == "Acknowledged 0 messages; expected 1 to 2."

    def test_ack_may_be_repeated(self):
        session = opened()
        subscribe(session)
        offer(session, caught_up={10})
        assert (ack(session, 1), ack(session, 1)) == ([], [])


class TestEverythingCounts:
    """Each message that follows `welcome` uses up credit, until it is acknowledged."""

    def full(self):
        """A session that has no room any more: its window is one frame."""
        session = opened(frames=1, bytes=200)
        subscribe(session)
        offer(session, caught_up={10})
        assert not session.has_room
        return session

    def reply(self, session, size):
        return session.reply(Reply(id="c1", result=msgspec.Raw(b'"' + b"x" * size + b'"')))

    def test_replies_use_up_the_window_of_bytes(self):
        session = opened(bytes=100)
        assert session.has_room
        self.reply(session, 100)
        assert not session.has_room
        ack(session, 1)
        assert session.has_room

    @pytest.mark.parametrize("kind", ["refused", "subscribed", "heartbeat", "reply"])
    def test_each_kind_is_counted(self, kind):
        session = opened()
        subscription = asked_for(session)
        sent = {
            "refused": lambda: session.refuse(subscription, code=4214, reason="No."),
            "subscribed": lambda: session.accept(subscription, query=10, log=0),
            "heartbeat": lambda: session.heartbeat({}),
            "reply": lambda: self.reply(session, 1),
        }
        assert sent[kind]() is not None
        ack(session, 1)
        with pytest.raises(BadMessage):
            ack(session, 2)

    def test_refusal_of_one_too_many_is_counted(self):
        session = opened(max_subscriptions=0)
        session.receive(MESSAGES[Subscribe])
        assert ack(session, 1) == []

    def test_what_goes_out_without_room_may_come_to_a_window_more_and_then_is_too_much(self):
        session = self.full()
        self.reply(session, 100)
        assert not session.overdrawn
        self.reply(session, 100)
        assert session.overdrawn

    def test_acknowledging_ends_the_overdraft(self):
        session = self.full()
        self.reply(session, 150)
        ack(session, 3)
        offer(session)
        self.reply(session, 150)
        assert not session.overdrawn

    def test_single_message_larger_than_the_window_is_none_too_much(self):
        session = opened(bytes=100)
        self.reply(session, 5000)
        assert (session.has_room, session.overdrawn) == (False, False)


class TestTokens:
    """`hello` with a token is answered when it is known who that is."""

    def greeting(self):
        session = new()
        assert session.receive('{"type":"hello","version":1,"token":"t"}') == ([], [Authenticate("t")])
        return session

    def test_welcome_says_when_the_token_ends(self):
        session = self.greeting()
        assert session.state is State.GREETING
        assert session.welcome(60.0).text == (
            '{"type":"welcome","version":1,"heartbeat":25.0,"window":{"frames":3,"bytes":1000},"expires":60.0}'
        )
        assert session.state is State.OPEN

    def test_welcome_of_a_token_that_does_not_end(self):
        assert "expires" not in self.greeting().welcome(None).text

    def test_requests_wait_for_the_welcome(self):
        session = self.greeting()
        _, [event] = session.receive(MESSAGES[Subscribe])
        assert (event.id, session.has_room) == (1, False)
        session.welcome(None)
        assert session.has_room

    @pytest.mark.parametrize("kind", [Send, Present])
    def test_what_is_said_to_others_is_taken_before_the_welcome(self, kind):
        session = self.greeting()
        session.receive(MESSAGES[Subscribe])
        _, [event] = session.receive(MESSAGES[kind])
        assert isinstance(event.message, kind)

    def test_nothing_is_said_before_the_welcome(self):
        session = self.greeting()
        session.receive(MESSAGES[Subscribe])
        assert (session.heartbeat({}), session.stall()) == (None, [])

    def test_another_token_on_the_live_connection_is_answered(self):
        session = opened()
        assert session.receive(MESSAGES[Authenticate]) == ([], [Authenticate("t")])
        assert session.welcome(60.0).text == '{"type":"authenticated","expires":60.0}'
        assert session.welcome(None).text == '{"type":"authenticated"}'

    def test_no_welcome_follows_the_bye(self):
        session = self.greeting()
        session.close(InternalError())
        assert session.welcome(None) is None


class TestHeartbeat:
    def test_heartbeat_names_the_position_of_logs_that_are_live(self):
        session = opened()
        subscribe(session, 1, query=10, log=0)
        subscribe(session, 2, query=11, log=1)
        offer(session, log=0, caught_up={10})

        assert session.heartbeat({0: "e.1", 1: "f.1", 2: "g.1"}).text == '{"type":"heartbeat","cursors":{"0":"e.1"}}'

    def test_heartbeat_says_nothing_of_a_log_that_is_behind(self):
        session = opened(frames=1)
        subscribe(session)
        offer(session, caught_up={10})
        offer(session)
        assert session.heartbeat({0: "e.5"}).text == '{"type":"heartbeat","cursors":{}}'

    def test_heartbeat_that_is_not_acknowledged_is_not_followed_by_another(self):
        session = opened()
        assert session.heartbeat({}) is not None
        assert session.heartbeat({}) is None
        ack(session, 1)
        assert session.heartbeat({}) is not None

    def test_no_heartbeat_before_hello(self):
        assert new().heartbeat({0: "e.1"}) is None


class TestPasses:
    """A frame goes out without a closer look while nothing has happened since the last one but acknowledgements."""

    def steady(self):
        session = opened()
        subscribe(session)
        offer(session, caught_up={10})
        assert session.try_send(frame(10), 0)
        return session

    def test_until_credit_is_used_up(self):
        session = self.steady()
        assert session.try_send(frame(10), 0)
        assert not session.try_send(frame(10), 0)
        ack(session, 4)
        assert session.try_send(frame(10), 0)

    @pytest.mark.parametrize(
        "happens",
        [
            lambda session: session.hold(),
            lambda session: session.stall(),
            lambda session: session.move(session.subscriptions[1]),
            lambda session: session.refuse(session.subscriptions[1], code=4003, reason="no"),
            lambda session: session.receive(MESSAGES[Unsubscribe]),
            lambda session: session.receive(MESSAGES[Subscribe].replace("1", "2")),
            lambda session: session.close(InternalError()),
            lambda session: session.abandon(),
        ],
    )
    def test_not_after(self, happens):
        session = self.steady()
        happens(session)
        assert not session.try_send(frame(10), 0)

    def test_not_of_another_log(self):
        assert not self.steady().try_send(frame(10), 1)


class TestAccessIsAskedAgain:
    """What comes meanwhile goes out when an answer is good for it, and no earlier."""

    def held(self, *, frames=3):
        session = opened(frames=frames)
        subscribe(session)
        offer(session, before="e.0", caught_up={10})
        session.hold()
        return session

    def test_first_frame_is_kept_and_later_ones_leave_the_subscription_where_it_has_taken_it(self):
        session = self.held()
        assert offer(session, before="e.1", now=1.0) == []
        assert offer(session, before="e.2", now=2.0) == []
        frames, effects = session.release()
        assert ([frame.text for frame in frames], effects) == ([SENT], [CatchUp({10: "e.2"})])

    def test_answer_that_is_older_than_a_frame_lets_it_not_go_out(self):
        session = self.held()
        offer(session, before="e.1", now=1.0)
        assert session.release(begun=1.0) == ([], [])
        assert session.held
        frames, _ = session.release(begun=1.5)
        assert ([frame.text for frame in frames], session.held) == ([SENT], True)

    def test_what_follows_a_frame_that_went_out_is_asked_for_while_access_is_asked_again(self):
        session = self.held()
        offer(session, before="e.1", now=1.0)
        offer(session, before="e.2", now=2.0)
        _, effects = session.release(begun=1.5)
        assert effects == [CatchUp({10: "e.2"})]
        assert offer(session, before="e.3", caught_up={10}, now=3.0) == []
        frames, effects = session.release()
        assert ([frame.text for frame in frames], effects, session.settled) == ([SENT], [], True)

    @pytest.mark.parametrize("ends", ["refuse", "move"])
    def test_kept_frame_is_dropped_with_a_subscription_that_may_not_see_it(self, ends):
        session = self.held()
        subscribe(session, 2, query=11, cursor="e.0")
        offer(session, before="e.1", caught_up={11}, calls=("c1",), now=1.0)
        subscription = session.subscriptions[2]
        session.refuse(subscription, code=4214, reason="no") if ends == "refuse" else session.move(subscription)
        assert session.release() == ([], [CatchUp({10: "e.1"})])
        assert session.owed_calls == 1

    def test_kept_frame_is_not_the_first_one_of_a_subscription_that_is_accepted_after_it(self):
        session = self.held()
        offer(session, before="e.1", now=1.0)
        subscribe(session, 2, query=11, cursor="e.0")
        assert offer(session, before="e.2", caught_up={11}, now=2.0) == []
        assert session.release() == ([], [CatchUp({10: "e.1", 11: "e.0"})])

    def test_nothing_is_caught_up_from_a_frame_that_may_yet_be_dropped(self):
        session = self.held()
        subscribe(session, 2, query=11, cursor="e.0")
        offer(session, before="e.1", caught_up={11}, now=1.0)
        offer(session, before="e.2", now=2.0)
        assert session.release(begun=0.5) == ([], [])
        session.refuse(session.subscriptions[2], code=4214, reason="no")
        assert session.release() == ([], [CatchUp({10: "e.1"})])

    def test_heartbeat_does_not_name_a_position_whose_frame_is_kept(self):
        session = self.held()
        assert json.loads(session.heartbeat({0: "e.1"}).text)["cursors"] == {"0": "e.1"}
        session = self.held()
        offer(session, before="e.1", now=1.0)
        assert json.loads(session.heartbeat({0: "e.2"}).text)["cursors"] == {}

    def test_kept_frame_names_the_calls_whose_effects_it_brings(self):
        session = self.held()
        offer(session, before="e.1", calls=("c1",), now=1.0)
        [sent], _ = session.release()
        assert sent.text == codec.with_calls(frame(), ("c1",)).text

    def test_event_goes_out_when_the_answer_is_younger_than_it(self):
        session = self.held()
        assert session.notify(frame(5), 1.0) == []
        assert session.release(begun=0.5) == ([], [])
        assert session.release(begun=2.0)[0] == [frame(5)]
        session.notify(frame(5), 3.0)
        session.refuse(session.subscriptions[1], code=4214, reason="no")
        assert session.release() == ([], [])

    def test_what_the_client_says_may_go_when_the_answer_is_younger_than_it(self):
        session = self.held()
        assert not session.may_send(1.0)
        session.release(begun=2.0)
        assert (session.may_send(1.0), session.may_send(2.0)) == (True, False)
        session.release()
        assert session.may_send(2.0)


class FlowControl(RuleBasedStateMachine):
    """Any order of ticks, acks and subscriptions, with the connection's few lines played by the machine.

    Positions are numbers. The model holds what each subscription has seen; a frame carries, for each live query, what
    came after the position from which it was asked to catch up, or after the tick before.
    """

    def __init__(self):
        super().__init__()
        self.session = opened(frames=3, bytes=400, max_subscriptions=4)
        self.now = 1
        self.acked, self.sizes = 0, []  # of every message; of what is no frame, negative
        self.seen = {}  # by subscription id; None: nothing
        self.queries = {}
        self.wanted = []  # catch-ups that the hub has been asked for
        self.under_way = set()  # places among the messages of frames that were kept: they go out without credit, too
        self.kept = None  # the size of a frame that is kept, when that was, and what was seen before it
        self.next_id = 1

    def handle(self, events):
        for event in events:
            if isinstance(event, CatchUp):
                self.wanted.append(dict(event.queries))

    def deliver(self, *, caught_up, size):
        """A tick: `caught_up` maps live queries to the position from which they were asked to be brought."""
        before, self.now = self.now, self.now + 1
        had_kept = bool(self.session._kept)
        texts = offer(self.session, before=str(before), caught_up=set(caught_up), size=size, now=float(self.now))
        if texts and not texts[0].startswith("f"):
            self.sizes.append(-len(texts[0]))
        if kept := self.session._kept and not had_kept:
            assert not texts
            self.kept = size, float(self.now), dict(self.seen)
        if kept or (texts and texts[0].startswith("f")):
            if not kept:
                self.sizes.append(size)
            for id, query in self.queries.items():
                has, since = self.seen[id], caught_up.get(query, str(before))
                if query in caught_up and since is None:
                    has = before  # all rows
                assert has is not None, "a delta came to someone who has nothing"
                assert int(since or before) <= has or query not in caught_up, "changes are missing"
                assert query in caught_up or has == before, "changes are missing"
                self.seen[id] = self.now
        else:
            # a live query that the client was not sent: what it has stays where it was
            for id in self.queries:
                if self.session.subscriptions[id].cursor is not None and self.seen[id] is None:
                    self.seen[id] = int(self.session.subscriptions[id].cursor)
        if self.session.behind and self.session.has_credit:
            self.handle(self.session.catch_up())

    @precondition(lambda self: len(self.queries) < 4)
    @rule(query=st.sampled_from([10, 11]), old=st.booleans(), size=st.integers(1, 300))
    def subscribe(self, query, old, size):
        id, self.next_id = self.next_id, self.next_id + 1
        cursor = str(self.now) if old else None
        shared = query in self.queries.values()
        wanted = {"type": "subscribe", "id": id, "stream": "s"} | ({"cursor": cursor} if old else {})
        self.session.receive(json.dumps(wanted))
        self.take_back()  # the frame does not bring what the new subscription waits for
        self.sizes.append(-self.session.accept(self.session.subscriptions[id], query=query, log=0).size)
        self.queries[id], self.seen[id] = query, self.now if old else None
        # as the hub does it: with two subscriptions of one live query, all rows serve both, and what waits for it
        for queries in self.wanted:
            queries.pop(query, None)
        self.deliver(caught_up={query: None if shared else cursor}, size=size)

    @rule(size=st.integers(1, 300))
    def tick(self, size):
        if not self.queries:
            return
        self.quiet_ticks()
        self.deliver(caught_up={}, size=size)

    def quiet_ticks(self):
        """Changes that concern nobody here move the position of all who are live."""
        before, self.now = self.now, self.now + 1
        for id in self.queries:
            if self.session.subscriptions[id].live:
                assert self.seen[id] == before
                self.seen[id] = self.now

    @precondition(lambda self: self.wanted)
    @rule(size=st.integers(1, 300))
    def serve(self, size):
        wanted, self.wanted = self.wanted, []
        caught_up = {}
        for queries in wanted:
            for query, cursor in queries.items():
                if query in self.queries.values():
                    # as the hub does it: who waits twice for a live query, from different places, gets all rows
                    caught_up[query] = cursor if caught_up.get(query, cursor) == cursor else None
        if caught_up:
            self.deliver(caught_up=caught_up, size=size)

    @precondition(lambda self: len(self.sizes) > self.acked)
    @rule(data=st.data())
    def ack(self, data):
        self.acked = data.draw(st.integers(self.acked + 1, len(self.sizes)))
        self.handle(ack(self.session, self.acked))

    @rule(beyond=st.integers(1, 3))
    def wrong_ack(self, beyond):
        for messages in (len(self.sizes) + beyond, self.acked - beyond):
            with pytest.raises(ProtocolError):
                ack(self.session, messages)

    @precondition(lambda self: self.queries)
    @rule(data=st.data())
    def unsubscribe(self, data):
        id = data.draw(st.sampled_from(sorted(self.queries)))
        self.session.receive(json.dumps({"type": "unsubscribe", "id": id}))
        del self.queries[id], self.seen[id]

    @rule()
    def hold(self):
        self.session.hold()

    @precondition(lambda self: self.session.held)
    @rule()
    def release(self):
        self.go_on(None)

    @precondition(lambda self: self.session.held)
    @rule(back=st.integers(-1, 2))
    def go_on_asking(self, back):
        self.go_on(float(self.now - back))

    def go_on(self, begun):
        frames, effects = self.session.release(begun)
        if self.kept and (begun is None or self.kept[1] < begun):
            assert [frame.size for frame in frames] == [self.kept[0]]
            self.under_way.add(len(self.sizes))
            self.sizes.append(self.kept[0])
            self.kept = None
        else:
            assert frames == []
        self.handle(effects)

    @precondition(lambda self: self.session.held and self.queries)
    @rule(data=st.data())
    def refuse(self, data):
        id = data.draw(st.sampled_from(sorted(self.queries)))
        self.take_back()
        self.sizes.append(-self.session.refuse(self.session.subscriptions[id], code=4214, reason="no").size)
        del self.queries[id], self.seen[id]

    def take_back(self):
        """A kept frame is as if it had never come; who was live stands at the tick before it."""
        if self.kept:
            self.seen |= {each: seen for each, seen in self.kept[2].items() if each in self.seen}
            self.kept = None

    @rule()
    def stall(self):
        self.sizes += [-message.size for message in self.session.stall()]

    @invariant()
    def outstanding_frames_stay_within_the_window(self):
        outstanding = self.sizes[self.acked :]
        frames = [
            place for place, size in enumerate(outstanding) if size > 0 and place + self.acked not in self.under_way
        ]
        assert len(frames) <= 3
        before = outstanding[: frames[-1]] if frames else []
        assert sum(map(abs, before)) < 400, "a frame was sent without credit"

    @invariant()
    def whoever_lags_is_being_caught_up_once_there_is_credit(self):
        lagging = any(not self.session.subscriptions[id].live for id in self.queries)
        assert not (lagging and self.session.has_credit and not self.wanted)

    @invariant()
    def frame_is_kept_only_while_access_is_asked(self):
        assert self.session.held or not self.session._kept

    @invariant()
    def live_means_to_have_all(self):
        for id in self.queries:
            item = self.session.subscriptions[id]
            assert not item.live or self.seen[id] == self.now
            assert item.live or item.cursor in (None, str(self.seen[id]))


TestFlowControl = FlowControl.TestCase


def test_codec_and_session_agree_on_what_a_frame_weighs():
    session = opened(bytes=100)
    subscribe(session)
    encoded = codec.encode_frame(log=0, cursor="€" * 40, deltas=[])
    session.offer(encoded, log=0, before="e.0", caught_up={10})
    assert (encoded.size > 120 > len(encoded.text), session.has_credit) == (True, False)


class TestTextEnds:
    """A live text's end tells its length, so it waits for the check of access like the text itself."""

    def held(self):
        session = new()
        session.receive('{"type":"hello","version":2}')
        subscribe(session)
        session.hold()
        return session

    def test_an_end_waits_until_access_is_checked(self):
        session, ended = self.held(), frame()
        assert session.end_text(10, ended, 1.0) == []
        assert session.release(begun=0.5)[0] == []
        assert session.release(begun=2.0)[0] == [ended]
        assert session.end_text(10, ended, 3.0) == []
        assert session.release()[0] == [ended]
        assert session.end_text(10, ended) == [ended]

    def test_who_is_refused_does_not_get_it(self):
        session = self.held()
        session.end_text(10, frame())
        session.refuse(session.subscriptions[1], code=4403, reason="No.")
        assert session.release()[0] == []
