"""Columns of each kind of import, with the headings by which they are known. A new column is one more line here."""

from chassis.tables.columns import Column
from users.fields import KINDS, PHONE_KINDS, STATUSES

_OFFICE_KINDS = {kind: labels for kind, labels in KINDS.items() if kind != "household"}

NAME = Column("name", ("姓名", "户主姓名", "户主", "名称", "householder"), "text", required=True)
PHONE = Column("phone", ("联系电话", "手机号", "手机号码", "手机", "电话", "电话号码", "联系方式", "telephone", "mobile"), "code")
REGION = Column("region", ("区划代码", "行政区划代码", "村代码", "所在村代码", "region code"), "code")
CAMPAIGN = Column("campaign", ("邀请码", "活动邀请码", "invitation code"), "code")
NATIONAL_ID = Column(
    "national_id", ("身份证号", "身份证号码", "身份证", "户主身份证号", "证件号码", "公民身份号码", "id number"), "code", required=True
)
STATUS = Column("status", ("状态", "户状态", "帮扶状态", "脱贫状态"), "choice", choices=STATUSES)
PASSWORD = Column("password", ("密码", "初始密码"), "secret")

HOUSEHOLDS = (
    NAME,
    NATIONAL_ID,
    STATUS,
    REGION,
    PHONE,
    Column("phone_kind", ("电话类型", "联系电话类型"), "choice", choices=PHONE_KINDS),
    Column("address", ("住址", "家庭住址", "地址", "详细地址"), "text"),
    Column("size", ("家庭人口", "人口", "人口数", "家庭人口数", "户籍人口", "household size"), "code"),
)
ACCOUNTS = (
    Column("kind", ("类型", "账号类型", "身份"), "choice", required=True, choices=_OFFICE_KINDS),
    Column("phone", PHONE.headings, "code", required=True),
    NAME,
    REGION,
    CAMPAIGN,
)
ADMINISTRATORS = (
    Column("phone", PHONE.headings, "code", required=True),
    NAME,
    Column("region", ("管理区域代码", *REGION.headings), "code", required=True),
)
MIXED = (
    Column("kind", ("类型", "账号类型", "身份"), "choice", required=True, choices=KINDS),
    PHONE,
    NAME,
    PASSWORD,
    REGION,
    CAMPAIGN,
    Column("national_id", NATIONAL_ID.headings, "code"),
    STATUS,
    *(column for column in HOUSEHOLDS if column.field in {"phone_kind", "address", "size"}),
    Column("manages", ("管理区域", "管理区域代码"), "code"),
)
"""The columns of an operator's list, which holds households, accounts and administrators together."""
