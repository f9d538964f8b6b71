"""Problems with limits: each names the limit, what is used of it and what is left."""

from chassis.problems import problem

too_many_pledges = problem(
    422,
    "too_many_pledges",
    zh="您同时有效的爱心意向最多 {most} 份，现有 {used} 份，还可发布 {left} 份",
    en="You may have {most} open pledges at once; you have {used}, {left} are left",
)
too_many_units = problem(
    422,
    "too_many_units",
    zh="同一品类，您同时最多可承诺 {most} {measure_zh}，已承诺 {used} {measure_zh}，还可承诺 {left} {measure_zh}",
    en="You may have {most} {measure_en} of an item pledged at once; you have {used}, {left} are left",
)
too_many_proposals = problem(
    422,
    "too_many_proposals",
    zh="您有 {used} 条对接建议待答复（上限 {most} 条，剩余 {left} 条），请先答复，再发布或增加爱心意向",
    en="{used} proposals wait for your answer (at most {most} may, {left} are left): answer them, then pledge more",
)
too_many_needs = problem(
    422,
    "too_many_needs",
    zh="一户人家 24 小时内最多发布 {most} 项需求，已发布 {used} 项，还可发布 {left} 项",
    en="A household may post {most} needs within 24 hours; it has posted {used}, {left} are left",
)
too_many_posted = problem(
    422,
    "too_many_posted",
    zh="您 24 小时内最多代发布 {most} 项需求，已发布 {used} 项，还可发布 {left} 项",
    en="You may post {most} needs on behalf of others within 24 hours; you have posted {used}, {left} are left",
)
limits_wrong = problem(
    422,
    "limits_wrong",
    zh="限额设置有误：没有这一项，或重复设置",
    en="These limits make no sense: there is no such limit, or it is set twice",
)
