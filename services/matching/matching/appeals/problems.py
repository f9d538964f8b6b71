"""Problems with appeals."""

from chassis.problems import problem

own_appeal = problem(403, "own_appeal", zh="参与过这次对接的人不能裁定", en="Who took part in the match cannot decide this")
nothing_to_appeal = problem(409, "nothing_to_appeal", zh="这条记录不能申诉", en="There is nothing to appeal against in this")
