/** An agent that thinks and uses tools in turn, until it has an answer. Each thought and each use of a tool is paid for once. */
import { type Flow, flow, LoopResult } from "waymark";

export type Thought =
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "tools"; readonly calls: readonly ToolCall[] };

export interface ToolCall {
  readonly tool: string;
  readonly argument: string;
}

export interface Talk {
  readonly question: string;
  readonly notes: readonly string[];
}

export interface Model {
  think(talk: Talk): Promise<Thought>;
}

export type Tools = Readonly<Record<string, (argument: string) => Promise<string>>>;

export function agentFlow(model: Model, tools: Tools): Flow<string, string> {
  return flow<string>("agent")
    .then("begin", (question): Talk => ({ question, notes: [] }))
    .loop(
      "turn",
      async (talk: Talk, context) => {
        // A step's result is kept: when a tool fails and the turn is tried again, what went well is not paid for twice.
        const thought = await context.step("think", () => model.think(talk));
        if (thought.kind === "answer") return LoopResult.done(thought.text);
        const notes: string[] = [];
        for (const [index, { tool, argument }] of thought.calls.entries()) {
          const use = tools[tool];
          notes.push(await context.step(`use-${index}`, () => use?.(argument) ?? `There is no tool ${tool}.`));
        }
        return LoopResult.again({ ...talk, notes: [...talk.notes, ...notes] });
      },
      { maxIterations: 20, retries: 3 },
    )
    .build();
}
