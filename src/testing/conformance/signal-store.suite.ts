import { checkAndCancelTests, checkAndPauseTests, unpauseTests } from "./apply-signal.suite.ts";
import { undoRequestTests } from "./ending.suite.ts";
import { consumeEventTests, dedupTests, deliveryTests, sendEventTests } from "./events.suite.ts";
import { clearSignalTests, getSignalTests, storeSignalRefusalTests, storeSignalTests } from "./store-signal.suite.ts";
import type { ConformanceSuite } from "./suite.ts";

export const signalStoreSuite: ConformanceSuite = {
  name: "SignalStore",
  methods: {
    storeSignal: storeSignalTests,
    "storeSignal, refused": storeSignalRefusalTests,
    "storeSignal, asking for undoing": undoRequestTests,
    getSignal: getSignalTests,
    clearSignal: clearSignalTests,
    sendEvent: sendEventTests,
    "sendEvent, with a dedup key": dedupTests,
    "sendEvent, to who waits": deliveryTests,
    consumeEvent: consumeEventTests,
    checkAndCancel: checkAndCancelTests,
    checkAndPause: checkAndPauseTests,
    unpause: unpauseTests,
  },
};
