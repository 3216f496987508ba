/** The `code` of what was thrown, such as `ENOENT` or an SQLSTATE; empty if it has none. */
export function codeOf(thrown: unknown): string {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : "";
}
