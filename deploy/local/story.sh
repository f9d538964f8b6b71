again() { local i said; for i in {1..300}; do said=$("$@" 2>/dev/null) && { echo "$said"; return; }; sleep 0.2; done; echo "$said"; return 1; }
pick() { python3 -c 'import json,sys; a=json.load(sys.stdin); "title" in a and "status" in a and sys.exit(str(a)); print(a'"$1"')'; }
get() { curl -sS --fail-with-body "$O/v1/$1" ${2:+-H "Authorization: Bearer $2"}; }
post() { curl -sS --fail-with-body "$O/v1/$1" ${2:+-H "Authorization: Bearer $2"} -H 'Content-Type: application/json' -d "$3"; }
# 1 · 村、镇管理员凭短信验证码登录（短信见 /sandbox/telephones），镇里再输入动态验证码 · village and township sign in by SMS, the latter by TOTP too
code() { curl -sS "$O/sandbox/telephones.json?phone=$1&about=$2" | pick '["items"][0]["code"]'; }
sign_in() { local a=$(post sessions/codes '' '{"phone":"'$1'"}' | pick '["id"]'); post sessions/codes/$a/proof '' '{"code":"'$(again code $1 $a)'"}' | pick '["access_token"]'; }
totp() { python3 -c 'import base64,hmac,struct,time; d=hmac.digest(base64.b32decode("'$1'"),struct.pack(">Q",int(time.time())//30),"sha1"); print("%06d" % ((struct.unpack(">I",d[(o:=d[-1]&15):o+4])[0]&0x7fffffff)%10**6))'; }
second() { post sessions/second-factor $TOWN '{"code":"'$(totp $SECRET)'"}' | pick '["access_token"]'; }  # 每个动态码只能用一次 · a code counts once
VILLAGE=$(sign_in 13900000005); TOWN=$(sign_in 13900000004); TOWN=$(second || { sleep 30; second; })
# 2 · 试读村小的需求表：哪些行能用、哪些要人工确认、哪些不能收 · a dry run of the school's list: what is ready, held, refused, and why
SCHOOL=$(get institutions $VILLAGE | pick '["items"][0]["id"]')
shown() { python3 -c 'import json,sys; [print(one["row"], one["outcome"], one["item"], one["quantity"], *one["candidates"][:2], *[note["message"] for note in one["notes"]]) for one in json.load(sys.stdin)["lines"]]'; }
curl -sS --fail-with-body "$O/v1/need-lists/reading?household_id=$SCHOOL" -H "Authorization: Bearer $VILLAGE" -H 'Content-Type: text/csv' --data-binary "@$D/needs.csv" | shown
# 3 · 核实后改好、导入：电暖炉是 3 台电暖器，跑步机不收 · corrected and imported: three heaters, six coats, no treadmill
LIST=$(post need-lists $VILLAGE '{"household_id":"'$SCHOOL'","reason":"村小过冬物资不足","lines":[{"row":3,"item":"电暖炉","category":"household.heater","quantity":3,"urgency":"urgent"},{"row":4,"category":"clothing.coat","quantity":6}]}')
HEATERS=$(pick '["lines"][0]["need_id"]' <<<"$LIST"); COATS=$(pick '["lines"][1]["need_id"]' <<<"$LIST")
# 4 · 镇里审核，写上公开的说明 · the township verifies, with a story that everybody may read
post needs/decisions $TOWN '{"decisions":[{"need_id":"'$HEATERS'","act":"verify","story":"村小两间教室没有取暖，孩子们写字手都冻僵。"},{"need_id":"'$COATS'","act":"verify","story":"六名住校的孩子缺过冬的棉衣。"}]}' | pick '["results"]'
# 5 · 帮扶方在需求大厅搜到，先占住，一次提交意向并认领 · a giver finds it in the hall, holds it, pledges and claims in one call
hall() { curl -sSG $O/v1/needs -d region=510921 -d open=true --data-urlencode q=教室 | pick '["items"][0]["id"]'; }
GIVER=$(sign_in 13700000001); NEED=$(again hall)
again post holds $GIVER '{"need_id":"'$NEED'","quantity":3}' | pick '["expires_at"]'
post pledges $GIVER '{"category":"household.heater","unit":"piece","quantity":3,"region":"510921","valid_until":"'$(date -d +30days -Iseconds)'","claims":"'$NEED'"}' | pick '["claim_state"]'
claimed() { get "claims?need_id=$NEED" $GIVER | pick '["items"][0]["id"]'; }; MATCH=$(again claimed)
# 6 · 棉衣由系统对接，商家接受 · the coats are matched by the system, and the merchant accepts
proposed() { get "matches?state=proposed&need_id=$COATS" $MERCHANT | pick '["items"][0]["id"]'; }
MERCHANT=$(sign_in 13700000015); PROPOSAL=$(again proposed); post matches/$PROPOSAL/acceptance $MERCHANT '{}' | pick '["state"]'
# 7 · 收货点、联系人和面单；寄出 · where it goes, whom to call, the label; sent
again get handovers/$MATCH $GIVER | pick '["village_contact"]'; again get matches/$MATCH/label $GIVER | pick '["text"]'
post matches/$MATCH/sending $GIVER '{"carrier":"sf","tracking_number":"SF1234567890"}' | pick '["state"]'
# 8 · 凭打印的交接单收货，不用账号 · the printed slip takes it in, without an account
post matches/$MATCH/slip $VILLAGE '{}' >"$D/slip.pdf"; TOKEN=$(grep -aoP '/URI ?\(.*?#\K[^)]+' "$D/slip.pdf")
post slips '' '{"token":"'$TOKEN'"}' | pick '["state"]'
# 9 · 感谢，镇里看过后转给帮扶方 · thanks, released by the township, read by the giver
THANKS=$(post matches/$MATCH/thanks $VILLAGE '{"text":"教室暖和了，孩子们谢谢您。"}' | pick '["id"]'); post thanks/$THANKS/release $TOWN '{}' | pick '["state"]'; get thanks $GIVER | pick '["items"][0]["text"]'
# 10 · 办结，联系方式不再显示 · closed: contact and place are shown no more
shut() { [ "$(curl -s -o /dev/null -w '%{http_code}' $O/v1/handovers/$MATCH -H "Authorization: Bearer $GIVER")" = 404 ]; }
post matches/$MATCH/closing $VILLAGE '{}' | pick '["ended_because"]'; again shut && echo '404 · 收货点和联系人不再显示 · the door is shut'
