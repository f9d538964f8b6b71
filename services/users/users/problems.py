"""Problems of accounts, sign-ins, appointments and households."""

from chassis.problems import problem

phone_taken = problem(409, "phone_taken", zh="这个手机号已注册", en="This phone is registered already")
weak_password = problem(
    422,
    "weak_password",
    zh="密码过于简单或不足 {least} 个字符，请换一个",
    en="This password is too easy to guess or has less than {least} characters, choose another",
)
wrong_credentials = problem(401, "wrong_credentials", zh="手机号或密码不正确", en="The phone or the password is not right")
too_many_attempts = problem(
    429,
    "too_many_attempts",
    zh="密码错误次数过多，请稍后再试，或改用短信验证码登录",
    en="Too many wrong passwords, try again later or sign in with a code",
)
session_ended = problem(401, "session_ended", zh="登录已结束，请重新登录", en="This sign-in has ended, sign in again")
session_revoked = problem(
    401,
    "session_revoked",
    zh="登录凭证被重复使用，为安全起见请重新登录",
    en="A refresh token was used twice; for safety the sign-in has ended, sign in again",
)
unknown_helper = problem(
    422,
    "unknown_helper",
    zh="没有这个工作人员、帮扶干部或帮扶单位账号",
    en="There is no account of staff, a cadre or a work unit with this phone or id",
)
already_helper = problem(
    409, "already_helper", zh="此人已是这里的帮扶责任人", en="This person answers for this village or household already"
)
same_helper = problem(422, "same_helper", zh="接任人与离任人相同", en="The successor is the helper who leaves")
nothing_to_hand_over = problem(
    422, "nothing_to_hand_over", zh="此人在该区域没有帮扶任务", en="This person answers for nothing in this region"
)
unknown_household = problem(422, "unknown_household", zh="该村没有这户人家", en="There is no such household in this village")
uscc_taken = problem(
    409, "uscc_taken", zh="这个统一社会信用代码已由另一账号认证", en="Another account is verified with this unified social credit code"
)
no_second_factor = problem(409, "no_second_factor", zh="还没有设置动态验证码", en="There is no second factor yet, set one up first")
used_code = problem(409, "used_code", zh="这个验证码已用过，请等下一个", en="This code was used already, wait for the next one")
too_many_wrong_codes = problem(429, "too_many_wrong_codes", zh="验证码错误次数过多，请稍后再试", en="Too many wrong codes, try again later")
outside_region = problem(403, "outside_region", zh="不在您管理的区域内", en="This is outside the regions you manage")
unknown_administrator = problem(
    422,
    "unknown_administrator",
    zh="没有这个工作人员账号，或其手机号尚未验证",
    en="There is no staff account of this phone or id, or its phone is not proven yet",
)
already_appointed = problem(
    409,
    "already_appointed",
    zh="此人在该区域已有这一职务，或已收到邀请",
    en="This person holds this office in that very region already, or it was offered to them",
)
own_appointment = problem(403, "own_appointment", zh="不能任命自己", en="Nobody appoints themselves")
outranked = problem(
    403, "outranked", zh="此人管理的区域比您的更大，不能由您任命", en="This person manages a wider region than you, you cannot appoint them"
)
own_appointer = problem(
    403, "own_appointer", zh="您的任命出自此人，不能由您任命", en="Your own appointment comes from this person, you cannot appoint them"
)
household_registered = problem(
    409,
    "household_registered",
    zh="这个身份证号的家庭已登记{where}",
    en="A household with this national id is registered already{where}",
)
mapping_saved = problem(
    409, "mapping_saved", zh="该区域已有同名的表头对应关系", en="A mapping of this name is saved for this region already"
)
wrong_code = problem(422, "wrong_code", zh="验证码不正确", en="The code is not right")
code_ended = problem(
    410,
    "code_ended",
    zh="验证码已过期、已使用或错误次数过多，请重新获取",
    en="The code has expired, was used or was tried too often; ask for another",
)
no_code = problem(404, "no_code", zh="没有可发送的验证码", en="There is no code to send")
too_many_codes = problem(429, "too_many_codes", zh="今天的验证码已用完，请明天再试", en="No more codes today, try again tomorrow")
proof_needed = problem(
    403,
    "proof_needed",
    zh="请先验证手机号：验证码已发送",
    en="Prove your phone first: a code has been sent to it",
)
password_not_accepted = problem(
    422,
    "password_not_accepted",
    zh="不能替家庭设置密码；家庭用登记的手机号自行注册",
    en="Nobody chooses a household's password; it registers itself with the phone that is noted here",
)
household_unknown = problem(
    422,
    "household_unknown",
    zh="没有用这个手机号登记的家庭，请联系村委会",
    en="No household is noted with this phone; ask your village",
)
wrong_password = problem(422, "wrong_password", zh="原密码不正确", en="The present password is not right")
too_many_places = problem(409, "too_many_places", zh="一个区域最多设 {most} 个收货点", en="A region has at most {most} collection points")
own_proposal = problem(403, "own_proposal", zh="自己提交的变更须由他人确认", en="Somebody else confirms what you proposed")
proposer_left = problem(
    409,
    "proposer_left",
    zh="提交人已不再管理这里，请由现任管理员重新提交",
    en="Whoever proposed this no longer manages the region; its present administrator proposes it anew",
)
proposal_replaced = problem(
    409, "proposal_replaced", zh="这项变更已被替换或处理，请刷新后再确认", en="Another proposal waits by now, or none; look again"
)
already_consented = problem(409, "already_consented", zh="这户人家已经同意过", en="This household has consented already")
old_text = problem(
    422, "old_text", zh="同意书的版本不对，请用现行版本", en="This is not the present text; ask for consent to the present one"
)
phone_kind_wrong = problem(
    422,
    "phone_kind_wrong",
    zh="电话与其类型（phone_kind）不符：固定电话选 landline，没有电话选 none，其他号码须是手机号",
    en="The telephone does not fit its kind (phone_kind): a fixed line is a landline, `none` has no number, all others are mobile",
)
guardian_consent_needed = problem(
    422,
    "guardian_consent_needed",
    zh="登记未成年人须注明监护人同意的方式（guardian_consent）",
    en="A minor is registered with the consent of their guardian (guardian_consent)",
)
unknown_member = problem(422, "unknown_member", zh="这户人家没有这个成员", en="The household has no such member")
unknown_household_account = problem(
    422,
    "unknown_household_account",
    zh="辖区内没有未关联的家庭账号使用这个手机号",
    en="No household's account in your region that is free to be linked has this phone",
)
not_one_household = problem(
    422,
    "not_one_household",
    zh="合并须是同一村的两户在册家庭",
    en="Two standing households of one village are merged",
)
too_many_to_search = problem(
    422,
    "too_many_to_search",
    zh="该区域在册家庭超过 {most} 户，请选择到村，或按身份证号查询",
    en="More than {most} households stand here; name a village, or search by national id",
)
uscc_registered = problem(
    409,
    "uscc_registered",
    zh="这个统一社会信用代码的机构已登记",
    en="An institution with this unified social credit code is registered already",
)
head_without_number = problem(
    422, "head_without_number", zh="新户主须先登记身份证号", en="The new head needs a national id first; add it to the member"
)
change_head_first = problem(
    409, "change_head_first", zh="此人是户主，户内还有其他人：请先变更户主", en="This person is the head of others: change the head first"
)
region_ended = problem(
    410,
    "region_ended",
    zh="{code}（{name}）不再是有效的区划代码，现为 {zh_successors}",
    en="{code} ({name}) is no longer a division code; its area is now in {en_successors}",
)
refused_rows = problem(
    422, "refused_rows", zh="有 {count} 行不能导入，未作任何改动", en="{count} rows cannot be imported, nothing was changed"
)
fresh_sign_in_needed = problem(
    403,
    "fresh_sign_in_needed",
    zh="请重新登录后十分钟内再操作，以确认是您本人",
    en="Sign in again and do this within ten minutes, so that it is certainly you",
)
in_office = problem(
    409,
    "in_office",
    zh="您还担任管理员、审计员或帮扶责任人，请先卸任",
    en="You still are an administrator, an auditor or a helper; that has to end first",
)
matches_under_way = problem(
    409,
    "matches_under_way",
    zh="还有进行中的捐助对接，结束并过了争议期后才能注销和删除",
    en="Matches are under way; erasure is possible when they have ended and the time for a dispute is over",
)
