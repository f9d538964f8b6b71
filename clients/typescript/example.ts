/** Posts a need on behalf of a household and waits until somebody is asked to help: `node example.ts <address> <phone> <password>`. */
import { connect, must, Refused, type MatchOut, type NeedIn } from "./client.ts";

declare const process: { argv: string[]; exitCode?: number };
const [baseUrl = "http://127.0.0.1:8000", phone = "", password = ""] = process.argv.slice(2);
const duijie = connect({ baseUrl, language: "en" });

async function post(): Promise<string> {
  const households = await must(duijie.GET("/v1/households", { params: { query: { limit: 1 } } }));
  const household = households.items[0];
  if (!household) throw new Error("no household is registered where you may act");
  const need: NeedIn = { household_id: household.id, consent: "slip", category: "clothing.coat", quantity: 2, urgency: "urgent", reason: "两个孩子缺过冬的棉衣" };
  return (await must(duijie.POST("/v1/needs", { body: need }))).id;
}

async function matched(need: string, seconds: number): Promise<MatchOut | undefined> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((resume) => setTimeout(resume, 500))) {
    const { items } = await must(duijie.GET("/v1/matches", { params: { query: { limit: 100 } } }));
    const found = items.find((match) => match.need_id === need);
    if (found) return found;
  }
  return undefined;
}

try {
  await duijie.signIn({ phone, password });
  const need = await post();
  console.log("posted", need);
  const match = await matched(need, 60);
  console.log(match ? `matched: ${match.quantity} ${match.unit}, ${match.state}` : "not matched yet: it has to be verified, and somebody has to pledge");
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(error.problem.code, error.message, error.problem.errors ?? "");
  process.exitCode = 1;
}
