"""The initial data of a new demo: three users, three projects and their tasks."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import transaction

from demo_project.board.models import Column, Project, Task

PEOPLE = {"ada": "Ada Novak", "ben": "Ben Okafor", "cleo": "Cleo Marchetti"}  # the password is the user name
SUPERUSER = "ada"

# Project: description, members, and the tasks of each column, with title and assignee.
PROJECTS = {
    "Website relaunch": (
        "New design, faster pages, one place for the docs",
        ["ada", "ben", "cleo"],
        {
            Column.TODO: [
                ("Write the redirect list for old URLs", "ben"),
                ("Photograph the team for the about page", None),
                ("Agree on cookie banner wording with legal", "ada"),
                ("Compress hero images below 120 kB", "ben"),
                ("Add structured data to product pages", None),
                ("Translate the pricing page into French", "cleo"),
                ("Set up uptime alerts for the new host", "ben"),
                ("Plan the launch announcement", "cleo"),
                ("Ask three customers for quotes", "cleo"),
            ],
            Column.DOING: [
                ("Build the new navigation for small screens", "ben"),
                ("Move the blog to the new templates", "cleo"),
                ("Fix contrast of links in the footer", "cleo"),
                ("Measure page speed before and after", "ada"),
                ("Rewrite the landing page headline", "ada"),
            ],
            Column.DONE: [
                ("Choose typeface and colours", "cleo"),
                ("Inventory of all existing pages", "ben"),
                ("Sign contract with the hosting provider", "ada"),
                ("Wireframes for home, product and pricing", "cleo"),
                ("Set up staging behind a password", "ben"),
            ],
        },
    ),
    "Mobile app 2.0": (
        "Offline mode and a new checkout for iOS and Android",
        ["ada", "ben"],
        {
            Column.TODO: [
                ("Keep the shopping basket when the session ends", "ben"),
                ("Ask for notification permission later", "ada"),
                ("Support landscape on tablets", None),
                ("Show delivery date before payment", "ada"),
                ("Localise currency formats", None),
                ("Prepare screenshots for both stores", "ada"),
                ("Drop support for Android 9", "ben"),
                ("Delete account from within the app", "ben"),
            ],
            Column.DOING: [
                ("Queue orders while offline", "ben"),
                ("Checkout in two steps instead of five", "ada"),
                ("Crash on start after restoring a backup", "ben"),
                ("Reduce size of the first download", None),
            ],
            Column.DONE: [
                ("Interview eight customers about checkout", "ada"),
                ("Upgrade the build machines", "ben"),
                ("Log in with a passkey", "ben"),
                ("Agree on analytics events", "ada"),
            ],
        },
    ),
    "Office move": (
        "Out of Harbour Street by the end of the quarter",
        ["ada", "ben", "cleo"],
        {
            Column.TODO: [
                ("Order name plates for the meeting rooms", None),
                ("Cancel the old internet contract", "ben"),
                ("Label the server rack cables", "ben"),
                ("Tell suppliers the new address", "cleo"),
                ("Find a home for the large plants", None),
                ("Book the cleaning company for the last day", "cleo"),
            ],
            Column.DOING: [
                ("Compare quotes of three moving companies", "cleo"),
                ("Plan who sits where", "ada"),
                ("Test the network on the second floor", "ben"),
            ],
            Column.DONE: [
                ("Sign the lease", "ada"),
                ("Measure the kitchen", "cleo"),
                ("Choose desks and chairs", "cleo"),
                ("Give notice to the current landlord", "ada"),
            ],
        },
    ),
}
# Finished, but not archived yet.
TICKED = [
    "Fix contrast of links in the footer",
    "Agree on cookie banner wording with legal",
    "Plan who sits where",
]


@transaction.atomic
def seed() -> bool:
    """Fill an empty board, and return whether it was empty. Existing data is not changed."""
    if Project.objects.exists():
        return False

    users = {username: _user(username) for username in PEOPLE}
    for name, (description, members, columns) in PROJECTS.items():
        project = Project.objects.create(name=name, description=description)
        project.members.set(users[member] for member in members)
        for column, tasks in columns.items():
            for title, assignee in tasks:
                Task.objects.create(
                    project=project,
                    title=title,
                    column=column,
                    done=column == Column.DONE or title in TICKED,
                    assignee=users.get(assignee),
                )
    return True


def _user(username: str):
    User = get_user_model()
    first_name, last_name = PEOPLE[username].split()
    user, created = User.objects.get_or_create(
        username=username,
        defaults={
            "first_name": first_name,
            "last_name": last_name,
            "is_staff": username == SUPERUSER,
            "is_superuser": username == SUPERUSER,
        },
    )
    if created:
        user.set_password(username)
        user.save()
    return user
