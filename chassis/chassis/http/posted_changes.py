"""`POST …/change` beside every PATCH, for clients without PATCH: `wx.request` of WeChat's mini-programs sends none."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, request

PATH, NAME = "/change", "_by_post"


def install(app: Flask) -> None:
    """Add a POST to each PATCH of the application, with the same rights, input, `If-Match` and answers."""
    for rule in list(app.url_map.iter_rules()):
        if "PATCH" in (rule.methods or ()):
            view = _as_patch(app.view_functions[rule.endpoint])
            app.add_url_rule(f"{rule.rule}{PATH}", f"{rule.endpoint}{NAME}", view, methods=["POST"])


def _as_patch(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def change(**arguments: Any) -> Any:
        request.method = "PATCH"
        return view(**arguments)

    spec: dict[str, Any] = view._spec  # type: ignore[attr-defined]
    name = spec["operation_id"]
    extensions = spec["extensions"] | {"x-same-as": name, "x-idempotent": False}
    change._spec = spec | {"operation_id": f"{name}{NAME}", "extensions": extensions}  # type: ignore[attr-defined]
    return change
