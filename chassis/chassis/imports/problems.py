"""Problems with imports."""

from chassis.problems import problem

too_many_imports = problem(
    429,
    "too_many_imports",
    zh="您还有几张表格正在处理，请稍后再试",
    en="Several of your tables are still being processed. Try again later.",
)
