"""What can be wrong with answering or claiming."""

from chassis.problems import problem

does_not_fit = problem(422, "does_not_fit", zh="您的意向与这项需求不相符", en="Your pledge does not fit this need")
unknown_need = problem(422, "unknown_need", zh="没有这项需求", en="There is no such need")
unknown_pledge = problem(422, "unknown_pledge", zh="您没有这项意向", en="You have no such pledge")
not_enough = problem(409, "not_enough", zh="需求或意向的余量已不足", en="Too little is left of the need or of the pledge")
