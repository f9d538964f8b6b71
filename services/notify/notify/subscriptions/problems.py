"""Problems of subscriptions."""

from chassis.problems import problem

push_not_set = problem(
    404,
    "push_not_set",
    zh="本平台没有开通浏览器推送，请改用短信或邮件接收通知",
    en="This site pushes no notices to browsers. Use SMS or e-mail instead.",
)
