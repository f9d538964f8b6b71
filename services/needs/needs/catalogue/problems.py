"""Problems with what a need asks for: each names the cap, or the items that may be asked for instead."""

from chassis.problems import problem

item_not_offered = problem(
    422,
    "item_not_offered",
    zh="当地目前不受理“{zh}”需求，请从目录中另选",
    en="“{en}” cannot be asked for in this region at present. Choose another item.",
)
too_many = problem(
    422,
    "too_many",
    zh="{whose_zh}一项需求最多可申请：{amount_zh}{note_zh}，请减少数量",
    en="A need{whose_en} can ask for at most {amount_en}{note_en}. Enter less.",
)
forbidden_item = problem(422, "forbidden_item", zh="{guidance_zh}（“{found}”）{instead_zh}", en="{guidance_en} (“{found}”).{instead_en}")
pledge_kind_unfit = problem(422, "pledge_kind_unfit", zh="“{zh}”的帮扶方式须为{kinds_zh}", en="“{en}” must be pledged as {kinds_en}.")
item_needed = problem(
    422,
    "item_needed",
    zh="“{zh}”包括不同的帮扶方式（{kinds_zh}），请选择具体项目",
    en="“{en}” holds items of several kinds ({kinds_en}). Choose one item.",
)
catalogue_rules_wrong = problem(
    422,
    "catalogue_rules_wrong",
    zh="目录设置有误：没有这一项，或重复设置，请检查标出的各项",
    en="Some rules name an unknown item or catalogue, or set one twice. Check the marked entries.",
)
