export {
  type OpenTelemetryApi,
  type OpenTelemetryOptions,
  openTelemetry,
} from "./open-telemetry.ts";
