"""Problems with weights."""

from chassis.problems import problem

weights_wrong = problem(
    422,
    "weights_wrong",
    zh="权重不合理：须让一般需求也能达到门槛，并在一年内生效，请修改",
    en="These weights cannot be used. An ordinary need must be able to reach the threshold, and they must take effect within a year.",
)
