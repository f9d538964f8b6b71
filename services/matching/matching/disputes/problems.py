"""Problems with disputes."""

from chassis.problems import problem

already_disputed = problem(409, "already_disputed", zh="这次对接已经提出过异议", en="This match has been disputed already")
own_dispute = problem(403, "own_dispute", zh="您参与了这次对接，不能处理它的异议", en="Who took part in a match does not judge its dispute")
