"""Problems with thanks and ratings; those with photos are the chassis's."""

from chassis.problems import problem

unknown_photo = problem(422, "unknown_photo", zh="没有这张感谢照片", en="There is no such photo to go with the thanks")

already_thanked = problem(409, "already_thanked", zh="已经感谢过了", en="Thanks were given already")

already_rated = problem(409, "already_rated", zh="已经评价过了", en="This was rated already")

rating_over = problem(409, "rating_over", zh="评价期已过", en="The time to rate this is over")

own_thanks = problem(403, "own_thanks", zh="自己写的感谢须由他人审核", en="Somebody else has to release what you wrote")
