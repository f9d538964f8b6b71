"""Problems with drafts."""

from chassis.problems import problem

too_many_drafts = problem(
    422, "too_many_drafts", zh="最多保存 {most} 份草稿，请先发布或删除", en="You can keep at most {most} drafts. Post or delete some first."
)
