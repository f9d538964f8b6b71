"""Labels of kinds of items, of catalogues that counties switch on, of specification fields and of rules for photos."""

KINDS = {
    "goods": ("物品", "goods"),
    "money": ("资金", "money"),
    "service": ("服务", "service"),
    "job": ("岗位", "job"),
    "purchase": ("采购", "purchase"),
    "training": ("培训", "training"),
}
SETS = {
    "pandemic": ("疫情防控物资", "pandemic supplies"),
    "disaster": ("应急救灾物资", "disaster relief supplies"),
}
PHOTO = {
    "none": ("不需要照片", "no photo"),
    "advised": ("建议附照片", "a photo is advised"),
    "needed": ("须附照片", "a photo is required"),
}
SPECIFICATION = {
    "size": ("尺码或尺寸", "size"),
    "model": ("型号", "model"),
    "standard": ("规格", "standard, such as the strength of glasses"),
    "dosage": ("用法用量", "dosage"),
    "species": ("品种", "species or variety"),
    "age": ("适用年龄", "age in years"),
    "power": ("功率", "power in watts"),
}
"""The fields that may describe an item. `NUMBERS` are whole numbers, the others texts."""
NUMBERS = {"age": (0, 120), "power": (1, 100_000)}
