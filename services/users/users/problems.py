"""Problems of accounts, sign-ins, appointments and households."""

from chassis.problems import problem

phone_taken = problem(409, "phone_taken", zh="这个手机号已注册，请直接登录", en="This phone number is already registered. Sign in instead.")
weak_password = problem(
    422,
    "weak_password",
    zh="密码过于简单或不足 {least} 个字符，请换一个",
    en="This password is too easy to guess or has fewer than {least} characters. Choose another one.",
)
wrong_credentials = problem(
    401, "wrong_credentials", zh="手机号或密码不正确，请重新输入", en="The phone number or the password is not right. Enter them again."
)
too_many_attempts = problem(
    429,
    "too_many_attempts",
    zh="密码错误次数过多，请稍后再试，或改用短信验证码登录",
    en="Too many wrong passwords. Try again later, or sign in with a code.",
)
session_ended = problem(401, "session_ended", zh="登录已结束，请重新登录", en="Your session has ended. Sign in again.")
session_revoked = problem(
    401,
    "session_revoked",
    zh="登录凭证被重复使用，为安全起见，请重新登录",
    en="A refresh token was used twice, so we ended the session for safety. Sign in again.",
)
unknown_helper = problem(
    422,
    "unknown_helper",
    zh="没有这个工作人员、帮扶干部或帮扶单位账号，请核对",
    en="No account of a staff member, cadre or work unit has this phone number or id. Check the entry.",
)
already_helper = problem(
    409,
    "already_helper",
    zh="此人已是这里的帮扶责任人，不必重复指定",
    en="This person is already a helper of this village or household. You do not need to do anything.",
)
same_helper = problem(
    422, "same_helper", zh="接任人与离任人相同，请另选接任人", en="The successor is the helper who leaves. Choose somebody else."
)
nothing_to_hand_over = problem(
    422, "nothing_to_hand_over", zh="此人在该区域没有帮扶任务，请核对", en="This person has no assignments in this region. Check the entry."
)
unknown_household = problem(
    422, "unknown_household", zh="该村没有这户人家，请核对", en="There is no such household in this village. Check the entry."
)
uscc_taken = problem(
    409,
    "uscc_taken",
    zh="这个统一社会信用代码已由另一账号认证，请核对",
    en="Another account is already verified with this unified social credit code. Check the code.",
)
no_second_factor = problem(
    409, "no_second_factor", zh="还没有设置动态验证码，请先设置", en="There is no authenticator app yet. Set one up first."
)
used_code = problem(409, "used_code", zh="这个验证码已用过，请等下一个", en="This code was already used. Wait for the next one.")
too_many_wrong_codes = problem(
    429, "too_many_wrong_codes", zh="验证码错误次数过多，请稍后再试", en="Too many wrong codes. Try again later."
)
outside_region = problem(
    403,
    "outside_region",
    zh="不在您管理的区域内，请联系当地管理员",
    en="This is outside the regions you manage. Contact the local administrator.",
)
unknown_administrator = problem(
    422,
    "unknown_administrator",
    zh="没有这个工作人员账号，或其手机号尚未验证，请核对",
    en="There is no staff account with this phone number or id, or the number is not confirmed yet. Check the entry.",
)
already_appointed = problem(
    409,
    "already_appointed",
    zh="此人在该区域已有这一职务，或已收到任命，不必重复任命",
    en="This person already holds this office in the region, or it was offered to them. You do not need to do anything.",
)
own_appointment = problem(
    403, "own_appointment", zh="不能任命自己，请由其他管理员任命", en="You cannot appoint yourself. Another administrator must do it."
)
outranked = problem(
    403,
    "outranked",
    zh="此人管理的区域比您的更大，请由上级任命",
    en="This person manages a wider region than you. An administrator above you must appoint them.",
)
own_appointer = problem(
    403,
    "own_appointer",
    zh="您由此人任命，不能反过来任命此人，请由上级任命",
    en="This person appointed you, so you cannot appoint them. Another administrator must do it.",
)
household_registered = problem(
    409,
    "household_registered",
    zh="这个身份证号的家庭已登记{where_zh}，请核对",
    en="A household with this national ID number is already registered{where_en}. Check the number.",
)
mapping_saved = problem(
    409,
    "mapping_saved",
    zh="该区域已有同名的表头对应关系，请换一个名称",
    en="A mapping with this name is already saved for this region. Choose another name.",
)
wrong_code = problem(422, "wrong_code", zh="验证码不正确，请重新输入", en="The code is not right. Enter it again.")
code_ended = problem(
    410,
    "code_ended",
    zh="验证码已过期、已使用或错误次数过多，请重新获取",
    en="The code has expired, was used or was tried too often. Request a new one.",
)
no_code = problem(404, "no_code", zh="没有可发送的验证码，请重新获取", en="There is no code to send. Request a new one.")
too_many_codes = problem(
    429, "too_many_codes", zh="今天的验证码已用完，请明天再试", en="You have used all codes for today. Try again tomorrow."
)
proof_needed = problem(
    403,
    "proof_needed",
    zh="请先验证手机号，验证码已发送",
    en="Confirm your phone number first. We have sent you a code.",
)
password_not_accepted = problem(
    422,
    "password_not_accepted",
    zh="不能替家庭设置密码，请由家庭用登记的手机号自行注册",
    en="You cannot choose a household's password. The household must register itself with the phone number entered here.",
)
household_unknown = problem(
    422,
    "household_unknown",
    zh="没有用这个手机号登记的家庭，请联系村委会",
    en="No household is registered with this phone number. Contact your village committee.",
)
wrong_password = problem(422, "wrong_password", zh="原密码不正确，请重新输入", en="The current password is not right. Enter it again.")
too_many_places = problem(
    409,
    "too_many_places",
    zh="一个区域最多设 {most} 个收货点，请先关闭一个",
    en="A region can have at most {most} collection points. Close one first.",
)
own_proposal = problem(
    403, "own_proposal", zh="自己提交的变更须由他人确认", en="You proposed this yourself. Somebody else must confirm it."
)
proposer_left = problem(
    409,
    "proposer_left",
    zh="提交人已不再管理这里，请由现任管理员重新提交",
    en="The person who proposed this no longer manages the region. The current administrator must propose it again.",
)
proposal_replaced = problem(
    409,
    "proposal_replaced",
    zh="这项变更已被替换或处理，请刷新后再确认",
    en="This change was replaced or decided. Reload it before you confirm.",
)
already_consented = problem(
    409,
    "already_consented",
    zh="这户人家已经同意过，不必重复登记",
    en="This household has already consented. You do not need to do anything.",
)
old_text = problem(
    422, "old_text", zh="同意书的版本不对，请用现行版本", en="This is not the current text. Ask for consent to the current one."
)
phone_kind_wrong = problem(
    422,
    "phone_kind_wrong",
    zh="电话与电话类型不符，请核对：固定电话要选“固定电话”，没有号码要选“没有电话”，其他类型须是手机号",
    en="The number does not fit its type. Choose “landline” for a fixed line, “none” without a number, and others for a mobile.",
)
guardian_consent_needed = problem(
    422,
    "guardian_consent_needed",
    zh="登记未成年人须注明监护人同意的方式，请选择",
    en="Registering a minor needs the consent of a guardian. State how it was given.",
)
unknown_member = problem(422, "unknown_member", zh="这户人家没有这个成员，请核对", en="The household has no such member. Check the entry.")
unknown_household_account = problem(
    422,
    "unknown_household_account",
    zh="辖区内没有用这个手机号的待关联家庭账号，请核对",
    en="No household account in your region that can be linked has this phone number. Check the number.",
)
not_one_household = problem(
    422,
    "not_one_household",
    zh="只能合并同一村的两户在册家庭，请重新选择",
    en="Only two registered households of the same village can be merged. Choose again.",
)
too_many_to_search = problem(
    422,
    "too_many_to_search",
    zh="该区域在册家庭超过 {most} 户，请选择到村，或按身份证号查询",
    en="More than {most} households are registered here. Choose a village, or search by national ID number.",
)
uscc_registered = problem(
    409,
    "uscc_registered",
    zh="这个统一社会信用代码的机构已登记，请核对",
    en="An institution with this unified social credit code is already registered. Check the code.",
)
head_without_number = problem(
    422, "head_without_number", zh="新户主须先登记身份证号", en="The new head needs a national ID number first. Add it to the member."
)
change_head_first = problem(
    409,
    "change_head_first",
    zh="此人是户主，户内还有其他人，请先变更户主",
    en="This person is the head of a household with other members. Change the head first.",
)
region_ended = problem(
    410,
    "region_ended",
    zh="{code}（{name}）不再是有效的区划代码，请改用 {zh_successors}",
    en="{code} ({name}) is no longer a region code. Use {en_successors}.",
)
refused_rows = problem(
    422,
    "refused_rows",
    zh="有 {count} 行不能导入，未作任何改动，请改正后重新上传",
    en="Nothing was imported. Rows that need correcting: {count}.",
)
fresh_sign_in_needed = problem(
    403,
    "fresh_sign_in_needed",
    zh="为确认是您本人，请重新登录，并在十分钟内操作",
    en="To confirm that it is you, sign in again and do this within 10 minutes.",
)
in_office = problem(
    409,
    "in_office",
    zh="您还担任管理员、审计员或帮扶责任人，请先卸任",
    en="You are still an administrator, auditor or helper. Give up this office first.",
)
matches_under_way = problem(
    409,
    "matches_under_way",
    zh="还有进行中的对接，须等对接结束、异议期已过，才能注销和删除",
    en="Some matches are still under way. You can erase the account once they have ended and the time for disputes is over.",
)
