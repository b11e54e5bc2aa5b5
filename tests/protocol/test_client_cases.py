"""The test cases that the Python client shares with the JavaScript client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realtime.client.effects import Apply, Close, EventReceived, Expires, Refused, Retry, Send, Wait
from realtime.client.rows import Rows
from realtime.client.session import TRANSITIONS, ClientState
from realtime.client.subscriptions import Subscription

FOLDER = Path(__file__).parent / "cases"


def is_for_services(case: dict[str, Any]) -> bool:
    """Pages leave the screen and come back; this client does not."""
    return not any("suspend" in step for step in case["steps"])


CASES = [case for case in json.loads((FOLDER / "client.json").read_text()) if is_for_services(case)]
DELTAS = json.loads((FOLDER / "deltas.json").read_text())


class Player:
    """Plays the steps of a case; each step has one word, which is what happens or what must hold."""

    def __init__(self) -> None:
        self.session = ClientState()
        self.subscriptions: dict[str, Subscription] = {}
        self.rows: dict[str, Rows] = {}
        self.sent: list[Any] = []
        self.later_names: list[str] = []
        self.retry: float | None = None
        self.ends: float | None = None
        self.is_closed = False
        self.told: list[str] = []  # whom an event was for

    def play(self, step: dict[str, Any]) -> None:
        [(word, value)] = step.items()
        getattr(self, f"do_{word}")(value)

    def do(self, effects) -> None:
        for effect in effects:
            match effect:
                case Send(message):
                    self.sent.append(message)
                case Wait(retry):
                    self.retry = retry
                case Close():
                    self.is_closed = True
                case Expires(seconds):
                    self.ends = seconds
                case EventReceived(subscriptions=subscriptions):
                    self.told += ["the user"] if subscriptions is None else map(self.name_of, subscriptions)
                case Retry(subscription):
                    self.later_names.append(self.name_of(subscription))
                case Refused(subscription=subscription):
                    self.rows[self.name_of(subscription)].clear()
                case Apply(updates=updates):
                    failed = {
                        subscription
                        for subscription, deltas, fresh in updates
                        if not self.rows[self.name_of(subscription)].apply(deltas, fresh=fresh)
                    }
                    self.do(self.session.applied(effect, failed))

    def name_of(self, subscription: Subscription) -> str:
        return next(name for name, own in self.subscriptions.items() if own is subscription)

    def do_connect(self, _) -> None:
        self.do(self.session.connect())

    def do_opened(self, token) -> None:
        self.do(self.session.opened(None if token is True else token))

    def do_authenticate(self, token) -> None:
        self.do(self.session.authenticate(token))

    def do_expires(self, seconds) -> None:
        assert self.ends == seconds
        self.ends = None

    def do_subscribe(self, wanted) -> None:
        for name, target in wanted.items():
            keys = target.pop("keys", ())
            options = {"stream": "tasks", "format": "html", "params": None} | target
            self.subscriptions[name], self.rows[name] = Subscription(**options), Rows(keys)
            self.do(self.session.subscribe(self.subscriptions[name]))

    def do_unsubscribe(self, name) -> None:
        self.do(self.session.unsubscribe(self.subscriptions[name]))

    def do_present(self, said) -> None:
        [(name, data)] = said.items()
        self.do(self.session.present(self.subscriptions[name], data))

    def do_tell(self, said) -> None:
        [(name, event)] = said.items()
        self.do(self.session.send_event(self.subscriptions[name], event, None))

    def do_told(self, names) -> None:
        told, self.told = self.told, []
        assert told == names

    def do_receive(self, message) -> None:
        self.do(self.session.receive(message, len(json.dumps(message, separators=(",", ":")))))

    def do_fails(self, message) -> None:
        with pytest.raises(ValueError, match=f"The server sent '{message['type']}' before 'welcome'."):
            self.do_receive(message)

    def do_lost(self, code) -> None:
        self.retry = None
        self.do(self.session.lost(code, ""))

    def do_due(self, _) -> None:
        self.retry = None
        self.do(self.session.due())

    def do_again(self, name) -> None:
        self.do(self.session.again(self.subscriptions[name]))

    def do_skip(self, _) -> None:
        self.sent.clear()

    def do_sends(self, messages) -> None:
        sent, self.sent = self.sent, []
        assert sent == messages

    def do_state(self, state) -> None:
        assert self.session.state == state

    def do_states(self, states) -> None:
        assert {name: self.session.state_of(self.subscriptions[name]) for name in states} == states

    def do_keys(self, keys) -> None:
        assert {name: self.rows[name].keys for name in keys} == keys

    def do_cursors(self, cursors) -> None:
        assert {name: self.subscriptions[name].cursor for name in cursors} == cursors

    def do_waits(self, retry) -> None:
        assert self.retry == retry

    def do_closed(self, closed) -> None:
        assert self.is_closed is closed

    def do_later(self, names) -> None:
        assert self.later_names == names


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_session(case):
    player = Player()
    for step in json.loads(json.dumps(case["steps"])):
        player.play(step)
    assert player.sent == []


@pytest.mark.parametrize("case", DELTAS, ids=lambda case: case["name"])
def test_delta(case):
    rows = Rows()
    rows.apply([{"puts": [{"key": key, "row": key} for key in case["keys"]]}])
    fits = [rows.apply([delta]) for delta in case["deltas"]]
    if case["result"] is None:
        assert (fits, rows.keys) == ([False], case["keys"])
    else:
        assert rows.keys == case["result"]


def test_event_that_a_phase_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="A session that is 'idle' does not know the event 'opened'."):
        ClientState().opened()


def test_each_phase_of_the_table_can_be_reached():
    reached = {phase for events in TRANSITIONS.values() for phase in events.values()}
    assert set(TRANSITIONS) - reached == {"idle"}
