"""Problems with templates."""

from chassis.problems import problem

template_wrong = problem(
    422, "template_wrong", zh="模板不能使用，请修改标出的部分", en="The template cannot be used. Change the marked parts."
)
