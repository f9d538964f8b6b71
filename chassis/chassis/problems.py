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

    def title(self, language: str) -> str:
        """Return the sentence in `zh-CN` or `en`, with the details that it names."""
        return self.words[language].format_map(self.details)

    def body(self, language: str) -> dict[str, Any]:
        """Return the JSON body in `zh-CN` or `en`, without `instance`."""
        body: dict[str, Any] = {
            "type": f"urn:duijie:problem:{self.code}",
            "status": self.status,
            "code": self.code,
            "title": self.title(language),
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


bad_json = problem(400, "bad_json", zh="请求内容不是规范的 JSON，请检查格式", en="The body is not well-formed JSON. Check its syntax.")
bad_text = problem(
    400, "bad_text", zh="网址中含有不能使用的字符，请检查", en="The address holds characters that are not allowed. Check it."
)
repeated_parameter = problem(
    400, "repeated_parameter", zh="网址中的参数 {name} 重复，请只写一次", en="The address names {name} twice. Give it once."
)
bad_request = problem(400, "bad_request", zh="请求不规范，请检查后重试", en="The request is malformed. Check it and try again.")
sign_in_needed = problem(401, "sign_in_needed", zh="请先登录", en="Sign in first.")
not_allowed = problem(
    403,
    "not_allowed",
    zh="您没有此项操作权限，如有疑问请联系管理员",
    en="You do not have permission for this. Ask an administrator if you need it.",
)
second_factor_needed = problem(
    403,
    "second_factor_needed",
    zh="乡镇及以上管理员办理此事，请先输入动态验证码",
    en="Enter a code from your authenticator app first. Administrators above the village need it for this.",
)
not_found = problem(
    404,
    "not_found",
    zh="没有找到，可能已删除或不在您的权限内，请返回重试",
    en="This was not found. It may have been removed, or you may not have access. Go back and try again.",
)
method_not_allowed = problem(
    405, "method_not_allowed", zh="这个地址不支持此方法，请查看接口文档", en="This address does not support the method. See the API pages."
)
STATE_WORDS = {
    "posted": ("待审核", "waiting to be verified"),
    "returned": ("已退回修改", "returned to its poster"),
    "published": ("已发布", "published"),
    "rejected": ("未通过审核", "rejected"),
    "withdrawn": ("已撤回", "withdrawn"),
    "closed": ("已结束", "closed"),
    "ended": ("已结束", "ended"),
    "expired": ("已到期", "expired"),
    "met": ("已满足", "met"),
    "proposed": ("待答复", "waiting for an answer"),
    "accepted": ("已接受", "accepted"),
    "lapsed": ("已失效", "no longer valid"),
    "sent": ("已送出", "sent"),
    "received": ("已确认收到", "received"),
    "settled": ("已处理", "settled"),
    "answered": ("已答复", "answered"),
    "raised": ("已转到县里", "with the county"),
    "removed": ("已删除", "removed"),
    "erased": ("已删除", "erased"),
    "used": ("已使用", "used"),
    "forgotten": ("已取消", "taken back"),
    "linked": ("已关联账号", "linked to an account"),
    "waiting": ("待处理", "waiting for a decision"),
    "visited": ("已走访", "visited"),
    "monitored": ("监测中", "monitored"),
    "risk_removed": ("风险已消除", "out of risk"),
    "exited": ("已退出监测", "no longer monitored"),
    "checking": ("检查中", "being checked"),
    "importing": ("导入中", "being imported"),
    "done": ("已导入", "imported"),
    "replayed": ("已重放", "replayed"),
    "dropped": ("已丢弃", "dropped"),
}
"""Words of states that mean the same of whatever they are said. The others are not named in `state_conflict`."""


class state_conflict(Problem):
    """An act that the state of a thing does not allow. `state` is its code; people read its words."""

    status = 409
    code = "state_conflict"
    words: ClassVar[dict[str, str]] = {
        "zh-CN": "情况已有变化，不能这样操作，请刷新后查看",
        "en": "This cannot be done now. Reload to see what has changed.",
    }

    def title(self, language: str) -> str:
        """Return the sentence, with the words of the state where it has some."""
        zh, en = STATE_WORDS.get(str(self.details.get("state")), ("", ""))
        if not zh:
            return super().title(language)
        if language == "zh-CN":
            return f"当前状态为“{zh}”，不能这样操作，请刷新后查看"
        return f"This is {en}, so it cannot be done. Reload to see what has changed."


in_progress = problem(409, "in_progress", zh="上一次提交正在处理，请稍候", en="The same request is being processed. Wait a moment.")
too_large = problem(413, "too_large", zh="提交的内容过大，请减少后重试", en="The request is too large. Send less at once.")
body_too_slow = problem(
    408, "body_too_slow", zh="上传太慢，请检查网络后重试", en="The upload was too slow. Check your connection and try again."
)
unsupported_type = problem(
    415,
    "unsupported_type",
    zh="这里不接受这种类型的内容，请换一种格式",
    en="This address does not accept content of this type. Use another format.",
)
header_too_large = problem(431, "header_too_large", zh="请求头过大，请缩短后重试", en="The header of the request is too large. Shorten it.")
not_utf8 = problem(
    415,
    "not_utf8",
    zh="请求内容须用 UTF-8 编码，不带字节顺序标记（BOM）",
    en="The body must be UTF-8 without a byte order mark.",
)
invalid = problem(422, "invalid", zh="填写的内容有误，请检查标出的各项", en="Some entries are not right. Check the marked fields.")
key_reused = problem(
    422,
    "key_reused",
    zh="这个 Idempotency-Key 已用于另一请求，请换一个",
    en="This Idempotency-Key was used for another request. Use a new one.",
)
broken = problem(
    500, "broken", zh="服务出错了，我们已记录，请稍后再试", en="Something went wrong on our side and has been recorded. Try again later."
)
id_taken = problem(409, "id_taken", zh="这个编号已用于别处，请重新生成", en="This id is used elsewhere. Make another one.")
unavailable = problem(503, "unavailable", zh="服务暂时不可用，请稍后再试", en="The service is unavailable for a moment. Try again later.")

FRAMEWORK = {one.status: one for one in (bad_request, not_found, method_not_allowed, too_large, unsupported_type, broken, unavailable)}
"""Problems for the errors of the web framework, by status."""

FIELD_WORDS = {
    "required": {"zh-CN": "必填，请填写", "en": "this is required; enter it"},
    "null": {"zh-CN": "不能为空，请填写", "en": "must not be empty; enter it"},
    "unknown": {"zh-CN": "没有这个字段，请删去", "en": "there is no such field; remove it"},
    "not_text": {"zh-CN": "须是文字", "en": "must be text"},
    "text_length": {"zh-CN": "文字过长或过短，请修改", "en": "too long or too short; change it"},
    "text_empty": {"zh-CN": "请填写", "en": "enter something"},
    "text_short": {"zh-CN": "至少 {least} 个字", "en": "must have at least {least} characters"},
    "text_long": {"zh-CN": "最多 {most} 个字", "en": "must have at most {most} characters"},
    "text_form": {"zh-CN": "格式不对，请检查", "en": "not in the right form; check it"},
    "reason_short": {"zh-CN": "请写明原因，至少 {least} 个字", "en": "state the reason in at least {least} characters"},
    "forbidden": {"zh-CN": "含有不能申请的物品，请修改", "en": "asks for something that cannot be asked for; change it"},
    "text_unknown": {
        "zh-CN": "第 {position} 个字符（{character}）在别的设备上无法显示，请删去",
        "en": "character {position} ({character}) is not known to other devices; remove it",
    },
    "text_invisible": {
        "zh-CN": "第 {position} 个字符（{character}）看不见，请删去",
        "en": "character {position} ({character}) shows nothing; remove it",
    },
    "text_misleading": {
        "zh-CN": "第 {position} 个字符（{character}）会被看成别的字，或打乱文字顺序，请重新输入",
        "en": "character {position} ({character}) looks like another or changes the order of the text; type it again",
    },
    "text_mark": {
        "zh-CN": "第 {position} 个字符（{character}）是附加符号，前面没有字母或叠加过多，请重新输入",
        "en": "character {position} ({character}) is a mark without a letter, or one too many; type it again",
    },
    "name_character": {
        "zh-CN": "姓名或名称不能含第 {position} 个字符（{character}），请删去",
        "en": "a name cannot hold character {position} ({character}); remove it",
    },
    "name_letters": {"zh-CN": "姓名或名称须含文字", "en": "a name must hold letters"},
    "name_scripts": {
        "zh-CN": "姓名或名称混用了容易混淆的文字，请重新输入",
        "en": "a name must not mix scripts that look alike; type it again",
    },
    "code_form": {
        "zh-CN": "号码不对；空格、看不见的字符已去掉，全角字符已改为半角，请核对其余部分",
        "en": "not a valid number; spaces and invisible characters were dropped and full-width ones changed; check the rest",
    },
    "phone_form": {
        "zh-CN": "须是中国大陆手机号；空格、横线、括号、看不见的字符和 +86 已去掉，全角数字已改为半角，请核对其余部分",
        "en": "must be a mobile number of mainland China; spaces, dashes, brackets, invisible characters and +86 were dropped"
        " and full-width digits changed; check the rest",
    },
    "email_form": {
        "zh-CN": "须是完整的邮箱地址；空格和看不见的字符已去掉，全角字符已改为半角，请核对其余部分",
        "en": "must be a whole e-mail address; spaces and invisible characters were dropped and full-width ones changed; check the rest",
    },
    "office_phone_form": {
        "zh-CN": "须是办公电话，固定电话请写区号；空格、横线、括号和看不见的字符已去掉，请核对其余部分",
        "en": "must be an office's telephone, a landline with its area code; spaces, dashes, brackets and invisible characters were"
        " dropped; check the rest",
    },
    "phone_in_text": {
        "zh-CN": "这里不能写电话号码，请填在“电话”一栏",
        "en": "a telephone number does not belong here; enter it in its own field",
    },
    "telephone_form": {
        "zh-CN": "须是中国大陆的手机号或带区号的固定电话；空格、横线、括号、看不见的字符和 +86 已去掉，请核对其余部分",
        "en": "must be a mobile number or a fixed one with its area code, of mainland China; spaces, dashes, brackets, invisible"
        " characters and +86 were dropped; check the rest",
    },
    "template_form": {
        "zh-CN": "只能写文字、{{{{ field }}}} 和 {{% if %}} 判断，请改写",
        "en": "only text, {{{{ field }}}} and {{% if %}} may stand here; write it again",
    },
    "template_field_unknown": {
        "zh-CN": "这里不能用字段 {name}，请从可用字段中选择",
        "en": "field {name} cannot stand here; choose one of the allowed fields",
    },
    "template_field_missing": {"zh-CN": "须写明 {name}，请补上", "en": "must state {name}; add it"},
    "template_field_empty": {"zh-CN": "{name} 可能为空，请放在 {{% if %}} 之后", "en": "{name} may be empty; put it behind {{% if %}}"},
    "template_contact": {
        "zh-CN": "不能写网址、邮箱、手机号或证件号，请删去",
        "en": "must not hold a link, an e-mail address, a mobile number or an ID number; remove it",
    },
    "template_length": {"zh-CN": "内容为空或过长，最多 {most} 个字", "en": "says nothing, or more than {most} characters; change it"},
    "not_whole": {"zh-CN": "须是整数", "en": "must be a whole number"},
    "out_of_range": {"zh-CN": "超出允许的范围，请核对", "en": "out of range; check it"},
    "whole_range": {"zh-CN": "须在 {least:,} 至 {most:,} 之间", "en": "must be between {least:,} and {most:,}"},
    "not_a_choice": {"zh-CN": "请从可选项中选择", "en": "choose one of the options"},
    "not_a_fresh_id": {
        "zh-CN": "须是 30 天内生成的第 7 版 UUID，请重新生成",
        "en": "must be a UUID of version 7 that was made within the last 30 days; make it anew",
    },
    "not_an_id": {"zh-CN": "不是有效的编号，请检查", "en": "not a valid id; check it"},
    "not_a_moment": {"zh-CN": "须是带时区的时间", "en": "must be a time with its time zone"},
    "not_true_or_false": {"zh-CN": "须是 true 或 false", "en": "must be true or false"},
    "unknown_region": {"zh-CN": "没有这个区划代码，请重新选择", "en": "there is no such region code; choose again"},
    "region_level": {
        "zh-CN": "{asked} 是{zh_level}区划，这里须选到{zh_levels}（{digits} 位代码）",
        "en": "{asked} is the code of a {en_level}; choose that of a {en_levels} ({digits} digits)",
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
        "en": "{former} ({name}) ended in {year}; choose the region again",
    },
    "region_ended_around_unfollowed": {
        "zh-CN": "{asked} 属于 {former}（{name}），后者已于 {year} 年撤销，请重新选择所在区划",
        "en": "{asked} belongs to {former} ({name}), which ended in {year}; choose the region again",
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
        "en": "names are searched in a township or a village; search wider regions by national ID number",
    },
    "not_an_object": {"zh-CN": "须是 JSON 对象", "en": "must be a JSON object"},
    "wrong": {"zh-CN": "不正确，请检查", "en": "not right; check it"},
}
