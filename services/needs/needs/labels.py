"""Labels of needs and pledges in Chinese and English."""

URGENCY = {"normal": ("一般", "normal"), "urgent": ("紧急", "urgent"), "critical": ("特急", "critical")}
