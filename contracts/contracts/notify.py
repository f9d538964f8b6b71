"""The events of notify: a notice reached somebody, a question by SMS was answered, an endpoint fails for good. They never hold a text."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from contracts.event import Event, Moment, Region, Version

Asked = Literal["consent", "proposal", "promise", "renewal", "arrival"]
"""The kinds of questions by SMS. `consent`: may a need be posted for the household? `proposal`: will the giver help?
`promise`: does the household want the promised help? `renewal`: is a need still wanted? `arrival`: did the help fail to arrive?"""
Answer = Literal["accept", "refuse", "renew", "not_received"]
Telephone = Literal["own", "shared", "neighbour"]


class NoticeDelivered(Event, frozen=True, kw_only=True):
    """A notice arrived on a channel."""

    notice_id: UUID
    recipient_id: UUID
    kind: Annotated[str, Meta(examples=["match_proposed"])]
    about: UUID
    channel: Literal["in_app"]
    delivered_at: Moment


class QuestionAnswered(Event, frozen=True, kw_only=True):
    """Somebody answered a question by SMS, in time and from the telephone that was asked. The service that owns `about` carries it out.

    `consent` and `renewal` are about needs, the others about matches. From a `shared` or a `neighbour`'s telephone only `accept` and
    `refuse` of a promise are valid.
    """

    question_id: UUID
    asked: Asked
    about: Annotated[UUID, Meta(description="the need or match that the question is about")]
    about_version: Annotated[Version, Meta(description="version of that need or match when the question was asked")]
    person_id: UUID
    telephone: Annotated[Telephone, Meta(description="whose telephone it is, as its village noted")]
    answer: Annotated[Answer, Meta(description="what the person answered")]
    answered_at: Annotated[Moment, Meta(description="time when the answer came")]


class EndpointDisabled(Event, frozen=True, kw_only=True):
    """An endpoint took nothing for days, or said that it is gone. It gets nothing until its holder proves it again."""

    endpoint_id: Annotated[UUID, Meta(description="the webhook or bot")]
    held_by: Annotated[Literal["office", "account"], Meta(description="who registered it")]
    owner_id: Annotated[UUID | None, Meta(description="the account; null for an office")]
    region: Annotated[Region, Meta(description="division code of the office; empty for an account")]
    channel: Annotated[Literal["webhook", "wecom", "dingtalk", "feishu"], Meta(description="a webhook, or the service of a bot")]
    disabled_at: Annotated[Moment, Meta(description="time when it was disabled")]
