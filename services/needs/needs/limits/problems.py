"""Problems with limits: each names the limit, what is used of it and what is left."""

from chassis.problems import problem

too_many_pledges = problem(
    422,
    "too_many_pledges",
    zh="您同时有效的爱心意向最多 {most} 份，现有 {used} 份，还可登记 {left} 份，请先完成或撤回一份",
    en="You can have at most {most} open pledges: {used} open, {left} left. Wait until some are used up, or withdraw one.",
)
too_many_units = problem(
    422,
    "too_many_units",
    zh="同一品类的爱心意向，您最多可同时登记 {most} {measure_zh}，已登记 {used} {measure_zh}，还可登记 {left} {measure_zh}，请减少数量",
    en="You can have at most {most} {measure_en} of an item pledged: {used} pledged, {left} left. Enter less.",
)
too_many_proposals = problem(
    422,
    "too_many_proposals",
    zh="您有 {used} 条对接建议待答复（上限 {most} 条，还可有 {left} 条），请先答复，再登记或增加爱心意向",
    en="Proposals waiting for your answer: {used} ({most} at most, {left} left). Answer them before you pledge more.",
)
too_many_needs = problem(
    422,
    "too_many_needs",
    zh="一户人家 24 小时内最多发布 {most} 项需求，已发布 {used} 项，还可发布 {left} 项，请稍后再试",
    en="A household can post at most {most} needs in 24 hours: {used} posted, {left} left. Try again later.",
)
too_many_posted = problem(
    422,
    "too_many_posted",
    zh="您 24 小时内最多代发布 {most} 项需求，已发布 {used} 项，还可发布 {left} 项，请稍后再试",
    en="You can post at most {most} needs for others in 24 hours: {used} posted, {left} left. Try again later.",
)
limits_wrong = problem(
    422,
    "limits_wrong",
    zh="限额设置有误：没有这一项，或重复设置，请检查标出的各项",
    en="Some limits are unknown or set twice. Check the marked entries.",
)
