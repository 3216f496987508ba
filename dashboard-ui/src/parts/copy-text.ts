import { tell } from "../shell/notices.ts";

/** Puts a text on the clipboard, where the browser allows it: not on pages that are neither local nor served by HTTPS. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied.");
  } catch {
    tell("The browser does not allow this page to copy.", { isProblem: true });
  }
}
