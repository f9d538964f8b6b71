"""Problems with photos, thanks and ratings."""

from chassis.problems import problem

photo_unreadable = problem(
    422, "photo_unreadable", zh="照片打不开，或与所述格式不符", en="The photo cannot be opened, or is not what it says it is"
)

photo_too_large = problem(422, "photo_too_large", zh="照片超过 {most} 百万像素", en="The photo has more than {most} million pixels")

enough_photos = problem(409, "enough_photos", zh="这样的照片已有 {most} 张", en="There are {most} such photos already")

unknown_photo = problem(422, "unknown_photo", zh="没有这张感谢照片", en="There is no such photo to go with the thanks")

already_thanked = problem(409, "already_thanked", zh="已经感谢过了", en="Thanks were given already")

already_rated = problem(409, "already_rated", zh="已经评价过了", en="This was rated already")

rating_over = problem(409, "rating_over", zh="评价期已过", en="The time to rate this is over")

own_thanks = problem(403, "own_thanks", zh="自己写的感谢须由他人审核", en="Somebody else has to release what you wrote")

photo_removed = problem(410, "photo_removed", zh="照片已删除", en="The photo was removed")
