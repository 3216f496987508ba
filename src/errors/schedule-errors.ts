import { WaymarkError } from "./waymark-error.ts";

/** There is no schedule of this id. */
export class ScheduleNotFoundError extends WaymarkError {
  override readonly name = "ScheduleNotFoundError";
  readonly code = "SCHEDULE_NOT_FOUND";
  readonly retryable = false;
  readonly scheduleId: string;

  constructor(scheduleId: string) {
    super(
      `There is no schedule "${scheduleId}". It is known from the first start of a worker that declares it, or from client.schedules.put; client.schedules.list() shows all.`,
    );
    this.scheduleId = scheduleId;
  }
}
