"""The page behind the link in a mail, which ends mails: it asks once, and says what was done. No document describes its routes."""

from apiflask import APIBlueprint
from flask import Response
from jinja2 import Environment
from sqlalchemy.orm import Session

from chassis.http import headers
from chassis.http.auth import ANYONE, Caller
from chassis.http.routes import access
from chassis.problems import language, not_found
from notify.preferences import actions

api = APIBlueprint("unsubscribing", __name__, enable_openapi=False)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
"""The two kinds of bodies with which mail programs unsubscribe; what they say is always the same, and not read."""

_WORDS = {
    "ask": {
        "zh-CN": ("停止接收电子邮件", "点击后，对接平台不再给您发送通知邮件。登录后仍可查看所有通知，也可随时重新开启。", "不再接收邮件"),
        "en": (
            "Stop e-mails",
            "Duijie will send you no more notices by e-mail. They stay in the app, where you can also turn e-mails on again.",
            "Send me no more e-mails",
        ),
    },
    "done": {
        "zh-CN": ("已停止发送邮件", "今后不再给您发送通知邮件。如需恢复，请登录对接平台，在通知设置中开启。", ""),
        "en": (
            "E-mails are stopped",
            "You will get no more notices by e-mail. To turn them on again, sign in and open the preferences.",
            "",
        ),
    },
}
_PAGE = Environment(autoescape=True).from_string(
    '<!doctype html><html lang="{{ language }}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{{ title }}</title><style>body { font: 18px/1.7 sans-serif; color: #1f2933; max-width: 32em; margin: 2em auto; padding: 0 1em }"
    " h1 { font-size: 24px } button { font: inherit; padding: .6em 1.2em; color: #fff; background: #0b5cad; border: 0; border-radius: 4px }"
    "</style><body><h1>{{ title }}</h1><p>{{ text }}</p>{% if button %}<form method=post>"
    '<input type="hidden" name="List-Unsubscribe" value="One-Click"><button>{{ button }}</button></form>{% endif %}</body></html>'
)


@api.get("/notices/unsubscribing/<string(maxlength=64):key>")
@access(who=ANYONE, x_view="public", idempotent=False)
def show_unsubscribing_page(session: Session, caller: Caller | None, key: str) -> Response:
    """Ask whether e-mails shall end. Programs that follow links in mails change nothing by it."""
    return _page("ask")


@api.post("/notices/unsubscribing/<string(maxlength=64):key>")
@access(who=ANYONE, x_view="public", idempotent=False, body_bytes=4096, body_types=FORMS)
def unsubscribe_from_mails(session: Session, caller: Caller | None, key: str) -> Response:
    """End all e-mails to the person whom the key in the address belongs to: by the page's button, or by a mail program (RFC 8058)."""
    if not actions.unsubscribe_by_key(session, key):
        raise not_found()
    return _page("done")


def _page(state: str) -> Response:
    """Render the page in the state `ask` or `done`. It runs no script, and its form goes to its own origin."""
    title, text, button = _WORDS[state][language()]
    page = _PAGE.render(language=language(), title=title, text=text, button=button)
    policy = headers.content_policy(page).replace("form-action 'none'", "form-action 'self'")
    shown = {"Content-Security-Policy": policy, "Content-Language": language()}
    return Response(page, content_type="text/html; charset=utf-8", headers=shown)
