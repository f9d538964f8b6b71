"""What can be wrong with a note."""

from chassis.problems import problem

unknown_need = problem(422, "unknown_need", zh="没有这个需求，或已结束", en="There is no such need, or it has ended")
