"""Checks of row templates: undefined names, which Django renders as nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.core.checks import CheckMessage, Warning, register
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.base import FilterExpression, Node, Origin, Parser, Token, Variable
from django.template.defaulttags import CsrfTokenNode
from django.template.loader import get_template
from django.template.loader_tags import ExtendsNode, IncludeNode

from realtime.streams.registry import place, registry
from realtime.streams.stream import ModelStream
from realtime.streams.validation import problems

OF_REQUESTS = {"request", "user", "perms", "messages", "csrf_token", "csrf_input", "LANGUAGES", "TIME_ZONE", "debug"}
ALWAYS = {"True", "False", "None", "block", "forloop"}
BINDERS = ("target_var", "asvar", "as_var", "var_name", "variable_name", "varname", "variable", "context_name")
OPAQUE = (Origin, Token, Parser, str, bytes, int, float, type(None), type)


class Names(NamedTuple):
    """The names that a template reads and binds; `foreign` if third-party tags may bind others."""

    read: dict[str, str]  # source text by name
    bound: set[str]
    foreign: bool


@register("realtime")
def check_row_templates(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W065: a row template that uses names which only pages have, such as `user`."""
    found: list[CheckMessage] = []
    for stream in registry:
        if any(problems(stream)) or not stream.template_name:
            continue
        has = row_names(stream)
        for name, written in unknown_names(stream.template_name, has):
            found.append(
                Warning(
                    f"The template {stream.template_name!r} of {stream.__name__} uses {written}, "
                    "which row templates do not have.",
                    hint=_remedy(name, has),
                    obj=place(stream),
                    id="realtime.W065",
                )
            )
    return found


def row_names(stream: type[ModelStream]) -> list[str]:
    """Return the names that a row template has."""
    return list(dict.fromkeys(("object", str(stream.model._meta.model_name), "stream")))


def _remedy(name: str, has: Sequence[str]) -> str:
    if name in ("csrf_token", "csrf_input"):
        return "Remove it: a row is rendered once for many users. Forms in rows get the token when they are submitted."
    if name in OF_REQUESTS:
        return (
            f"A row is rendered once for everyone who sees it, outside of any request. It has: {', '.join(has)}. Let "
            "`audience` return what differs between users, and use stream.audience."
        )
    return f"A row template has: {', '.join(has)}."


def unknown_names(template_name: str, has: Sequence[str]) -> list[tuple[str, str]]:
    """Return the undefined names that the template reads, each with its source text."""
    names = _names(template_name)
    missing = {name: written for name, written in names.read.items() if name not in {*has, *ALWAYS, *names.bound}}
    return sorted((name, written) for name, written in missing.items() if name in OF_REQUESTS or not names.foreign)


def _names(template_name: str) -> Names:
    template: Any = get_template(template_name)
    names = Names({}, set(), foreign=False)
    if hasattr(getattr(template, "template", None), "nodelist"):
        return _walk(template.template.nodelist, names, {template_name})
    if environment := getattr(getattr(template, "backend", None), "env", None):
        return _of_jinja(environment, template_name)
    return names


def _walk(root: Any, names: Names, seen_templates: set[str]) -> Names:
    waiting, seen = [root], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, OPAQUE) or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list | tuple | set | frozenset):
            waiting += each
        elif isinstance(each, Variable):
            if each.lookups:
                names.read.setdefault(each.lookups[0], f"{{{{ {each.lookups[0]} }}}}")
        elif isinstance(each, Node):
            names = _of_node(each, names)
            waiting += _parts(each)
            waiting += _other_templates(each, seen_templates)
        elif type(each).__module__.startswith("django.template"):
            waiting += _parts(each)
    return names


def _parts(each: Any) -> list[Any]:
    slots = [name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*getattr(each, "__dict__", {}).values(), *(getattr(each, name, None) for name in slots)]


def _of_node(node: Node, names: Names) -> Names:
    if isinstance(node, CsrfTokenNode):
        names.read.setdefault("csrf_token", "{% csrf_token %}")
    own = vars(node)
    names.bound.update(name for key in BINDERS if isinstance(name := own.get(key), str))
    names.bound.update(own.get("loopvars") or ())
    names.bound.update(own.get("extra_context") or ())
    known = type(node).__module__.startswith(("django.", "realtime."))
    return names if known else names._replace(foreign=True)


def _other_templates(node: Node, seen: set[str]) -> Iterator[Any]:
    """Yield the nodes of templates that this node includes or extends by a literal name."""
    expression = {IncludeNode: "template", ExtendsNode: "parent_name"}.get(type(node))
    given = getattr(node, expression) if expression else None
    name = given.var if isinstance(given, FilterExpression) and isinstance(given.var, str) else None
    if name is None or name in seen:
        return
    seen.add(name)
    try:
        template: Any = get_template(name)
    except (TemplateDoesNotExist, TemplateSyntaxError):  # rendering reports it
        return
    yield getattr(getattr(template, "template", None), "nodelist", None)


def _of_jinja(environment: Any, template_name: str) -> Names:
    from jinja2 import meta  # an optional dependency

    source, _, _ = environment.loader.get_source(environment, template_name)
    undeclared = meta.find_undeclared_variables(environment.parse(source)) - set(environment.globals)
    return Names({name: f"{{{{ {name} }}}}" for name in undeclared}, set(), foreign=False)
