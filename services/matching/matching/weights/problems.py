"""Problems with weights."""

from chassis.problems import problem

weights_wrong = problem(
    422,
    "weights_wrong",
    zh="权重不合理：须使最一般的需求也能达到门槛，且只能从现在起一年内生效",
    en="These weights make no sense: an ordinary need must be able to reach the threshold, and they hold from now on or within a year",
)
