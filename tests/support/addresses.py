"""Addresses of services, as URLs: asked whether they answer, and turned into Django's settings."""

from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.waiting import seconds

ENGINES = {"postgresql": "django.db.backends.postgresql", "mysql": "django.db.backends.mysql"}


def answers(url: str) -> bool:
    """Whether a server answers a question at the address, to the user that it names."""
    ask = {"postgresql": _postgresql_answers, "mysql": _mysql_answers, "redis": _redis_answers}
    return ask[urlsplit(url).scheme](url)


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


# Each driver is loaded only when its service is asked: together they take longer than many a test run.


def _postgresql_answers(url: str) -> bool:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=round(seconds(2))) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _mysql_answers(url: str) -> bool:
    import pymysql

    parts = urlsplit(url)
    try:
        connection = pymysql.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            connect_timeout=seconds(2),
        )
    except pymysql.Error:
        return False
    connection.close()
    return True


def _redis_answers(url: str) -> bool:
    import redis

    timeout = seconds(2)
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=timeout) as connection:
            connection.ping()
    except redis.RedisError:
        return False
    return True
