"""Problems of endpoints."""

from chassis.problems import problem

too_many_endpoints = problem(
    409,
    "too_many_endpoints",
    zh="最多可登记 {most} 个推送地址，请先删除不用的",
    en="You may register {most} endpoints at most. Remove one that you no longer need.",
)
too_many_tests = problem(
    429, "too_many_tests", zh="今天的测试次数已用完，请明天再试", en="No more tests are left for today. Try again tomorrow."
)
wrong_proof = problem(
    422,
    "wrong_proof",
    zh="验证码不正确或已过期，请核对，或重新发送测试消息",
    en="This code is not right, or its time is over. Check it, or send another test.",
)
