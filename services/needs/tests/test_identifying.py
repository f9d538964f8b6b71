"""Public stories hold nothing that identifies somebody, and ordinary words pass."""

import pytest

from needs.review.identifying import find_identifying
from needs.review.rules import find_story_problem

IDENTIFYING = {
    "phone": [
        "请联系13812345678", "电话１３８ 1234 5678", "138-1234-5678", "138*1234*5678", "0825-2223456", "一三八一二三四五六七八",
        "1三8一二三四5六七八", "电话 22234",
    ],
    "id_number": ["身份证510903196001011234", "51090319600101123X", "510903 19600101 1234"],
    "digits": ["卡号6222 0212 3456 7890 123", "号码1234567"],
    "contact": ["微信 abc12345", "加微信号：wxid_888", "QQ 1234567", "写信到 li@example.org"],
    "name": [
        "王大爷瘫痪在床", "李奶奶独自带孙子", "户主王秀英", "户主：王秀英，无劳动力", "本人张三，家住山上", "我叫李小明，今年十岁",
        "王秀英，72岁", "张伟 男 45岁", "阿依古丽·买买提家", "欧阳先生", "儿子王强，读高三", "老王家",
    ],
    "address": ["云峰村三组", "云峰村12组", "幸福路18号，", "3号楼"],
}  # fmt: skip
ORDINARY = [
    "家中断粮，老人行动不便", "两个孩子缺过冬的棉衣", "房屋漏雨，需要瓦片400片", "孩子上小学三年级，需要书包文具2套",
    "丈夫2019年因病去世，妻子一人带3个孩子", "奶奶独自抚养孙子，收入每月500元", "老人今年72岁，腿脚不便", "医疗费20000元",
    "孩子读五年级，成绩优秀", "向老师请教过种植技术", "由村医陪同到县医院就诊", "2024-12-30发生火灾", "智能手机500元", "本人高位截瘫",
    "户主因病去世", "妻子患病多年", "小包装", "平时照顾奶奶和妹妹", "感谢爷爷的养育", "连奶奶也病倒了", "语文老师和历史老师家访",
    "责任医生每月随访", "需要牛奶奶粉各两箱", "本人谢谢大家，", "本人康复后，", "房屋今年漏雨", "全家今年返贫", "3月1号，孩子开学",
    "12月15号，下大雪", "户主车祸去世，", "户主单身，",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "written"), [(kind, written) for kind, texts in IDENTIFYING.items() for written in texts])
def test_text_that_identifies_is_found(kind: str, written: str) -> None:
    assert kind in {found for found, _, _ in find_identifying(written)}
    problem = find_story_problem(f"家里困难。{written}")
    assert problem is not None
    assert problem.code == "story_identifies"


@pytest.mark.parametrize("written", ORDINARY)
def test_ordinary_story_passes(written: str) -> None:
    assert find_identifying(written) == []


def test_places_are_those_of_the_text_as_written() -> None:
    written = "家里困难，电话：１３８１２３４５６７８，谢谢"
    assert [(kind, written[begin:end]) for kind, begin, end in find_identifying(written)] == [("phone", "电话：１３８１２３４５６７８")]
    assert find_story_problem(None) is None
