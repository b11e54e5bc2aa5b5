"""Sentences: error messages for users, in their language."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from realtime.exceptions import BadParameters, ClientError
from realtime.streams.surroundings import Surroundings

Error = TypeVar("Error", bound=ClientError)

# Messages of modules that cannot call gettext. Messages for developers only are not included.
SENTENCES = (
    _("An administrator closed this connection."),
    _("An administrator closed your connections."),
    _("Actions that do not return occupy all threads of this server process."),
    _("Only authenticated users can be present."),
    _("Someone else has changed this. Save again to overwrite it."),
    _("The action took longer than %(seconds)g seconds and was cancelled; nothing was saved."),
    _("Internal server error; see the server's log."),
    _("The server is restarting; please reconnect."),
    _("The token is invalid or has expired."),
    _("The token of this subscription was not issued by this server. Reload the page."),
    _("This page has expired. Reload it."),
    _("This page belongs to another user. Reload it."),
    _("The object of this call does not exist."),
    _("The object of this form does not exist."),
    _("Your session has ended or belongs to another user."),
    _("You may make %(rate)g calls per second on average."),
    _("You do not have permission to call the action %(action)r."),
    _("You do not have permission to change this row."),
    _("You do not have permission to add this row."),
    _("You do not have permission to move this row there."),
    _("You do not have permission to view the stream %(stream)r with these parameters."),
    _("You do not have permission to view this value of the stream %(stream)r."),
    _("You do not have permission to send this event."),
    _("The arguments of the action %(name)r are invalid. %(sentences)s"),
    _("The data of the event %(name)r is invalid. %(sentences)s"),
    _("%(number)d calls are already queued."),
    _("No more than %(most)d rows of this list can be shown at once."),
)

# Messages of the JavaScript client; a page contains their translations.
OF_PAGES = (
    _("No reply within {seconds} seconds. The action may or may not have run."),
    _("No reply within {seconds} seconds. There was no connection, so the call was not sent."),
    _("The call is too old to be retried. The action may or may not have run."),
    _("{number} calls are already waiting for the connection. Try again when it is back."),
    _("{number} added"),
    _("{number} changed"),
    _("{number} removed"),
    _("Offline: this page may be out of date."),
    _("The upload failed. Check your connection, and try again."),
    _("The upload failed ({status}). Try again, or choose another file."),
    _("Upload"),
    _("Cancel upload"),
    _("Connected again."),
    _("The field '{name}' contains a file. Actions cannot send files; use a form."),
)


def localized_reason(error: ClientError, surroundings: Surroundings) -> str:
    """Return the error's message in the language of these surroundings."""
    language = surroundings.language or settings.LANGUAGE_CODE
    if language.partition("-")[0] == "en":
        return error.reason
    with translation.override(language):
        template = gettext(error.template)
    return error.fill(template) + error.reason.removeprefix(error.fill(error.template))  # with what DEBUG adds


def localized_details(error: ClientError, surroundings: Surroundings) -> dict[str, list[str]]:
    """Return the error's messages by parameter, in the language of these surroundings."""
    if not isinstance(error, BadParameters) or not error.details:
        return {}
    with translation.override(surroundings.language or settings.LANGUAGE_CODE):
        return {name: [str(sentence) for sentence in sentences] for name, sentences in error.details.items()}


def translated(error: Error, surroundings: Surroundings) -> Error:
    """Return the same error with its message in the language of these surroundings."""
    reason = localized_reason(error, surroundings)
    if reason == error.reason:
        return error
    other = type(error).__new__(type(error))
    other.__dict__.update(error.__dict__, reason=reason)
    return other


def for_pages() -> dict[str, str]:
    """Return the translated messages of the JavaScript client in the active language, by their English text."""
    return {sentence: text for sentence in OF_PAGES if (text := gettext(sentence)) != sentence}
