"""The items of the first release with their units, by which figures of different releases stay comparable."""

FIRST = {
    "food.rice": "kg", "food.flour": "kg", "food.oil": "l", "food.milk": "box", "food.formula": "tin", "clothing.coat": "piece",
    "clothing.shoes": "pair", "clothing.quilt": "piece", "household.bed": "piece", "household.stove": "piece", "household.fan": "piece",
    "household.desk": "piece", "household.phone": "piece", "medical.respirator": "piece", "medical.mask": "piece",
    "medical.clothmask": "piece", "medical.faceshield": "piece", "medical.printedshield": "piece", "medical.goggles": "piece",
    "medical.glasses": "piece", "medical.gloves": "piece", "medical.gown": "piece", "medical.coverall": "piece", "medical.bootie": "piece",
    "medical.cap": "piece", "medical.wipes": "piece", "medical.sanitizer": "piece", "medical.thermometer": "piece", "medical.papr": "piece",
    "medical.monitor": "piece", "medical.bodybag": "piece", "medical.wheelchair": "piece", "medical.crutch": "piece",
    "health.visit": "visit", "health.escort": "day", "education.tutoring": "hour", "education.schoolbag": "piece",
    "education.books": "piece", "education.fees": "fen", "farming.seedling": "piece", "farming.chick": "piece", "farming.piglet": "piece",
    "farming.fertiliser": "kg", "farming.training": "person", "employment.job": "person", "employment.training": "person",
    "industry.eggs": "kg", "industry.fruit": "kg", "industry.tea": "kg", "housing.repair": "day", "housing.tiles": "piece",
    "money.living": "fen", "money.treatment": "fen",
}  # fmt: skip
