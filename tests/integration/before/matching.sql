COPY accepted_needs (id, need_id) FROM STDIN
1	01a22c72-6d89-77a9-bc8f-576d189820d8
2	01a22c72-71d9-7075-8701-e72152e4fff1
\.
COPY appointments (id, user_id, region, version, ended_at) FROM STDIN
01a22c72-62f9-7671-b89b-7f1cbecdf1c0	01a22c72-62e5-74f9-b55d-0b8dab1c319e	5109	1	\N
01a22c72-6515-73e0-9d5c-25ae74ff779e	01a22c72-6407-765b-8d28-710c069b0ba7	510903001	1	\N
01a22c72-6542-754f-a1e3-e6762f8130de	01a22c72-6473-74f4-bcac-0d82e3a444fd	510903001001	1	\N
01a22c72-656d-7798-9a95-3b5c4826aafb	01a22c72-64de-7062-af25-81b7dd11fea5	510903	2	2026-11-30 12:33:44.368713+00
\.
COPY audit_report (single, completed_at, offended) FROM STDIN
t	2026-11-30 12:33:40.213183+00	{}
\.
COPY balance_changes (id, region, category, unit, needs, need_units, wanting, pledges, pledge_units) FROM STDIN
1	5109	food.rice	kg	0	0	0	1	5
2	510903001	food.rice	kg	1	5	1	0	0
3	510903001	food.rice	kg	-1	-5	-1	0	0
4	5109	food.rice	kg	0	0	0	-1	-5
5	5109	food.oil	l	0	0	0	1	5
6	510903001	food.oil	l	1	5	1	0	0
7	510903001	food.oil	l	-1	-5	-1	0	0
8	5109	food.oil	l	0	0	0	-1	-5
9	5109	food.flour	kg	0	0	0	1	5
10	510903001	food.flour	kg	1	5	1	0	0
11	510903001	food.flour	kg	-1	-5	-1	0	0
12	5109	food.flour	kg	0	0	0	-1	-5
\.
COPY categories (category, unit) FROM STDIN
food.rice	kg
food.oil	l
food.flour	kg
\.
COPY help_changes (id, need_id) FROM STDIN
1	01a22c72-6bde-74ae-987f-c150f6a55d29
2	01a22c72-6bde-74ae-987f-c150f6a55d29
3	01a22c72-6d89-77a9-bc8f-576d189820d8
4	01a22c72-6d89-77a9-bc8f-576d189820d8
5	01a22c72-6d89-77a9-bc8f-576d189820d8
6	01a22c72-71d9-7075-8701-e72152e4fff1
7	01a22c72-71d9-7075-8701-e72152e4fff1
8	01a22c72-71d9-7075-8701-e72152e4fff1
9	01a22c72-71d9-7075-8701-e72152e4fff1
\.
COPY matches (id, version, need_id, pledge_id, household_id, account_id, poster_id, pledger_id, region, category, unit, quantity, state, reasons, ended_because, barred, proposed_at, answer_by, answered_at, need_ended_because, need_ended_at, need_ended_version, closed_at, reminded_at, parts, score, lead, weights_version, weights_region, dispute, closed_by) FROM STDIN
01a22c72-6c7d-745a-ba1e-a23ddebfaeca	1	01a22c72-6bde-74ae-987f-c150f6a55d29	01a22c72-6b77-7208-87ee-311b7635e752	01a22c72-6826-763e-9ee6-47a1e0d85516	01a22c72-6818-70c3-b88f-2cae560ed62c	01a22c72-6473-74f4-bcac-0d82e3a444fd	01a22c72-6623-71aa-b7db-a28dfe410214	510903001001	food.rice	kg	5	proposed	[{"code": "same_item", "value": "food.rice"}, {"code": "covers_whole", "value": 5}, {"code": "urgency", "value": "normal"}, {"code": "waiting_days", "value": 0}, {"code": "within", "value": "city"}]	\N	f	2026-11-30 12:33:46.056693+00	2026-12-03 12:33:46.056693+00	\N	\N	\N	\N	\N	\N	{"fit": 51, "extra": 0, "share": 0, "urgency": 10000, "village": 3500, "waiting": 0, "distance": 200, "hardness": 270, "household": 500, "splitting": -4, "first_help": 1000, "reliability": 120}	15637	\N	1		\N	\N
01a22c72-6e36-74fe-8813-bbe43f027d4c	2	01a22c72-6d89-77a9-bc8f-576d189820d8	01a22c72-6d35-722f-a4b0-0cbaa0047ce8	01a22c72-6826-763e-9ee6-47a1e0d85516	01a22c72-6818-70c3-b88f-2cae560ed62c	01a22c72-6473-74f4-bcac-0d82e3a444fd	01a22c72-669c-710c-a5c5-97adc872393b	510903001001	food.oil	l	5	accepted	[{"code": "same_item", "value": "food.oil"}, {"code": "covers_whole", "value": 5}, {"code": "urgency", "value": "normal"}, {"code": "waiting_days", "value": 0}, {"code": "within", "value": "city"}]	\N	f	2026-11-30 12:33:46.507767+00	2026-12-03 12:33:46.507767+00	2026-11-30 12:33:46.809327+00	\N	\N	\N	\N	\N	{"fit": 51, "extra": 0, "share": 0, "urgency": 10000, "village": 3500, "waiting": 0, "distance": 200, "hardness": 270, "household": 500, "splitting": -4, "first_help": 1000, "reliability": 120}	15637	\N	1		\N	\N
01a22c72-72d3-718d-abba-ccd2b23406de	3	01a22c72-71d9-7075-8701-e72152e4fff1	01a22c72-7103-76e7-b204-220acc36c11e	01a22c72-6826-763e-9ee6-47a1e0d85516	01a22c72-6818-70c3-b88f-2cae560ed62c	01a22c72-6473-74f4-bcac-0d82e3a444fd	01a22c72-671b-75e2-905d-e41633bc610e	510903001001	food.flour	kg	5	sent	[{"code": "same_item", "value": "food.flour"}, {"code": "covers_whole", "value": 5}, {"code": "urgency", "value": "normal"}, {"code": "waiting_days", "value": 0}, {"code": "within", "value": "city"}]	\N	f	2026-11-30 12:33:47.668854+00	2026-12-03 12:33:47.668854+00	2026-11-30 12:33:47.976599+00	\N	\N	\N	\N	\N	{"fit": 51, "extra": 0, "share": 0, "urgency": 10000, "village": 3500, "waiting": 0, "distance": 200, "hardness": 270, "household": 500, "splitting": -4, "first_help": 1000, "reliability": 120}	15637	\N	1		\N	\N
\.
COPY movements (match_id, kind, quantity, version, at, by, slip_id, reason, carrier, tracking_number) FROM STDIN
01a22c72-6e36-74fe-8813-bbe43f027d4c	promised	5	2	2026-11-30 12:33:46.809337+00	01a22c72-669c-710c-a5c5-97adc872393b	\N	\N	\N	\N
01a22c72-72d3-718d-abba-ccd2b23406de	promised	5	2	2026-11-30 12:33:47.976608+00	01a22c72-671b-75e2-905d-e41633bc610e	\N	\N	\N	\N
01a22c72-72d3-718d-abba-ccd2b23406de	sent	5	3	2026-11-30 12:33:48.16611+00	01a22c72-671b-75e2-905d-e41633bc610e	\N	\N	in_person	\N
\.
COPY needs (id, version, household_id, account_id, poster_id, region, category, unit, urgency, quantity, rest, ended, posted_at, published_at, declined) FROM STDIN
01a22c72-6bde-74ae-987f-c150f6a55d29	2	01a22c72-6826-763e-9ee6-47a1e0d85516	01a22c72-6818-70c3-b88f-2cae560ed62c	01a22c72-6473-74f4-bcac-0d82e3a444fd	510903001001	food.rice	kg	1	5	0	f	2026-11-30 12:33:45.950485+00	2026-11-30 12:33:45.998998+00	f
01a22c72-6d89-77a9-bc8f-576d189820d8	2	01a22c72-6826-763e-9ee6-47a1e0d85516	01a22c72-6818-70c3-b88f-2cae560ed62c	01a22c72-6473-74f4-bcac-0d82e3a444fd	510903001001	food.oil	l	1	5	0	f	2026-11-30 12:33:46.377138+00	2026-11-30 12:33:46.409478+00	f
01a22c72-71d9-7075-8701-e72152e4fff1	2	01a22c72-6826-763e-9ee6-47a1e0d85516	01a22c72-6818-70c3-b88f-2cae560ed62c	01a22c72-6473-74f4-bcac-0d82e3a444fd	510903001001	food.flour	kg	1	5	0	f	2026-11-30 12:33:47.481168+00	2026-11-30 12:33:47.537752+00	f
\.
COPY outbox (id, name, teller, subject, version, recorded_at, traceparent, body, queue) FROM STDIN
01a22c72-6c87-7768-820d-5519d40d8c2f	match_proposed	matching	01a22c72-6c7d-745a-ba1e-a23ddebfaeca	1	2026-11-30 12:33:46.119786+00	00-9849cf791595e8cafa90359803c78e6d-97945a8477875cef-01	{"version":1,"match_id":"01a22c72-6c7d-745a-ba1e-a23ddebfaeca","need_id":"01a22c72-6bde-74ae-987f-c150f6a55d29","pledge_id":"01a22c72-6b77-7208-87ee-311b7635e752","household_id":"01a22c72-6826-763e-9ee6-47a1e0d85516","account_id":"01a22c72-6818-70c3-b88f-2cae560ed62c","poster_id":"01a22c72-6473-74f4-bcac-0d82e3a444fd","pledger_id":"01a22c72-6623-71aa-b7db-a28dfe410214","region":"510903001001","category":"food.rice","unit":"kg","quantity":5,"reasons":[{"code":"same_item","value":"food.rice"},{"code":"covers_whole","value":5},{"code":"urgency","value":"normal"},{"code":"waiting_days","value":0},{"code":"within","value":"city"}],"proposed_at":"2026-11-30T12:33:46.056693Z","answer_by":"2026-12-03T12:33:46.056693Z"}	
01a22c72-6e37-730a-b34f-9361889672e1	match_proposed	matching	01a22c72-6e36-74fe-8813-bbe43f027d4c	1	2026-11-30 12:33:46.551151+00	00-f3ab7dd2c93f4a41b2c1fbfbdc9cf2c1-5b313e060b0e60d4-01	{"version":1,"match_id":"01a22c72-6e36-74fe-8813-bbe43f027d4c","need_id":"01a22c72-6d89-77a9-bc8f-576d189820d8","pledge_id":"01a22c72-6d35-722f-a4b0-0cbaa0047ce8","household_id":"01a22c72-6826-763e-9ee6-47a1e0d85516","account_id":"01a22c72-6818-70c3-b88f-2cae560ed62c","poster_id":"01a22c72-6473-74f4-bcac-0d82e3a444fd","pledger_id":"01a22c72-669c-710c-a5c5-97adc872393b","region":"510903001001","category":"food.oil","unit":"l","quantity":5,"reasons":[{"code":"same_item","value":"food.oil"},{"code":"covers_whole","value":5},{"code":"urgency","value":"normal"},{"code":"waiting_days","value":0},{"code":"within","value":"city"}],"proposed_at":"2026-11-30T12:33:46.507767Z","answer_by":"2026-12-03T12:33:46.507767Z"}	
01a22c72-6f94-7329-9620-f2b6fbf9faf8	match_accepted	matching	01a22c72-6e36-74fe-8813-bbe43f027d4c	2	2026-11-30 12:33:46.900102+00	00-4cd7be5587c2cadfa84ea3e64d012fa3-717324f159a017b0-01	{"version":2,"match_id":"01a22c72-6e36-74fe-8813-bbe43f027d4c","need_id":"01a22c72-6d89-77a9-bc8f-576d189820d8","pledge_id":"01a22c72-6d35-722f-a4b0-0cbaa0047ce8","household_id":"01a22c72-6826-763e-9ee6-47a1e0d85516","account_id":"01a22c72-6818-70c3-b88f-2cae560ed62c","poster_id":"01a22c72-6473-74f4-bcac-0d82e3a444fd","pledger_id":"01a22c72-669c-710c-a5c5-97adc872393b","region":"510903001001","category":"food.oil","unit":"l","quantity":5,"chosen":"proposal","accepted_at":"2026-11-30T12:33:46.809337Z"}	
01a22c72-72db-7423-851c-9c5e06aa95a4	match_proposed	matching	01a22c72-72d3-718d-abba-ccd2b23406de	1	2026-11-30 12:33:47.739946+00	00-6dbec866b65973b8c5179fc49045bb74-bca5b2a11782035c-01	{"version":1,"match_id":"01a22c72-72d3-718d-abba-ccd2b23406de","need_id":"01a22c72-71d9-7075-8701-e72152e4fff1","pledge_id":"01a22c72-7103-76e7-b204-220acc36c11e","household_id":"01a22c72-6826-763e-9ee6-47a1e0d85516","account_id":"01a22c72-6818-70c3-b88f-2cae560ed62c","poster_id":"01a22c72-6473-74f4-bcac-0d82e3a444fd","pledger_id":"01a22c72-671b-75e2-905d-e41633bc610e","region":"510903001001","category":"food.flour","unit":"kg","quantity":5,"reasons":[{"code":"same_item","value":"food.flour"},{"code":"covers_whole","value":5},{"code":"urgency","value":"normal"},{"code":"waiting_days","value":0},{"code":"within","value":"city"}],"proposed_at":"2026-11-30T12:33:47.668854Z","answer_by":"2026-12-03T12:33:47.668854Z"}	
01a22c72-73e0-7034-9a2a-4e348ed7a7af	match_accepted	matching	01a22c72-72d3-718d-abba-ccd2b23406de	2	2026-11-30 12:33:48.000896+00	00-4020afc9305849d851110d2f8fcc1d0e-3723915f908f2ef1-01	{"version":2,"match_id":"01a22c72-72d3-718d-abba-ccd2b23406de","need_id":"01a22c72-71d9-7075-8701-e72152e4fff1","pledge_id":"01a22c72-7103-76e7-b204-220acc36c11e","household_id":"01a22c72-6826-763e-9ee6-47a1e0d85516","account_id":"01a22c72-6818-70c3-b88f-2cae560ed62c","poster_id":"01a22c72-6473-74f4-bcac-0d82e3a444fd","pledger_id":"01a22c72-671b-75e2-905d-e41633bc610e","region":"510903001001","category":"food.flour","unit":"kg","quantity":5,"chosen":"proposal","accepted_at":"2026-11-30T12:33:47.976608Z"}	
01a22c72-749b-73d4-911a-4e194b9b0404	match_sent	matching	01a22c72-72d3-718d-abba-ccd2b23406de	3	2026-11-30 12:33:48.187109+00	00-e6e47fc9196f550b342dcfac0ecc4ef3-8555265a5ecd03a4-01	{"version":3,"match_id":"01a22c72-72d3-718d-abba-ccd2b23406de","need_id":"01a22c72-71d9-7075-8701-e72152e4fff1","pledge_id":"01a22c72-7103-76e7-b204-220acc36c11e","household_id":"01a22c72-6826-763e-9ee6-47a1e0d85516","account_id":"01a22c72-6818-70c3-b88f-2cae560ed62c","poster_id":"01a22c72-6473-74f4-bcac-0d82e3a444fd","pledger_id":"01a22c72-671b-75e2-905d-e41633bc610e","region":"510903001001","category":"food.flour","unit":"kg","quantity":5,"sent":5,"sent_at":"2026-11-30T12:33:48.166110Z"}	
\.
COPY pledges (id, version, pledger_id, category, unit, scope, quantity, rest, ended, valid_until, offered_at, releases, released_at, expired, reliability, paused, not_for) FROM STDIN
01a22c72-6b77-7208-87ee-311b7635e752	1	01a22c72-6623-71aa-b7db-a28dfe410214	food.rice	kg	5109	5	0	f	2027-01-29 12:33:45.76793+00	2026-11-30 12:33:45.847391+00	0	\N	f	3	f	{}
01a22c72-6d35-722f-a4b0-0cbaa0047ce8	1	01a22c72-669c-710c-a5c5-97adc872393b	food.oil	l	5109	5	0	f	2027-01-29 12:33:45.76793+00	2026-11-30 12:33:46.293835+00	0	\N	f	3	f	{}
01a22c72-7103-76e7-b204-220acc36c11e	1	01a22c72-671b-75e2-905d-e41633bc610e	food.flour	kg	5109	5	0	f	2027-01-29 12:33:45.76793+00	2026-11-30 12:33:47.267084+00	0	\N	f	3	f	{}
\.
