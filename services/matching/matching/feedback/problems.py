"""Problems with thanks and ratings; those with photos are the chassis's."""

from chassis.problems import problem

unknown_photo = problem(
    422, "unknown_photo", zh="没有这张感谢照片，请重新选择或上传", en="This photo does not exist. Choose or upload another one."
)

already_thanked = problem(
    409, "already_thanked", zh="您已经写过感谢，不必再写", en="You have already sent thanks for this. You do not need to do anything."
)

already_rated = problem(
    409, "already_rated", zh="您已经评价过，不必再评", en="You have already rated this. You do not need to do anything."
)

rating_over = problem(409, "rating_over", zh="评价期已过，不能再评价", en="The time for rating is over. You can no longer rate this.")

own_thanks = problem(
    403,
    "own_thanks",
    zh="自己写的感谢须由他人审核，请联系另一位管理员",
    en="You wrote this yourself. Another administrator must review it.",
)
