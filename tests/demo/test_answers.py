"""The assistant's answers: what they say, how they look, and who sees them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.contrib.auth import get_user_model

from demo_project.assistant import language_model, writers
from demo_project.assistant.language_model import TEXTS, reply
from demo_project.assistant.models import Answer
from demo_project.assistant.streams import ConversationStream
from demo_project.assistant.templatetags.markdown import markdown


class Balance(HTMLParser):
    """Fails where a tag closes another one than the last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("text", [*TEXTS, "<script>*a `b* c` **d *e** f*\n\n- `<b>`\n- x\n```<i>\n**"])
def test_any_prefix_of_markdown_is_whole_and_safe_html(text: str) -> None:
    for end in range(len(text) + 1):
        html = markdown(text[:end])
        balance = Balance()
        balance.feed(html)
        balance.close()
        assert balance.open == []
        assert "<script" not in html
        assert "<i>" not in html


def test_markdown_has_paragraphs_lists_code_and_emphasis() -> None:
    assert markdown("A **b** *c* `*d*`.\n\n- x\n- y\n\n```\n<e>\n```") == (
        "<p>A <strong>b</strong> <em>c</em> <code>*d*</code>.</p><ul><li>x</li><li>y</li></ul><pre>&lt;e&gt;\n</pre>"
    )


def test_the_tokens_are_the_text(monkeypatch) -> None:
    monkeypatch.setattr(language_model, "TOKEN_SECONDS", 0)
    monkeypatch.setattr(language_model, "THINK_SECONDS", 0)
    tokens = list(reply("Hello"))
    assert "".join(tokens) == TEXTS[5 % len(TEXTS)]
    assert max(map(len, tokens)) < 10


def test_an_answer_is_written_as_a_live_text(committed, monkeypatch) -> None:
    monkeypatch.setattr(language_model, "TOKEN_SECONDS", 0)
    monkeypatch.setattr(language_model, "THINK_SECONDS", 0)
    user = get_user_model().objects.create_user("ada")
    answer = Answer.objects.create(user=user, question="Hello")
    writers.write_answer(answer.pk)
    answer.refresh_from_db()
    assert (answer.text, answer.state, str(answer)) == (TEXTS[5 % len(TEXTS)], "complete", "Hello")


@pytest.mark.django_db
def test_everyone_has_a_conversation_of_their_own(client) -> None:
    ada, ben = (get_user_model().objects.create_user(name) for name in ("ada", "ben"))
    Answer.objects.create(user=ada, question="Hers?", text="**Yes.**", state="failed")
    stream = ConversationStream({}, audience=ben.pk)
    assert list(stream.get_queryset()) == []
    client.force_login(ada)
    page = client.get("/assistant/").content.decode()
    assert "<strong>Yes.</strong>" in page
    assert "The answer was interrupted." in page
    client.force_login(ben)
    assert "Hers?" not in client.get("/assistant/").content.decode()
