"""Problems with photos."""

from chassis.problems import problem

photo_unreadable = problem(
    422,
    "photo_unreadable",
    zh="照片打不开或格式不符，请换一张",
    en="The photo cannot be opened or is not of the stated type. Choose another one.",
)
photo_too_large = problem(
    422,
    "photo_too_large",
    zh="照片太大（超过 {most} 百万像素），请缩小后再上传",
    en="The photo has more than {most} million pixels. Make it smaller and upload it again.",
)
enough_photos = problem(
    409, "enough_photos", zh="最多 {most} 张照片，请先删除一张", en="You can add at most {most} photos. Remove one first."
)
photo_removed = problem(410, "photo_removed", zh="这张照片已删除，请刷新后查看", en="This photo was removed. Reload the page.")
