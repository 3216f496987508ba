import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { RequestRefused } from "./problems.ts";
import type { Route } from "./route.ts";

interface Branch {
  readonly literals: Map<string, Branch>;
  /** Where anything may stand, and what it is called. */
  any: { readonly name: string; readonly branch: Branch } | null;
  readonly routes: Map<string, Route>;
}

/** A route, and what stands for `{…}` in its path. */
export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the route of a request. */
export class Router {
  readonly #root: Branch = newBranch();

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
  }

  /**
   * @param path - below the root of the API, still percent-encoded
   * @throws {RequestRefused} there is no such path, or not by this method
   * @throws {InvalidArgumentError} it is not percent-encoded in order
   */
  find(method: string, path: string): Match {
    const params: Record<string, string> = {};
    let branch = this.#root;
    for (const part of path.split("/").slice(1)) {
      const literal = branch.literals.get(part);
      if (literal !== undefined) branch = literal;
      else if (branch.any !== null && part !== "") {
        params[branch.any.name] = decoded(part);
        ({ branch } = branch.any);
      } else throw new RequestRefused("NOT_FOUND", "There is nothing under this path. See openapi.json for all paths.");
    }
    const route = branch.routes.get(method === "HEAD" ? "GET" : method);
    if (route !== undefined) return { route, params };
    const allow = [...branch.routes.keys()].join(", ");
    if (allow === "")
      throw new RequestRefused("NOT_FOUND", "There is nothing under this path. See openapi.json for all paths.");
    throw new RequestRefused("METHOD_NOT_ALLOWED", `Here it has to be ${allow}.`, { headers: { allow } });
  }

  #add(route: Route): void {
    let branch = this.#root;
    for (const part of route.path.split("/").slice(1)) {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined) {
        const next = branch.literals.get(part) ?? newBranch();
        branch.literals.set(part, next);
        branch = next;
      } else {
        branch.any ??= { name, branch: newBranch() };
        ({ branch } = branch.any);
      }
    }
    if (branch.routes.has(route.method)) throw new TypeError(`${route.method} ${route.path} is there twice.`);
    branch.routes.set(route.method, route);
  }
}

function newBranch(): Branch {
  return { literals: new Map(), any: null, routes: new Map() };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new InvalidArgumentError("path", "is not percent-encoded in order.");
  }
}
