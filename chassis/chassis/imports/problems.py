"""Problems with imports."""

from chassis.problems import problem

too_many_imports = problem(
    429,
    "too_many_imports",
    zh="您还有几张表格正在处理，请稍后再试",
    en="Several of your tables are still being processed. Try again later.",
)
import_too_slow = problem(
    503,
    "import_too_slow",
    zh="系统繁忙，这张表格试了几次都没有处理完。已经写入的行都在；请过一会儿再发送同一张表格，写过的行不会重复",
    en="The system was too busy to finish this table in several tries. The rows written so far stand. Send the same table again later:"
    " no row is written twice.",
)
