import { InvalidArgumentError } from "./errors/argument-errors.ts";

/** Structured log sink; pino's argument order, so that a pino logger fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger that adds `fields` to every line. Optional; Waymark adds them itself otherwise. */
  child?(fields: object): Logger;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** `logger` with `fields` on every line. */
export function withFields(logger: Logger, fields: object): Logger {
  if (logger === silentLogger) return logger;
  if (logger.child !== undefined) return logger.child(fields);
  return addingFields(logger, fields);
}

function addingFields(logger: Logger, fields: object): Logger {
  return {
    debug: (more, message) => logger.debug({ ...fields, ...more }, message),
    info: (more, message) => logger.info({ ...fields, ...more }, message),
    warn: (more, message) => logger.warn({ ...fields, ...more }, message),
    error: (more, message) => logger.error({ ...fields, ...more }, message),
  };
}

/**
 * @returns the logger, unable to harm whoever logs
 * @throws {InvalidArgumentError} it isn't one
 */
export function parseLogger(logger: Logger, field: string): Logger {
  if (typeof logger !== "object" || logger === null) throw new InvalidArgumentError(field, "must be a logger.");
  for (const level of ["debug", "info", "warn", "error"] as const) {
    if (typeof logger[level] !== "function") throw new InvalidArgumentError(`${field}.${level}`, "must be a function.");
  }
  return guardedLogger(logger);
}

/** A logger whose failures can't harm whoever logs. */
export function guardedLogger(logger: Logger): Logger {
  const guarded =
    (level: "debug" | "info" | "warn" | "error") =>
    (fields: object, message: string): void => {
      try {
        logger[level](fields, message);
      } catch {
        // A line that can't be written must not fail a flow.
      }
    };
  return {
    debug: guarded("debug"),
    info: guarded("info"),
    warn: guarded("warn"),
    error: guarded("error"),
    child: (fields) => {
      try {
        return guardedLogger(withFields(logger, fields));
      } catch {
        return guardedLogger(addingFields(logger, fields));
      }
    },
  };
}
