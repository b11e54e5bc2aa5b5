"""Addresses of services, as URLs: asked whether they answer, and turned into Django's settings."""

from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
import redis

from tests.support.waiting import seconds

ENGINES = {"postgresql": "django.db.backends.postgresql", "mysql": "django.db.backends.mysql"}


def answers(url: str) -> bool:
    """Whether a server answers a question at the address, to the user that it names."""
    ask = {"postgresql": _ask_postgresql, "mysql": _ask_mysql, "redis": _ask_redis}[urlsplit(url).scheme]
    try:
        ask(url)
    except (psycopg.Error, pymysql.Error, redis.RedisError, OSError):
        return False
    return True


def database(url: str) -> dict[str, Any]:
    """The entry of Django's DATABASES for the server at the address, without a database's name."""
    parts = urlsplit(url)
    return {
        "ENGINE": ENGINES[parts.scheme],
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
    }


def _ask_postgresql(url: str) -> None:
    with psycopg.connect(url, connect_timeout=round(seconds(2))) as connection:
        connection.execute("SELECT 1")


def _ask_mysql(url: str) -> None:
    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        connect_timeout=seconds(2),
    )
    connection.close()


def _ask_redis(url: str) -> None:
    with redis.Redis.from_url(url, socket_connect_timeout=seconds(2), socket_timeout=seconds(2)) as connection:
        connection.ping()
