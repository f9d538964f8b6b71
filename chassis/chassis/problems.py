"""Problems of requests, as RFC 9457 problem details: a stable code, and texts in Chinese and English."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Response, g, json, request

LANGUAGES = ("zh-CN", "en")
MOST_ERRORS = 20
"""The greatest number of field errors in an answer, so that no request decides how long its answer is."""


class Problem(Exception):
    """A refused request. Raise a subclass made by `problem`, with the details that its texts name."""

    status: ClassVar[int]
    code: ClassVar[str]
    words: ClassVar[dict[str, str]]

    def __init__(
        self,
        errors: list[dict[str, str]] | None = None,
        retry_after_seconds: int | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
        **details: object,
    ) -> None:
        """Take `errors` of fields ({pointer, code}), seconds for `Retry-After`, further headers and members, and details for the texts.

        Only the first `MOST_ERRORS` errors are kept. marshmallow states errors of known fields first, then unknown fields.
        """
        super().__init__(self.code)
        self.errors = errors[:MOST_ERRORS] if errors else None
        self.retry_after_seconds = retry_after_seconds
        self.headers = headers or {}
        self.members = members or {}
        self.details = details

    def body(self, language: str) -> dict[str, Any]:
        """Return the JSON body in `zh-CN` or `en`, without `instance`."""
        body: dict[str, Any] = {
            "type": f"urn:duijie:problem:{self.code}",
            "status": self.status,
            "code": self.code,
            "title": self.words[language].format_map(self.details),
            **self.members,
        }
        if self.errors:
            body["errors"] = [error | {"message": FieldCode.of(error["code"]).message(language)} for error in self.errors]
        return body


class FieldCode(str):
    """The code of a field's error: a key of `FIELD_WORDS`, with details for its words."""

    words: str
    details: dict[str, object]

    def __new__(cls, code: str, words: str | None = None, **details: object) -> "FieldCode":
        """Make a code whose message is that of `words`, when several messages share the code."""
        made = super().__new__(cls, code)
        made.words, made.details = words or code, details
        return made

    @classmethod
    def of(cls, code: str) -> "FieldCode":
        """Return the code as a `FieldCode`, without details unless it has some."""
        return code if isinstance(code, cls) else cls(code)

    def message(self, language: str) -> str:
        """Return the message in `zh-CN` or `en`."""
        return FIELD_WORDS[self.words][language].format_map(self.details)


def problem(status: int, code: str, *, zh: str, en: str) -> type[Problem]:
    """Make a kind of problem; `zh` and `en` may name details in braces."""
    return type(code, (Problem,), {"status": status, "code": code, "words": {"zh-CN": zh, "en": en}})


def language() -> str:
    """Return the caller's language: `zh-CN` unless English is preferred."""
    return request.accept_languages.best_match(LANGUAGES, "zh-CN") or "zh-CN"


def answer(error: Problem) -> Response:
    """Make the response of a problem, in the language of the caller."""
    body = error.body(language()) | {"instance": f"urn:duijie:request:{g.request_id}"}
    response = Response(json.dumps(body, ensure_ascii=False), error.status, content_type="application/problem+json")
    response.headers.extend(error.headers)
    response.headers["Content-Language"] = language()
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, sign_in_needed):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


bad_json = problem(400, "bad_json", zh="请求内容不是规范的 JSON", en="The body is not well-formed JSON")
bad_text = problem(400, "bad_text", zh="网址中含有不能使用的字符", en="The address holds characters that cannot be used")
repeated_parameter = problem(400, "repeated_parameter", zh="网址中的参数 {name} 重复", en="The address names {name} twice")
bad_request = problem(400, "bad_request", zh="请求不规范", en="The request is malformed")
sign_in_needed = problem(401, "sign_in_needed", zh="请先登录", en="Sign in first")
not_allowed = problem(403, "not_allowed", zh="您的身份不能做这件事", en="This is not for your role")
second_factor_needed = problem(
    403,
    "second_factor_needed",
    zh="乡镇及以上管理员办理此事前，请先输入动态验证码",
    en="Administrators above the village give a code of their second factor before this",
)
not_found = problem(404, "not_found", zh="没有找到", en="Not found")
method_not_allowed = problem(405, "method_not_allowed", zh="这个地址不支持此方法", en="The address does not know this method")
state_conflict = problem(409, "state_conflict", zh="当前状态（{state}）不能这样做", en="This cannot be done in its present state ({state})")
in_progress = problem(409, "in_progress", zh="同一请求正在处理，请稍候", en="The same request is being carried out, wait a moment")
too_large = problem(413, "too_large", zh="请求内容过大", en="The body is too large")
body_too_slow = problem(
    408, "body_too_slow", zh="请求内容传得太慢，请检查网络后重试", en="The body came too slowly, check the network and try again"
)
unsupported_type = problem(415, "unsupported_type", zh="这个地址不接受此类型的请求内容", en="The address takes no body of this type")
header_too_large = problem(431, "header_too_large", zh="请求头过大", en="The header of the request is too large")
not_utf8 = problem(
    415,
    "not_utf8",
    zh="请求内容须用 UTF-8 编码，不带字节顺序标记（BOM）",
    en="The body must be UTF-8, without a byte order mark",
)
invalid = problem(422, "invalid", zh="填写的内容有误", en="Some fields are not right")
key_reused = problem(422, "key_reused", zh="这个 Idempotency-Key 已用于另一请求", en="This Idempotency-Key was used for another request")
broken = problem(500, "broken", zh="服务出错了，我们已记录", en="Something broke on our side; it is recorded")
unavailable = problem(503, "unavailable", zh="服务暂时不可用，请稍后再试", en="The service is away for a moment, try again")

FRAMEWORK = {one.status: one for one in (bad_request, not_found, method_not_allowed, too_large, unsupported_type, broken, unavailable)}
"""Problems for the errors of the web framework, by status."""

FIELD_WORDS = {
    "required": {"zh-CN": "必填", "en": "required"},
    "null": {"zh-CN": "不能为空", "en": "must not be null"},
    "unknown": {"zh-CN": "没有这个字段", "en": "there is no such field"},
    "not_text": {"zh-CN": "须是文字", "en": "must be text"},
    "text_length": {"zh-CN": "文字过长或过短", "en": "too long or too short"},
    "text_form": {"zh-CN": "格式不对", "en": "not of the right form"},
    "reason_short": {"zh-CN": "请写明原因，至少 {least} 个字", "en": "state the reason in at least {least} characters"},
    "forbidden": {"zh-CN": "含有不能申请的物品", "en": "asks for something that cannot be asked for"},
    "text_unknown": {
        "zh-CN": "第 {position} 个字符（{character}）在别的设备上无法显示",
        "en": "character {position} ({character}) is not known to other devices",
    },
    "text_invisible": {
        "zh-CN": "第 {position} 个字符（{character}）看不见，请删去",
        "en": "character {position} ({character}) shows nothing, remove it",
    },
    "text_misleading": {
        "zh-CN": "第 {position} 个字符（{character}）会被看成别的字，或打乱文字顺序，请重新输入",
        "en": "character {position} ({character}) looks like another or changes the order of the text, type it again",
    },
    "text_mark": {
        "zh-CN": "第 {position} 个字符（{character}）是附加符号，前面没有字母或叠加过多",
        "en": "character {position} ({character}) is a mark without a letter, or one too many",
    },
    "name_character": {
        "zh-CN": "姓名或名称不能含第 {position} 个字符（{character}）",
        "en": "a name cannot hold character {position} ({character})",
    },
    "name_letters": {"zh-CN": "姓名或名称须含文字", "en": "a name must hold letters"},
    "name_scripts": {"zh-CN": "姓名或名称混用了容易混淆的文字", "en": "a name must not mix scripts that look alike"},
    "code_form": {
        "zh-CN": "号码不对；空格、看不见的字符已去掉，全角字符已改为半角，请核对其余部分",
        "en": "not a right number; spaces and invisible characters were dropped, full-width ones changed, check the rest",
    },
    "phone_form": {
        "zh-CN": "须是中国大陆手机号；空格、横线、括号、看不见的字符和 +86 已去掉，全角数字已改为半角，请核对其余部分",
        "en": "must be a mobile number of mainland China; spaces, dashes, brackets, invisible characters and +86 were dropped,"
        " full-width digits changed, check the rest",
    },
    "office_phone_form": {
        "zh-CN": "须是办公电话，固定电话请写区号；空格、横线、括号和看不见的字符已去掉，请核对其余部分",
        "en": "must be an office's telephone, a landline with its area code; spaces, dashes, brackets and invisible characters were"
        " dropped, check the rest",
    },
    "phone_in_text": {
        "zh-CN": "这里不能写电话号码，请填在“电话”一栏",
        "en": "a telephone number does not belong here but in its own field",
    },
    "telephone_form": {
        "zh-CN": "须是中国大陆的手机号或带区号的固定电话；空格、横线、括号、看不见的字符和 +86 已去掉，请核对其余部分",
        "en": "must be a mobile number or a fixed one with its area code, of mainland China; spaces, dashes, brackets, invisible"
        " characters and +86 were dropped, check the rest",
    },
    "not_whole": {"zh-CN": "须是整数", "en": "must be a whole number"},
    "out_of_range": {"zh-CN": "超出允许的范围", "en": "out of range"},
    "not_a_choice": {"zh-CN": "不在可选项之中", "en": "not one of the choices"},
    "not_an_id": {"zh-CN": "不是有效的编号", "en": "not an id"},
    "not_a_moment": {"zh-CN": "须是带时区的时间", "en": "must be a time with a time zone"},
    "not_true_or_false": {"zh-CN": "须是 true 或 false", "en": "must be true or false"},
    "unknown_region": {"zh-CN": "没有这个区划代码", "en": "there is no such region"},
    "region_level": {
        "zh-CN": "{asked} 是{zh_level}区划，这里须选到{zh_levels}（{digits} 位代码）",
        "en": "{asked} is the code of a {en_level}, here it must be that of a {en_levels} ({digits} digits)",
    },
    "region_ended": {
        "zh-CN": "{former}（{name}）已于 {year} 年撤销，现为 {zh_successors}，请从中选择",
        "en": "{former} ({name}) ended in {year}; choose from its successors: {en_successors}",
    },
    "region_ended_around": {
        "zh-CN": "{asked} 属于 {former}（{name}），后者已于 {year} 年撤销，现为 {zh_successors}，请在其下重新选择",
        "en": "{asked} belongs to {former} ({name}), which ended in {year}; choose again in its successors: {en_successors}",
    },
    "region_ended_unfollowed": {
        "zh-CN": "{former}（{name}）已于 {year} 年撤销，请重新选择所在区划",
        "en": "{former} ({name}) ended in {year}; choose the division again",
    },
    "region_ended_around_unfollowed": {
        "zh-CN": "{asked} 属于 {former}（{name}），后者已于 {year} 年撤销，请重新选择所在区划",
        "en": "{asked} belongs to {former} ({name}), which ended in {year}; choose the division again",
    },
    "region_elsewhere": {
        "zh-CN": "{former}（{name}）不在现行区划代码中，对应 {zh_successors}，请从中选择",
        "en": "{former} ({name}) is not among the present codes; choose from those of its area: {en_successors}",
    },
    "region_elsewhere_around": {
        "zh-CN": "{asked} 属于 {former}（{name}），后者不在现行区划代码中，对应 {zh_successors}，请在其下重新选择",
        "en": "{asked} belongs to {former} ({name}), which is not among the present codes; choose again in: {en_successors}",
    },
    "region_too_narrow": {"zh-CN": "须选到乡镇或更大的区域，不能选到村", "en": "must be a township or a wider region, not a village"},
    "region_too_wide": {
        "zh-CN": "按姓名查询须选到乡镇或村；更大范围请按身份证号查询",
        "en": "names are searched in a township or a village; search wider regions by national id",
    },
    "not_an_object": {"zh-CN": "须是 JSON 对象", "en": "must be a JSON object"},
    "wrong": {"zh-CN": "不正确", "en": "not right"},
}
