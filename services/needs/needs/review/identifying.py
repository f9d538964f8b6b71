"""Parts of a text that identify a person: telephones, numbers of documents, accounts, names and addresses. Pure functions."""

import re
import unicodedata
from collections.abc import Iterator

LABELS = {
    "id_number": ("身份证号", "a national id"),
    "phone": ("电话号码", "a telephone number"),
    "digits": ("长串号码", "a long number"),
    "contact": ("微信、QQ 或邮箱", "a messenger account or e-mail address"),
    "name": ("姓名或称呼", "a name"),
    "address": ("门牌或村组", "a house number or village group"),
}
"""The kinds of what identifies, in Chinese and English."""

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付"
    "傅白邹孟熊秦邱江尹薛闫段雷侯龙陶黎贺毛郝龚邵万钱严覃武戴莫孔汤温康施牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳"
    "甘包宁尚符舒阮纪梅童凌毕季裴霍涂苗谷盛曲翁冉骆蓝路游辛靳欧柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳穆司卓古吉缪简项芦麦褚娄窦戚岑"
    "景党宫费卜冷晏席卫米柏宗瞿桂全佟臧闵苟邬边卞姬师仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩佘池查麻苑迟邝"
)
_DOUBLE = "欧阳|司马|上官|诸葛|夏侯|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|司空|长孙|宇文|端木|阿依|阿卜|买买"
_OF_WORDS = "(?<![照看])顾|(?<!感)谢(?!谢)|(?<![责主])任|(?<!历)史|(?<![语作])文"
"""Surnames that end or begin frequent words: 照顾, 感谢, 责任, 历史, 语文."""
_SURNAME = f"(?:{_DOUBLE}|{_OF_WORDS}|[{_SURNAMES}])"
_HONORIFICS = (
    "先生|女士|小姐|同志|师傅|老师|医生|大爷|大娘|大妈|大叔|大婶|大伯|大哥|大姐|大嫂|老汉|老太|阿姨|阿婆|阿公|奶奶|爷爷|婆婆|公公|叔叔|伯伯|婶婶|伯母"
    "|嫂子|嫂|老人家|某某|书记|主任|村长|支书"
)
_HAN = r"[\u4e00-\u9fff·]"
_NUMERALS = "〇零一二三四五六七八九幺两"
_DIGIT = f"[0-9{_NUMERALS}]"
_COMMON = "王李张刘陈杨赵黄周吴徐孙胡朱郭何罗郑梁谢宋唐许邓冯韩曹曾彭蔡潘袁董余苏叶吕魏蒋杜沈姚卢姜崔钟谭"
_RELATIVES = "儿子|女儿|孙子|孙女|丈夫|妻子|老伴|父亲|母亲|爷爷|奶奶|孩子|长子|次子|长女|次女|弟弟|妹妹|哥哥|姐姐"
_END = r"(?:[\s,，、。;；(（]|$)"
_AGE = r"(?:男|女|[0-9]{1,3}\s*岁)"
_BETWEEN = r"[\s\-—–_.,，、()（）*]*"

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("id_number", rf"(?<![0-9])[1-8](?:{_BETWEEN}[0-9]){{16}}{_BETWEEN}[0-9xX](?![0-9])"),
        ("phone", rf"(?<![0-9])(?:\+?86{_BETWEEN})?1{_BETWEEN}[3-9](?:{_BETWEEN}[0-9]){{9}}(?![0-9])"),
        ("phone", r"(?<![0-9])0[1-9][0-9]{1,2}[\s\-—–_()（）]*[2-9][0-9]{6,7}(?![0-9])"),
        ("phone", rf"(?<![0-9])[1幺一]{_BETWEEN}[3-9三四五六七八九](?:{_BETWEEN}{_DIGIT}){{9}}(?![0-9])"),
        ("phone", rf"(?:电话|手机号码?|联系方式|致电|拨打|热线){_BETWEEN}[:：是为]?{_BETWEEN}{_DIGIT}{{3,}}"),
        ("digits", r"(?<![0-9])(?!(?:19|20)[0-9]{2}[\-.][0-9]{1,2}[\-.][0-9]{1,2}(?![0-9]))[0-9](?:[\s\-—–_]?[0-9]){6,}(?![0-9])"),
        ("contact", r"(?:微信|薇信|wechat|weixin|vx|qq|扣扣|抖音|快手)\s*(?:号|号码|id)?\s*[:：是为]?\s*[a-z0-9][a-z0-9_\-]{4,}"),
        ("contact", r"[a-z0-9._%+\-]+@[a-z0-9.\-]+\.[a-z]{2,}|https?://\S+|www\.\S+"),
        ("name", rf"(?:户主|姓名|我叫|名叫|叫做|申请人|联系人)\s*[:：是为叫]?\s*{_SURNAME}{_HAN}{{1,2}}(?={_HAN}?{_END})"),
        ("name", rf"本人\s*[:：是叫]?\s*[{_COMMON}](?!谢){_HAN}{{1,2}}(?={_HAN}?{_END})"),
        ("name", rf"(?:^|(?<=[\s,，、。;；:：!！(（\"“])){_SURNAME}{_HAN}{{1,2}}(?=[\s,，、(（]*{_AGE})"),
        ("name", rf"(?:^|(?<=[\s,，、。;；:：!！(（\"“]))[{_COMMON}]{_HAN}{{1,2}}(?=[\s,，、(（]*(?:现年|今年|年近))"),
        ("name", rf"(?:{_RELATIVES})[\s:：叫]*[{_COMMON}]{_HAN}{{1,2}}(?=[\s,，、。;；(（0-9]|今年|正在|现在|在读|患|因|$)"),
        ("name", rf"[老小][{_COMMON}](?=[家的一因患\s,，、。]|夫妇|$)"),
        ("name", rf"{_SURNAME}(?:姓)?(?:{_HONORIFICS})(?!粉|制品)"),
        ("name", r"[\u4e00-\u9fff]{1,10}·[\u4e00-\u9fff]{1,10}"),
        ("address", rf"(?:{_DIGIT}|十|百){{1,4}}\s*(?:号院|号楼|号房|门牌|单元|弄|栋)"),
        ("address", rf"(?<![月0-9{_NUMERALS}十百])(?:{_DIGIT}|十|百){{1,4}}\s*号(?!线|病|楼道|台风|文件|[0-9])(?=[\s,，。、;；]|$)"),
        ("address", rf"村\s*(?:第)?(?:{_DIGIT}|十){{1,3}}\s*(?:组|社|队)"),
    )
)
_NOT_NAMES = ("有老师", "万老师", "全老师", "党书记", "党主任", "党支书", "农医生", "关老师")
"""Words that only look like a surname with a title."""


def find_identifying(text: str) -> list[tuple[str, int, int]]:
    """Find what identifies a person: its kind, begin and end in the text. Wider digits and letters are read as plain ones."""
    plain = _flatten(text)
    # At one place the longest counts, and of equally long ones the first of the rules: a telephone is a long number too.
    found = sorted(_search(plain), key=lambda one: (one[1], -one[2]))
    kept: list[tuple[str, int, int]] = []
    for kind, begin, end in found:
        if not kept or begin >= kept[-1][2]:
            kept.append((kind, begin, end))
    return kept


def _search(plain: str) -> Iterator[tuple[str, int, int]]:
    for kind, pattern in _RULES:
        for match in pattern.finditer(plain):
            if match.group() not in _NOT_NAMES:
                yield kind, match.start(), match.end()


def _flatten(text: str) -> str:
    """Replace each character by its plain form where that is one character, so that places stay the same."""
    forms = ((one, unicodedata.normalize("NFKC", one)) for one in text)
    return "".join(plain if len(plain) == 1 else one for one, plain in forms)
