"""Problems with photos."""

from chassis.problems import problem

photo_unreadable = problem(
    422, "photo_unreadable", zh="照片打不开，或与所述格式不符", en="The photo cannot be opened, or is not what it says it is"
)
photo_too_large = problem(422, "photo_too_large", zh="照片超过 {most} 百万像素", en="The photo has more than {most} million pixels")
enough_photos = problem(409, "enough_photos", zh="这样的照片已有 {most} 张", en="There are {most} such photos already")
photo_removed = problem(410, "photo_removed", zh="照片已删除", en="The photo was removed")
