/** An expense that a person has to approve: who doesn't answer is reminded once, then somebody else decides. */
import { branch, type Duration, type Flow, flow } from "waymark";

export interface Expense {
  readonly id: string;
  readonly cents: number;
  readonly approver: string;
  readonly manager: string;
}

export interface Answer {
  readonly by: string;
  readonly approved: boolean;
}

export type Tell = (who: string, message: string) => Promise<void>;

/** @param patience - how long each of them has */
export function expenseFlow(tell: Tell, patience: Duration): Flow<Expense, string> {
  return flow<Expense>("expense")
    .then("ask", async (expense, { instanceId }) => {
      await tell(expense.approver, `Please decide on ${instanceId}.`);
      return expense;
    })
    .race("decision", [
      branch("answered", (b) => b.waitForEvent<Answer, "answer">("answer", "answered")),
      branch("escalated", (b) =>
        b
          .delay("patience", patience)
          .then("remind", async (expense: Expense) => {
            await tell(expense.approver, "You have been asked to decide.");
            return expense;
          })
          .delay("more-patience", patience)
          .then("escalate", async (expense) => {
            await tell(expense.manager, `${expense.approver} doesn't answer. Please decide.`);
            return expense;
          })
          .waitForEvent<Answer, "manager-answer", Answer>("manager-answer", "decided", {
            timeout: patience,
            // Nobody has time for it: small amounts are let pass.
            onTimeout: (late) => late.then("by-rule", (expense) => ({ by: "rule", approved: expense.cents < 10_000 })),
          }),
      ),
    ])
    .then("record", ({ branch: way, output }) => `${output.approved ? "approved" : "refused"} by ${output.by} (${way})`)
    .build();
}
