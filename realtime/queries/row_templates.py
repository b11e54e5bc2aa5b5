"""Row templates: what they read that rows do not have, and their literal text, found without rendering."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.base import FilterExpression, Node, Origin, Parser, TextNode, Token, Variable
from django.template.defaulttags import CsrfTokenNode, CycleNode, ForNode, IfChangedNode, querystring
from django.template.loader import get_template
from django.template.loader_tags import ExtendsNode, IncludeNode

from realtime.exceptions import StreamDefinitionError
from realtime.streams.inline_rows import InlineRows
from realtime.streams.stream import ModelStream

OF_REQUESTS = {"request", "user", "perms", "messages", "csrf_token", "csrf_input", "LANGUAGES", "TIME_ZONE", "debug"}
OF_LOOPS = {"forloop": "{{ forloop }}", "cycle": "{% cycle %}", "ifchanged": "{% ifchanged %}"}
ALWAYS = {"True", "False", "None", "block"}
TAKEN = {"True", "False", "None", "stream", "forloop"}  # names that no row can have
BINDERS = ("target_var", "asvar", "as_var", "var_name", "variable_name", "varname", "variable", "context_name")
OPAQUE = (Origin, Token, Parser, str, bytes, int, float, type(None), type, InlineRows)


class Names(NamedTuple):
    """The names that a template reads and binds; `foreign` if third-party tags may bind others."""

    read: dict[str, str]  # source text by name
    bound: set[str]
    foreign: bool


def refuse_outside_names(rows: InlineRows, page: Mapping[str, Any]) -> None:
    """Raise `StreamDefinitionError` if inline rows use what only their page has: a name, or the state of a loop."""
    if rows.names is None:
        rows.names = (_walk(rows.nodelist, {rows.template_name}), _walk(rows.nodelist, None))
    names, own = rows.names
    has = (rows.variable, "stream")
    for name, written in sorted(names.read.items()):
        if name in {*has, *ALWAYS, *names.bound}:
            continue
        may_miss = names.foreign or name not in own.read  # a tag may set it, or an included template does without it
        if may_miss and name not in {*OF_REQUESTS, *OF_LOOPS} and name not in page:
            continue
        raise StreamDefinitionError(
            f"The rows of {{% live {rows.stream} as {rows.variable} %}} in {rows.template_name!r} use {written}, "
            "which rows do not have.",
            hint=remedy(name, has, rows.variable),
        )


def refuse_tags_around(rows: InlineRows, stream: type[ModelStream]) -> None:
    """Raise `StreamDefinitionError` if a tag around inline rows changes how they look, which a push cannot know."""
    for tag in rows.around:
        name, *rest = tag.split()
        of_viewer = name in ("language", "timezone")
        if rest in (["on"], []) or (of_viewer and stream.localize):
            continue
        where = f"{{% live {rows.stream} as {rows.variable} %}} in {rows.template_name!r}"
        otherwise = ", or set localize = True on the stream" if of_viewer else ""
        raise StreamDefinitionError(
            f"{{% {tag} %}} stands around {where}, but rows are rendered again without it.",
            hint=f"Put {{% {name} %}} and its end between {{% live %}} and {{% endlive %}}{otherwise}.",
        )


def remedy(name: str, has: Sequence[str], row: str = "") -> str:
    """Return what to do about a name that rows with the names `has` do not have."""
    if name in ("csrf_token", "csrf_input"):
        return "Remove it: a row is rendered once for many users. Forms in rows get the token when they are submitted."
    if name in OF_LOOPS:
        return (
            "A row is rendered without the others, so it does not know its place. Use CSS, such as :nth-child(even)."
        )
    if name in OF_REQUESTS:
        return (
            f"A row is rendered once for everyone who sees it, outside of any request. It has: {', '.join(has)}. Let "
            "`audience` return what differs between users, and use stream.audience."
        )
    if not row:
        return f"A row template has: {', '.join(has)}."
    return (
        f"A row is rendered again without its page. It has: {', '.join(has)}. Read a field or a relation of {row}, an "
        f"annotation of get_queryset, or a parameter of the stream, such as stream.params.{name}."
    )


def unknown_names(template_name: str, has: Sequence[str]) -> list[tuple[str, str]]:
    """Return the undefined names that the template reads, each with its source text."""
    names = _names(template_name)
    missing = {name: written for name, written in names.read.items() if name not in {*has, *ALWAYS, *names.bound}}
    certain = {*OF_REQUESTS, *OF_LOOPS}
    return sorted((name, written) for name, written in missing.items() if name in certain or not names.foreign)


def literal_text(nodelist: Iterable[Any]) -> str:
    """Return the text outside of tags and variables, also of a template that is included by a literal name."""
    found = []
    for node in nodelist:
        if isinstance(node, TextNode):
            found.append(node.s)
        elif isinstance(node, IncludeNode):
            found += [literal_text(each) for each in _other_templates(node, set())]
        else:
            found += [literal_text(getattr(node, name, ())) for name in node.child_nodelists]
    return "".join(found)


def _names(template_name: str) -> Names:
    template: Any = get_template(template_name)
    if hasattr(getattr(template, "template", None), "nodelist"):
        return _walk(template.template.nodelist, {template_name})
    if environment := getattr(getattr(template, "backend", None), "env", None):
        return _of_jinja(environment, template_name)
    return Names({}, set(), foreign=False)


def _walk(root: Any, seen_templates: set[str] | None) -> Names:
    """Return the names below a node, with those of other templates unless `seen_templates` is None."""
    names = Names({}, set(), foreign=False)
    waiting: list[tuple[Any, bool]] = [(root, False)]
    seen = set()
    while waiting:
        each, is_in_loop = waiting.pop()
        if isinstance(each, OPAQUE) or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            parts = list(each.values())
        elif isinstance(each, list | tuple | set | frozenset):
            parts = list(each)
        elif isinstance(each, Variable):
            parts = []
            if each.lookups and not (is_in_loop and each.lookups[0] == "forloop"):
                names.read.setdefault(each.lookups[0], f"{{{{ {each.lookups[0]} }}}}")
        elif isinstance(each, Node):
            names = _of_node(each, names, is_in_loop)
            parts = _parts(each)
            if seen_templates is not None and not getattr(each, "isolated_context", False):  # {% include ... only %}
                parts += _other_templates(each, seen_templates)
            if isinstance(each, ForNode):
                seen.add(id(each.nodelist_loop))
                waiting += [(node, True) for node in each.nodelist_loop]
        elif type(each).__module__.startswith("django.template"):
            parts = _parts(each)
        else:
            parts = []
        waiting += [(part, is_in_loop) for part in parts]
    return names


def _parts(each: Any) -> list[Any]:
    slots = [name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*getattr(each, "__dict__", {}).values(), *(getattr(each, name, None) for name in slots)]


def _of_node(node: Node, names: Names, is_in_loop: bool) -> Names:
    if isinstance(node, CsrfTokenNode):
        names.read.setdefault("csrf_token", "{% csrf_token %}")
    if isinstance(node, CycleNode | IfChangedNode) and not is_in_loop:
        name = "cycle" if isinstance(node, CycleNode) else "ifchanged"
        names.read.setdefault(name, OF_LOOPS[name])
    own: dict[str, Any] = vars(node)
    function = own.get("func") if own.get("takes_context") else None  # of simple_tag and inclusion_tag
    if function is querystring and not own["args"]:
        names.read.setdefault("request", "{% querystring %}")
    names.bound.update(bound for key in BINDERS if isinstance(bound := own.get(key), str))
    names.bound.update(own.get("loopvars") or ())
    names.bound.update(own.get("extra_context") or ())
    known = all(each.__module__.startswith(("django.", "realtime.")) for each in (type(node), function or type(node)))
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
    nodelist = getattr(getattr(template, "template", None), "nodelist", None)
    if nodelist is not None:
        yield nodelist


def _of_jinja(environment: Any, template_name: str) -> Names:
    from jinja2 import meta  # an optional dependency

    source, _, _ = environment.loader.get_source(environment, template_name)
    undeclared = meta.find_undeclared_variables(environment.parse(source)) - set(environment.globals)
    return Names({name: f"{{{{ {name} }}}}" for name in undeclared}, set(), foreign=False)
