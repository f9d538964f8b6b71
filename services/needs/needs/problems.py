"""Problems of needs and pledges."""

from chassis.problems import problem

unknown_item = problem(
    422, "unknown_item", zh="目录中没有这一项，请从目录中选择", en="The catalogue has no such item. Choose one from the catalogue."
)
wrong_unit = problem(422, "wrong_unit", zh="{zh}以{units_zh}计，请改用这个单位", en="“{en}” is counted in {units_en}. Use that unit.")
unknown_household = problem(
    422,
    "unknown_household",
    zh="没有登记这户人家，或不在您的辖区，请核对",
    en="No such household is registered in your region. Check the entry.",
)
consent_needed = problem(
    422, "consent_needed", zh="代发布须注明本人同意的方式，请选择", en="Posting for a household needs its consent. State how it was given."
)
own_need = problem(403, "own_need", zh="自己发布的需求须由他人审核", en="You posted this yourself. Somebody else must verify it.")
township_verifies = problem(
    403,
    "township_verifies",
    zh="该村需求须由乡镇管理员审核",
    en="Needs of this village must be verified by an administrator of the township.",
)
own_review = problem(
    403,
    "own_review",
    zh="您已完成初审，须由另一位管理员复审",
    en="You verified this at the first step. Another administrator must take the second one.",
)
county_verifies = problem(
    403,
    "county_verifies",
    zh="金额较大的需求须由县级管理员复审",
    en="Needs of this value must be verified by an administrator of the county.",
)
story_identifies = problem(
    422,
    "story_identifies",
    zh="公开说明里不能出现可识别个人的内容（{zh_found}），请删去或改写",
    en="The public story must not identify anybody ({en_found}). Remove or reword this.",
)
quantity_unsettled = problem(
    422,
    "quantity_unsettled",
    zh="这项需求的数量待定，审核时请填写数量",
    en="The quantity is still open. Enter it when you verify the need.",
)
quantity_settled = problem(
    422,
    "quantity_settled",
    zh="需求数量已确定，请勿另行填写",
    en="The quantity is already settled. Leave it out.",
)
past_validity = problem(
    422, "past_validity", zh="有效期须在今后两年之内，请重新选择", en="The validity must end within the next 2 years. Choose another day."
)
line_refused = problem(422, "line_refused", zh="第 {row} 行不能发布，请改正：{zh}", en="Correct row {row} before you post. {en}")
renewal_over = problem(
    409,
    "renewal_over",
    zh="需求到期已超过 {days} 天，若仍有需要，请重新发布",
    en="The need expired more than {days} days ago. Post it again if there is still a need.",
)
