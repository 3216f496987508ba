/** Comments and white space before a statement. Comments within comments are not looked into: what is left is refused by the server. */
const BEFORE = /^(?:\s|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*/;
const WORDS = /^[A-Z]+(?:\s+[A-Z]+){0,3}/;

/** First words of statements that end a transaction, or begin another one. */
const ENDING: ReadonlySet<string> = new Set(["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"]);
const TO_SAVEPOINT = /^ROLLBACK (?:WORK |TRANSACTION )?TO\b/;

/** First words of statements whose effect outlasts the transaction, and what to do instead. */
const OUTLASTING: Readonly<Record<string, string>> = {
  SET: "Use SET LOCAL, which ends with the transaction.",
  RESET: "Use SET LOCAL … TO DEFAULT, which ends with the transaction.",
  LISTEN: "Listen on a connection of your own.",
  UNLISTEN: "Listen on a connection of your own.",
  PREPARE: "Pass the values with each call of tx.query instead.",
  DEALLOCATE: "The session is not this task's own.",
  DISCARD: "The session is not this task's own.",
  LOAD: "Load the library in session_preload_libraries.",
};
const WITHIN = /^SET (?:LOCAL|CONSTRAINTS|TRANSACTION)\b/;

/** Of COPY: rows go by a protocol of their own, in which nobody would answer. A file or a program on the server is its own affair. */
const BY_THE_CLIENT = /\b(?:FROM\s+STDIN|TO\s+STDOUT)\b/i;

/**
 * Why a task's function may not run a statement in its transaction, or can't; `null` if it may.
 *
 * Looks at the statement's first words, so it can't see what a function in the database does. That the transaction is still the same
 * one is checked before it is committed, and so is the session's state before others get it.
 */
export function statementProblem(text: string): string | null {
  const words = WORDS.exec(text.replace(BEFORE, "").slice(0, 200).toUpperCase())?.[0].replaceAll(/\s+/g, " ") ?? "";
  const [first = ""] = words.split(" ");
  if ((ENDING.has(first) && !TO_SAVEPOINT.test(words)) || words.startsWith("PREPARE TRANSACTION"))
    return `${first} would end the task's transaction, which commits when the task's function returns and is rolled back when it throws.`;
  if (WITHIN.test(words)) return null;
  if (first === "COPY" && BY_THE_CLIENT.test(text))
    return (
      "COPY from or to the client is not possible with tx.query. " +
      "Use INSERT … SELECT … FROM unnest($1::text[], …), or SELECT; or copy into a table of its own before this task, and move the rows in it."
    );
  const remedy = OUTLASTING[first];
  return remedy === undefined
    ? null
    : `${first} would outlast the task's transaction, for whoever has the session next. ${remedy}`;
}
