"""Problems of needs and pledges."""

from chassis.problems import problem

unknown_item = problem(422, "unknown_item", zh="目录中没有这一项，请从目录中选择", en="The catalogue has no such item, choose one of it")
wrong_unit = problem(422, "wrong_unit", zh="{zh}以{measures}计", en="{en} is counted in {units}")
unknown_household = problem(
    422, "unknown_household", zh="没有登记这户人家，或不在您的辖区", en="No such household is registered where you may act"
)
consent_needed = problem(
    422, "consent_needed", zh="代发布须注明本人同意的方式（consent）", en="Posting on behalf needs the household's consent (consent)"
)
own_need = problem(403, "own_need", zh="自己发布的需求须由他人审核", en="Somebody else has to verify what you posted")
township_verifies = problem(
    403, "township_verifies", zh="该村需求由乡镇管理员审核", en="The township's administrator verifies the needs of this village"
)
own_review = problem(
    403, "own_review", zh="您已完成初审，须由另一位管理员复审", en="You verified it at the first step; somebody else takes the second one"
)
county_verifies = problem(
    403, "county_verifies", zh="金额较大的需求由县级管理员复审", en="The county's administrators verify a need of so large a value"
)
story_identifies = problem(
    422,
    "story_identifies",
    zh="公开说明里不能出现可识别个人的内容（{zh_found}），请删去或改写",
    en="A public story must not identify anybody ({en_found}): remove or reword it",
)
quantity_unsettled = problem(
    422,
    "quantity_unsettled",
    zh="这项需求数量待定，审核时请填写数量（quantity）",
    en="How much is needed is open: state the quantity (quantity)",
)
quantity_settled = problem(
    422,
    "quantity_settled",
    zh="需求数量已定为 {quantity}，不能另行填写",
    en="The quantity is {quantity} already; it cannot be stated otherwise",
)
past_validity = problem(422, "past_validity", zh="有效期须在今后两年之内", en="The validity must end within the next two years")
line_refused = problem(422, "line_refused", zh="第 {row} 行不能发布：{zh}", en="Row {row} cannot be posted: {en}")
