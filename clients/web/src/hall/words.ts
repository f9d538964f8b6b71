import { defineWords } from "../shared/words.ts";

export const words = defineWords(
  { title: "需求大厅", found: "共 {count} 项需求", no_needs: "没有符合条件的需求", urgent: "紧急", critical: "特急", normal: "一般" },
  { title: "What people need", found: "{count} needs", no_needs: "No need fits", urgent: "urgent", critical: "critical", normal: "normal" },
);
