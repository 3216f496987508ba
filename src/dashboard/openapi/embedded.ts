// Generated from src/dashboard/api-*.ts by scripts/embed-api-schemas.ts. Do not edit.
import type { JsonSchema } from "./json-schema.ts";

/** The types of the HTTP API, as JSON Schemas, by name. */
export const API_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
 "ActionName": {
  "type": "string",
  "enum": [
   "submit",
   "cancel",
   "terminate",
   "pause",
   "unpause",
   "retry",
   "fork",
   "sendEvent",
   "completeTask",
   "extendDeadline",
   "update",
   "delete",
   "bulk",
   "changeLimits",
   "pauseFlow",
   "runSchedules",
   "changeSchedules",
   "changeRetention",
   "prune"
  ],
  "description": "Everything that a request can do beyond reading."
 },
 "ActionResult": {
  "type": "object",
  "properties": {
   "outcome": {
    "type": "string",
    "enum": [
     "applied",
     "requested",
     "unchanged"
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "outcome"
  ],
  "description": "Answer of an action: \"requested\" takes effect when whoever runs it comes to a stop."
 },
 "Allowance": {
  "type": "object",
  "properties": {
   "concurrency": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "rate": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "count": {
        "type": "number"
       },
       "perMs": {
        "type": "number"
       },
       "burst": {
        "type": "number"
       }
      },
      "additionalProperties": false,
      "required": [
       "count",
       "perMs",
       "burst"
      ]
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "concurrency",
   "rate"
  ],
  "description": "What a limit allows; `null`: any number."
 },
 "ApiErrorCode": {
  "type": "string",
  "enum": [
   "UNAUTHENTICATED",
   "FORBIDDEN",
   "READ_ONLY",
   "HOST_REFUSED",
   "ORIGIN_REFUSED",
   "HEADER_MISSING",
   "NOT_FOUND",
   "METHOD_NOT_ALLOWED",
   "UNSUPPORTED_MEDIA_TYPE",
   "BODY_TOO_LARGE",
   "TOO_MANY_REQUESTS",
   "FLOW_UNKNOWN",
   "HANDLER_FAILED",
   "CLOSED",
   "INTERNAL"
  ],
  "description": "Every code that `ApiProblem` can carry besides those of docs/errors.md."
 },
 "ApiProblem": {
  "type": "object",
  "properties": {
   "type": {
    "type": "string",
    "description": "`urn:waymark:error:` and the code."
   },
   "title": {
    "type": "string",
    "description": "A few words for the code."
   },
   "status": {
    "type": "number"
   },
   "code": {
    "type": "string",
    "description": "Of the API, or of docs/errors.md."
   },
   "detail": {
    "type": "string",
    "description": "What happened, and what to do: a sentence for people. Never a stack trace or SQL."
   },
   "field": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "The parameter or property that is not acceptable; `null` where it isn't one."
   },
   "retryable": {
    "type": "boolean",
    "description": "Whether the same request may succeed later."
   }
  },
  "additionalProperties": false,
  "required": [
   "type",
   "title",
   "status",
   "code",
   "detail",
   "field",
   "retryable"
  ],
  "description": "Body of every answer from 400 on; `application/problem+json` (RFC 9457)."
 },
 "AuditEntry": {
  "type": "object",
  "properties": {
   "sequence": {
    "type": "string"
   },
   "at": {
    "type": "string"
   },
   "actor": {
    "type": "string"
   },
   "action": {
    "type": "string"
   },
   "target": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "detail": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "outcome": {
    "type": "string",
    "enum": [
     "begun",
     "done",
     "refused",
     "failed"
    ],
    "description": "\"begun\": nobody has said how it ended; it may have been done. \"refused\": it was not done. \"failed\": it may have been."
   },
   "code": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "The error's code."
   }
  },
  "additionalProperties": false,
  "required": [
   "sequence",
   "at",
   "actor",
   "action",
   "target",
   "detail",
   "outcome",
   "code"
  ],
  "description": "`GET /api/v1/audit`: what was done through the API, the last first."
 },
 "BackfillRequest": {
  "type": "object",
  "properties": {
   "from": {
    "type": "string"
   },
   "to": {
    "type": "string",
    "description": "Not in the future."
   }
  },
  "additionalProperties": false,
  "required": [
   "from",
   "to"
  ],
  "description": "Body of `POST /api/v1/schedules/{id}/backfill`: times in ISO 8601."
 },
 "BufferedEvent": {
  "type": "object",
  "properties": {
   "name": {
    "type": "string"
   },
   "sequence": {
    "type": "string"
   },
   "sentAt": {
    "type": "string"
   },
   "payload": {
    "$ref": "#/components/schemas/Payload"
   }
  },
  "additionalProperties": false,
  "required": [
   "name",
   "sequence",
   "sentAt",
   "payload"
  ],
  "description": "`GET /api/v1/instances/{instanceId}/events`: sent, and not consumed yet; oldest first."
 },
 "BulkFilter": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string"
   },
   "status": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/StoredStatus"
    }
   },
   "idPrefix": {
    "type": "string"
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "labels": {
    "type": "object",
    "additionalProperties": {
     "type": "string"
    }
   },
   "parent": {
    "type": "string"
   }
  },
  "additionalProperties": false,
  "description": "Which instances a bulk action means; as in `BulkFilter` of the client."
 },
 "BulkRequest": {
  "type": "object",
  "properties": {
   "action": {
    "type": "string",
    "enum": [
     "cancel",
     "terminate",
     "pause",
     "unpause",
     "retry",
     "delete"
    ]
   },
   "filter": {
    "$ref": "#/components/schemas/BulkFilter",
    "description": "Either a filter …"
   },
   "ids": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "… or ids, at most 1,000."
   },
   "all": {
    "type": "boolean",
    "description": "Says that a filter without conditions is meant."
   },
   "dryRun": {
    "type": "boolean"
   },
   "limit": {
    "type": "number",
    "description": "Stops after so many; 1 to 10,000, default 1,000. `next` tells where to go on."
   },
   "after": {
    "type": "string"
   },
   "reason": {
    "type": "string"
   },
   "undo": {
    "type": "boolean",
    "description": "Only with \"cancel\"."
   },
   "paused": {
    "type": "boolean",
    "description": "Only with \"retry\"."
   }
  },
  "additionalProperties": false,
  "required": [
   "action"
  ],
  "description": "Body of `POST /api/v1/bulk`."
 },
 "BulkResult": {
  "type": "object",
  "properties": {
   "matched": {
    "type": "number"
   },
   "changed": {
    "type": "number"
   },
   "refusedCount": {
    "type": "number"
   },
   "refused": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "instanceId": {
       "type": "string"
      },
      "code": {
       "type": "string"
      },
      "message": {
       "type": "string"
      }
     },
     "additionalProperties": false,
     "required": [
      "instanceId",
      "code",
      "message"
     ]
    },
    "description": "The first hundred of them."
   },
   "next": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "dryRun": {
    "type": "boolean"
   }
  },
  "additionalProperties": false,
  "required": [
   "matched",
   "changed",
   "refusedCount",
   "refused",
   "next",
   "dryRun"
  ]
 },
 "CancelRequest": {
  "type": "object",
  "properties": {
   "reason": {
    "type": "string",
    "description": "At most 1,000 characters."
   },
   "undo": {
    "type": "boolean",
    "description": "Whether what it has done is undone before it ends. Default: `false`."
   }
  },
  "additionalProperties": false
 },
 "Change": {
  "type": "object",
  "properties": {
   "topics": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/ChangeTopic"
    }
   },
   "instanceIds": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "Instances that are known to have changed; those that were asked for, and those that have ended."
   }
  },
  "additionalProperties": false,
  "required": [
   "topics",
   "instanceIds"
  ],
  "description": "`GET /api/v1/changes?instance=…` (may be repeated, at most 20): `text/event-stream`. Events named `change` carry a `Change`; an event named `reset` says that changes may have been missed: read everything again. Comments keep the connection open. All of it is a hint: a change may be told late, twice, or, in rare cases, not at all, so look from time to time anyway."
 },
 "ChangeTopic": {
  "type": "string",
  "enum": [
   "instances",
   "workers",
   "limits"
  ],
  "description": "\"instances\": some have been started, have moved on, or ended. \"workers\": some came or went. \"limits\": some were changed."
 },
 "CompleteTaskRequest": {
  "type": "object",
  "properties": {
   "taskId": {
    "type": "string"
   },
   "output": {
    "description": "Tagged JSON."
   }
  },
  "additionalProperties": false,
  "required": [
   "taskId"
  ],
  "description": "Body of `POST …/complete-task`."
 },
 "Counts": {
  "type": "object",
  "properties": {
   "byStatus": {
    "type": "object",
    "properties": {
     "in_progress": {
      "type": "number"
     },
     "paused": {
      "type": "number"
     },
     "completed": {
      "type": "number"
     },
     "failed": {
      "type": "number"
     },
     "cancelled": {
      "type": "number"
     }
    },
    "additionalProperties": false,
    "required": [
     "in_progress",
     "paused",
     "completed",
     "failed",
     "cancelled"
    ],
    "description": "Only what fits the filter of the request (`flow`)."
   },
   "byFlow": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "flow": {
       "type": "string"
      },
      "byStatus": {
       "type": "object",
       "properties": {
        "in_progress": {
         "type": "number"
        },
        "paused": {
         "type": "number"
        },
        "completed": {
         "type": "number"
        },
        "failed": {
         "type": "number"
        },
        "cancelled": {
         "type": "number"
        }
       },
       "additionalProperties": false,
       "required": [
        "in_progress",
        "paused",
        "completed",
        "failed",
        "cancelled"
       ]
      }
     },
     "additionalProperties": false,
     "required": [
      "flow",
      "byStatus"
     ]
    }
   },
   "capped": {
    "type": "boolean",
    "description": "Whether what has ended is counted up to a bound only: the numbers are \"at least\" then. What is live is always exact."
   }
  },
  "additionalProperties": false,
  "required": [
   "byStatus",
   "byFlow",
   "capped"
  ],
  "description": "`GET /api/v1/counts`."
 },
 "DeadlineRequest": {
  "type": "object",
  "properties": {
   "deadline": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "An ISO time, a span from now on (\"2h\"), or `null` for none."
   }
  },
  "additionalProperties": false,
  "required": [
   "deadline"
  ],
  "description": "Body of `POST …/deadline`."
 },
 "EventRequest": {
  "type": "object",
  "properties": {
   "name": {
    "type": "string"
   },
   "payload": {
    "description": "Tagged JSON."
   },
   "dedupKey": {
    "type": "string"
   }
  },
  "additionalProperties": false,
  "required": [
   "name"
  ],
  "description": "Body of `POST …/events`."
 },
 "EventResult": {
  "type": "object",
  "properties": {
   "outcome": {
    "type": "string",
    "enum": [
     "delivered",
     "buffered",
     "duplicate"
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "outcome"
  ]
 },
 "FailedInstance": {
  "type": "object",
  "properties": {
   "instanceId": {
    "type": "string"
   },
   "flow": {
    "type": "string"
   },
   "definitionHash": {
    "type": "string"
   },
   "status": {
    "$ref": "#/components/schemas/StoredStatus"
   },
   "reason": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "priority": {
    "type": "number",
    "description": "1 (first) to 5 (last)."
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "labels": {
    "type": "object",
    "additionalProperties": {
     "type": "string"
    }
   },
   "run": {
    "type": "number"
   },
   "parent": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/ParentLink"
     },
     {
      "type": "null"
     }
    ]
   },
   "forkedFrom": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "instanceId": {
        "type": "string"
       },
       "sequence": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "instanceId",
       "sequence"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "createdAt": {
    "type": "string"
   },
   "deadline": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "endedAt": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "failure": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Failure"
     },
     {
      "type": "null"
     }
    ],
    "description": "`null` where it can't be read here."
   }
  },
  "additionalProperties": false,
  "required": [
   "instanceId",
   "flow",
   "definitionHash",
   "status",
   "reason",
   "priority",
   "tags",
   "labels",
   "run",
   "parent",
   "forkedFrom",
   "createdAt",
   "deadline",
   "endedAt",
   "failure"
  ],
  "description": "`GET /api/v1/failures`: failed instances, those that failed last first."
 },
 "Failure": {
  "type": "object",
  "properties": {
   "name": {
    "type": "string"
   },
   "message": {
    "type": "string"
   },
   "code": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "retryable": {
    "type": "boolean"
   },
   "taskId": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "attempt": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "stack": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "cause": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Failure"
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "name",
   "message",
   "code",
   "retryable",
   "taskId",
   "attempt",
   "stack",
   "cause"
  ],
  "description": "What a task or an instance failed with."
 },
 "FailureGroup": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string"
   },
   "taskId": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "name": {
    "type": "string"
   },
   "code": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "message": {
    "type": "string",
    "description": "Of the last one."
   },
   "count": {
    "type": "number"
   },
   "firstAt": {
    "type": "string"
   },
   "lastAt": {
    "type": "string"
   },
   "instanceIds": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "Up to five, the last one first."
   }
  },
  "additionalProperties": false,
  "required": [
   "flow",
   "taskId",
   "name",
   "code",
   "message",
   "count",
   "firstAt",
   "lastAt",
   "instanceIds"
  ]
 },
 "FailureGroups": {
  "type": "object",
  "properties": {
   "groups": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/FailureGroup"
    }
   },
   "lookedAt": {
    "type": "number",
    "description": "How many failed instances were looked at, from the last one on."
   },
   "capped": {
    "type": "boolean",
    "description": "Whether there are more than were looked at."
   }
  },
  "additionalProperties": false,
  "required": [
   "groups",
   "lookedAt",
   "capped"
  ],
  "description": "`GET /api/v1/failures/groups?flow=`: what failed lately, most frequent first."
 },
 "Flow": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string"
   },
   "versions": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "definitionHash": {
       "type": "string"
      },
      "firstSeen": {
       "anyOf": [
        {
         "type": "string"
        },
        {
         "type": "null"
        }
       ]
      },
      "given": {
       "type": "boolean"
      },
      "hasGraph": {
       "type": "boolean"
      },
      "live": {
       "type": "number"
      },
      "workers": {
       "type": "number"
      }
     },
     "additionalProperties": false,
     "required": [
      "definitionHash",
      "firstSeen",
      "given",
      "hasGraph",
      "live",
      "workers"
     ]
    },
    "description": "Newest first."
   },
   "byStatus": {
    "type": "object",
    "properties": {
     "in_progress": {
      "type": "number"
     },
     "paused": {
      "type": "number"
     },
     "completed": {
      "type": "number"
     },
     "failed": {
      "type": "number"
     },
     "cancelled": {
      "type": "number"
     }
    },
    "additionalProperties": false,
    "required": [
     "in_progress",
     "paused",
     "completed",
     "failed",
     "cancelled"
    ]
   },
   "capped": {
    "type": "boolean"
   },
   "paused": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "reason": {
        "anyOf": [
         {
          "type": "string"
         },
         {
          "type": "null"
         }
        ]
       },
       "by": {
        "anyOf": [
         {
          "type": "string"
         },
         {
          "type": "null"
         }
        ]
       },
       "since": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "reason",
       "by",
       "since"
      ]
     },
     {
      "type": "null"
     }
    ],
    "description": "Set while workers take nothing of it."
   }
  },
  "additionalProperties": false,
  "required": [
   "flow",
   "versions",
   "byStatus",
   "capped",
   "paused"
  ],
  "description": "`GET /api/v1/flows`."
 },
 "FlowChanges": {
  "type": "object",
  "properties": {
   "isPaused": {
    "type": "boolean"
   },
   "reason": {
    "type": "string",
    "description": "With a pause."
   }
  },
  "additionalProperties": false,
  "required": [
   "isPaused"
  ],
  "description": "Body of `PATCH /api/v1/flows/{flow}`."
 },
 "ForkRequest": {
  "type": "object",
  "properties": {
   "newId": {
    "type": "string"
   },
   "at": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "object",
      "properties": {
       "task": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "task"
      ]
     }
    ],
    "description": "After which entry, by its sequence as a decimal string (\"0\": the beginning); or `{ task }`: right before that task."
   },
   "input": {},
   "outputs": {
    "type": "object",
    "additionalProperties": {}
   },
   "priority": {
    "type": "number"
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "labels": {
    "type": "object",
    "additionalProperties": {
     "type": "string"
    }
   },
   "deadline": {
    "type": "string"
   }
  },
  "additionalProperties": false,
  "required": [
   "newId",
   "at"
  ],
  "description": "Body of `POST …/fork`. Needs the flow. Values are tagged JSON, as in `Payload`."
 },
 "Graph": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string"
   },
   "definitionHash": {
    "type": "string"
   },
   "nodes": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/GraphNode"
    },
    "description": "Outer before inner, in the order of definition."
   },
   "edges": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/GraphEdge"
    }
   },
   "starts": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "Ids of the nodes at which an instance begins."
   },
   "ends": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "Ids of the nodes after which it ends."
   }
  },
  "additionalProperties": false,
  "required": [
   "flow",
   "definitionHash",
   "nodes",
   "edges",
   "starts",
   "ends"
  ],
  "description": "`GET /api/v1/flows/{flow}/versions/{hash}/graph`."
 },
 "GraphEdge": {
  "type": "object",
  "properties": {
   "from": {
    "type": "string"
   },
   "to": {
    "type": "string"
   },
   "kind": {
    "type": "string",
    "enum": [
     "next",
     "enter",
     "leave",
     "again",
     "timeout",
     "failed"
    ],
    "description": "\"next\": after it. \"enter\": into a branch or body. \"leave\": out of one, back to the node that encloses it (a join)."
   },
   "label": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "from",
   "to",
   "kind",
   "label"
  ]
 },
 "GraphNode": {
  "type": "object",
  "properties": {
   "id": {
    "type": "string"
   },
   "kind": {
    "$ref": "#/components/schemas/NodeKind"
   },
   "name": {
    "type": "string",
    "description": "Its own id, without those of the scopes around it."
   },
   "parent": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "The node within which it is drawn; `null` at the top."
   },
   "branch": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "In which part of that: a branch's name, a route's key, \"timeout\", \"item\", \"iteration\", \"flow\"; `null` at the top."
   },
   "description": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "timeoutMs": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "limit": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "maxAttempts": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "detail": {
    "type": "object",
    "additionalProperties": {
     "anyOf": [
      {
       "type": "string"
      },
      {
       "type": "number"
      },
      {
       "type": "boolean"
      },
      {
       "type": "null"
      }
     ]
    },
    "description": "What is particular to its kind: `event`, `durationMs`, `mode`, `concurrency`, `maxIterations`, `flow`, `count` …"
   },
   "transactional": {
    "type": "boolean"
   },
   "hasUndo": {
    "type": "boolean",
    "description": "Whether something takes back what it has done."
   }
  },
  "additionalProperties": false,
  "required": [
   "id",
   "kind",
   "name",
   "parent",
   "branch",
   "description",
   "timeoutMs",
   "tags",
   "limit",
   "maxAttempts",
   "detail",
   "transactional",
   "hasUndo"
  ],
  "description": "A node of a definition. Its id is its address in the flow: `payment/charge`."
 },
 "HandlerRequest": {
  "type": "object",
  "properties": {
   "input": {},
   "updateId": {
    "type": "string",
    "description": "Only of updates: makes a repeated request harmless."
   }
  },
  "additionalProperties": false,
  "description": "Body of `POST …/queries/{name}` and `POST …/updates/{name}`; the answer is a `ReplyResult`."
 },
 "Health": {
  "type": "object",
  "properties": {
   "ok": {
    "type": "boolean"
   },
   "version": {
    "type": "string"
   },
   "backendMs": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ],
    "description": "How long the database took to answer, in milliseconds; `null` if it didn't."
   },
   "problem": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "Code of the error if it didn't answer; `null` otherwise."
   },
   "live": {
    "type": "boolean",
    "description": "Whether hints of other processes arrive; where they don't, changes are noticed by polling."
   },
   "now": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "The database's clock."
   }
  },
  "additionalProperties": false,
  "required": [
   "ok",
   "version",
   "backendMs",
   "problem",
   "live",
   "now"
  ],
  "description": "`GET /api/v1/health`. 200 if `ok`, else 503."
 },
 "HistoryEntry": {
  "type": "object",
  "properties": {
   "sequence": {
    "type": "string"
   },
   "taskId": {
    "type": "string"
   },
   "nodeId": {
    "type": "string"
   },
   "attempt": {
    "type": "number"
   },
   "kind": {
    "type": "string"
   },
   "outcome": {
    "type": "string",
    "enum": [
     "completed",
     "failed",
     "timed_out",
     "tolerated",
     "noted"
    ]
   },
   "at": {
    "type": "string"
   },
   "durationMs": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "workerId": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "decision": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "outputRef": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "The task whose output this entry passes on."
   },
   "output": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Payload"
     },
     {
      "type": "null"
     }
    ]
   },
   "failure": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Failure"
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "sequence",
   "taskId",
   "nodeId",
   "attempt",
   "kind",
   "outcome",
   "at",
   "durationMs",
   "workerId",
   "decision",
   "outputRef",
   "output",
   "failure"
  ],
  "description": "`GET /api/v1/instances/{instanceId}/history?after=&limit=`; and `…/diff?from=&to=`."
 },
 "InstanceCreated": {
  "type": "object",
  "properties": {
   "instanceId": {
    "type": "string"
   }
  },
  "additionalProperties": false,
  "required": [
   "instanceId"
  ],
  "description": "Answer of `fork` and `submit`."
 },
 "InstanceDetail": {
  "type": "object",
  "properties": {
   "instanceId": {
    "type": "string"
   },
   "flow": {
    "type": "string"
   },
   "definitionHash": {
    "type": "string"
   },
   "status": {
    "$ref": "#/components/schemas/StoredStatus"
   },
   "reason": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "priority": {
    "type": "number",
    "description": "1 (first) to 5 (last)."
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "labels": {
    "type": "object",
    "additionalProperties": {
     "type": "string"
    }
   },
   "run": {
    "type": "number"
   },
   "parent": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/ParentLink"
     },
     {
      "type": "null"
     }
    ]
   },
   "forkedFrom": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "instanceId": {
        "type": "string"
       },
       "sequence": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "instanceId",
       "sequence"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "createdAt": {
    "type": "string"
   },
   "deadline": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "endedAt": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "codec": {
    "type": "string"
   },
   "flowKnown": {
    "type": "boolean",
    "description": "Whether its flow is among those that the server was given: then state, fork and updates are available."
   },
   "state": {
    "$ref": "#/components/schemas/Status"
   },
   "positions": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/Position"
    }
   },
   "pending": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "kind": {
       "type": "string",
       "enum": [
        "cancel",
        "pause"
       ]
      },
      "reason": {
       "anyOf": [
        {
         "type": "string"
        },
        {
         "type": "null"
        }
       ]
      },
      "requestedBy": {
       "anyOf": [
        {
         "type": "string"
        },
        {
         "type": "null"
        }
       ]
      },
      "undo": {
       "type": "boolean"
      }
     },
     "additionalProperties": false,
     "required": [
      "kind",
      "reason",
      "requestedBy",
      "undo"
     ]
    }
   },
   "input": {
    "$ref": "#/components/schemas/Payload"
   },
   "output": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Payload"
     },
     {
      "type": "null"
     }
    ],
    "description": "`null` unless completed."
   },
   "failure": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Failure"
     },
     {
      "type": "null"
     }
    ],
    "description": "`null` unless failed."
   },
   "queries": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "Names that the flow's state has handlers for, as far as the server was given them."
   },
   "updates": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "now": {
    "type": "string",
    "description": "The database's clock when this was read."
   }
  },
  "additionalProperties": false,
  "required": [
   "instanceId",
   "flow",
   "definitionHash",
   "status",
   "reason",
   "priority",
   "tags",
   "labels",
   "run",
   "parent",
   "forkedFrom",
   "createdAt",
   "deadline",
   "endedAt",
   "codec",
   "flowKnown",
   "state",
   "positions",
   "pending",
   "input",
   "output",
   "failure",
   "queries",
   "updates",
   "now"
  ],
  "description": "`GET /api/v1/instances/{instanceId}`."
 },
 "InstanceGraph": {
  "type": "object",
  "properties": {
   "graph": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Graph"
     },
     {
      "type": "null"
     }
    ],
    "description": "`null`: neither the server nor the database knows the definition."
   },
   "states": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/NodeState"
    },
    "description": "By node id."
   }
  },
  "additionalProperties": false,
  "required": [
   "graph",
   "states"
  ],
  "description": "`GET /api/v1/instances/{instanceId}/graph`."
 },
 "InstanceQuery": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string"
   },
   "status": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/StoredStatus"
    }
   },
   "idPrefix": {
    "type": "string",
    "description": "Ids that start with this."
   },
   "tag": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "label": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "Each `name=value`."
   },
   "parent": {
    "type": "string",
    "description": "Children of this instance."
   },
   "order": {
    "type": "string",
    "enum": [
     "newest",
     "id"
    ],
    "description": "Default: \"newest\"."
   },
   "after": {
    "type": "string"
   },
   "limit": {
    "type": "number",
    "description": "1 to 200; default 50."
   }
  },
  "additionalProperties": false,
  "description": "Query of `GET /api/v1/instances`. All conditions must fit. `status`, `tag` and `label` may be repeated."
 },
 "InstanceSummary": {
  "type": "object",
  "properties": {
   "instanceId": {
    "type": "string"
   },
   "flow": {
    "type": "string"
   },
   "definitionHash": {
    "type": "string"
   },
   "status": {
    "$ref": "#/components/schemas/StoredStatus"
   },
   "reason": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "priority": {
    "type": "number",
    "description": "1 (first) to 5 (last)."
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "labels": {
    "type": "object",
    "additionalProperties": {
     "type": "string"
    }
   },
   "run": {
    "type": "number"
   },
   "parent": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/ParentLink"
     },
     {
      "type": "null"
     }
    ]
   },
   "forkedFrom": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "instanceId": {
        "type": "string"
       },
       "sequence": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "instanceId",
       "sequence"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "createdAt": {
    "type": "string"
   },
   "deadline": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "endedAt": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "instanceId",
   "flow",
   "definitionHash",
   "status",
   "reason",
   "priority",
   "tags",
   "labels",
   "run",
   "parent",
   "forkedFrom",
   "createdAt",
   "deadline",
   "endedAt"
  ]
 },
 "Limit": {
  "type": "object",
  "properties": {
   "concurrency": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "rate": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "count": {
        "type": "number"
       },
       "perMs": {
        "type": "number"
       },
       "burst": {
        "type": "number"
       }
      },
      "additionalProperties": false,
      "required": [
       "count",
       "perMs",
       "burst"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "name": {
    "type": "string"
   },
   "perKey": {
    "$ref": "#/components/schemas/Allowance"
   },
   "isChanged": {
    "type": "boolean"
   },
   "isPaused": {
    "type": "boolean"
   },
   "running": {
    "type": "number"
   },
   "waiting": {
    "type": "number"
   },
   "oldestWaitMs": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "concurrency",
   "rate",
   "name",
   "perKey",
   "isChanged",
   "isPaused",
   "running",
   "waiting",
   "oldestWaitMs"
  ],
  "description": "`GET /api/v1/limits`."
 },
 "LimitChanges": {
  "type": "object",
  "properties": {
   "concurrency": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "rate": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "count": {
        "type": "number"
       },
       "per": {
        "anyOf": [
         {
          "type": "string"
         },
         {
          "type": "number"
         }
        ]
       },
       "burst": {
        "type": "number"
       }
      },
      "additionalProperties": false,
      "required": [
       "count",
       "per"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "perKey": {
    "type": "object",
    "properties": {
     "concurrency": {
      "anyOf": [
       {
        "type": "number"
       },
       {
        "type": "null"
       }
      ]
     },
     "rate": {
      "anyOf": [
       {
        "type": "object",
        "properties": {
         "count": {
          "type": "number"
         },
         "per": {
          "anyOf": [
           {
            "type": "string"
           },
           {
            "type": "number"
           }
          ]
         },
         "burst": {
          "type": "number"
         }
        },
        "additionalProperties": false,
        "required": [
         "count",
         "per"
        ]
       },
       {
        "type": "null"
       }
      ]
     }
    },
    "additionalProperties": false
   },
   "isPaused": {
    "type": "boolean"
   }
  },
  "additionalProperties": false,
  "description": "Body of `PATCH /api/v1/limits/{name}`: what is not named stays."
 },
 "LimitKey": {
  "type": "object",
  "properties": {
   "key": {
    "type": "string"
   },
   "running": {
    "type": "number"
   },
   "waiting": {
    "type": "number"
   },
   "oldestWaitMs": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "weight": {
    "type": "number"
   },
   "isPaused": {
    "type": "boolean"
   }
  },
  "additionalProperties": false,
  "required": [
   "key",
   "running",
   "waiting",
   "oldestWaitMs",
   "weight",
   "isPaused"
  ],
  "description": "`GET /api/v1/limits/{name}/keys`."
 },
 "LimitKeyChanges": {
  "type": "object",
  "properties": {
   "weight": {
    "type": "number"
   },
   "isPaused": {
    "type": "boolean"
   }
  },
  "additionalProperties": false,
  "description": "Body of `PATCH /api/v1/limits/{name}/keys/{key}`."
 },
 "LiveStatus": {
  "anyOf": [
   {
    "type": "string",
    "enum": [
     "waiting",
     "awaiting_event",
     "awaiting_child"
    ]
   },
   {
    "$ref": "#/components/schemas/StoredStatus"
   }
  ],
  "description": "As told from where it stands."
 },
 "NodeKind": {
  "type": "string",
  "enum": [
   "task",
   "fork",
   "route",
   "loop",
   "map",
   "delay",
   "wait",
   "collect",
   "continue",
   "subflow",
   "spawn"
  ],
  "description": "What the HTTP API tells of definitions. No runtime code."
 },
 "NodeState": {
  "type": "object",
  "properties": {
   "nodeId": {
    "type": "string"
   },
   "state": {
    "type": "string",
    "enum": [
     "running",
     "retrying",
     "ready",
     "waiting",
     "sleeping",
     "joining",
     "completed",
     "failed",
     "tolerated",
     "timed_out",
     "undone"
    ],
    "description": "The most urgent of what is going on there; else how it last ended. A node that is not named was not reached."
   },
   "completed": {
    "type": "number"
   },
   "failedAttempts": {
    "type": "number"
   },
   "lastAt": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "taskIds": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "Task ids of the positions that stand there now."
   }
  },
  "additionalProperties": false,
  "required": [
   "nodeId",
   "state",
   "completed",
   "failedAttempts",
   "lastAt",
   "taskIds"
  ],
  "description": "What has become of a node in one instance, over all of its occurrences."
 },
 "ParentLink": {
  "type": "object",
  "properties": {
   "instanceId": {
    "type": "string"
   },
   "taskId": {
    "type": "string"
   },
   "run": {
    "type": "number"
   },
   "onClose": {
    "type": "string",
    "enum": [
     "cancel",
     "abandon",
     "wait",
     "closed"
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "instanceId",
   "taskId",
   "run",
   "onClose"
  ]
 },
 "PastState": {
  "type": "object",
  "properties": {
   "sequence": {
    "type": "string"
   },
   "at": {
    "type": "string"
   },
   "ended": {
    "anyOf": [
     {
      "type": "string",
      "enum": [
       "completed",
       "failed",
       "cancelled"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "positions": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "path": {
       "type": "string"
      },
      "taskId": {
       "type": "string"
      },
      "nodeId": {
       "type": "string"
      },
      "attempt": {
       "type": "number"
      },
      "kind": {
       "type": "string",
       "enum": [
        "task",
        "delay",
        "wait",
        "join"
       ]
      }
     },
     "additionalProperties": false,
     "required": [
      "path",
      "taskId",
      "nodeId",
      "attempt",
      "kind"
     ]
    }
   },
   "outputs": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "taskId": {
       "type": "string"
      },
      "value": {
       "$ref": "#/components/schemas/Payload"
      }
     },
     "additionalProperties": false,
     "required": [
      "taskId",
      "value"
     ]
    },
    "description": "The last thousand of them."
   },
   "outputsOmitted": {
    "type": "number",
    "description": "How many outputs before those are not shown."
   },
   "state": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Payload"
     },
     {
      "type": "null"
     }
    ],
    "description": "What the tasks shared by then; `null` if nothing."
   }
  },
  "additionalProperties": false,
  "required": [
   "sequence",
   "at",
   "ended",
   "positions",
   "outputs",
   "outputsOmitted",
   "state"
  ],
  "description": "`GET /api/v1/instances/{instanceId}/state?at=`: where it stood after an entry. Needs the flow (409 `FLOW_UNKNOWN`)."
 },
 "Payload": {
  "anyOf": [
   {
    "type": "object",
    "properties": {
     "kind": {
      "const": "value"
     },
     "value": {},
     "bytes": {
      "type": "number"
     }
    },
    "additionalProperties": false,
    "required": [
     "kind",
     "value",
     "bytes"
    ]
   },
   {
    "type": "object",
    "properties": {
     "kind": {
      "const": "folded"
     },
     "bytes": {
      "type": "number"
     },
     "preview": {
      "type": "string"
     },
     "href": {
      "type": "string"
     }
    },
    "additionalProperties": false,
    "required": [
     "kind",
     "bytes",
     "preview",
     "href"
    ]
   },
   {
    "type": "object",
    "properties": {
     "kind": {
      "const": "unreadable"
     },
     "problem": {
      "type": "string"
     }
    },
    "additionalProperties": false,
    "required": [
     "kind",
     "problem"
    ]
   },
   {
    "type": "object",
    "properties": {
     "kind": {
      "const": "hidden"
     }
    },
    "additionalProperties": false,
    "required": [
     "kind"
    ]
   }
  ],
  "description": "A recorded value. What JSON can't say is an object with the key `$waymark` (docs/formats/json.md), whichever codec has stored it."
 },
 "Position": {
  "type": "object",
  "properties": {
   "path": {
    "type": "string",
    "description": "`\"\"` for the trunk."
   },
   "taskId": {
    "type": "string"
   },
   "nodeId": {
    "type": "string",
    "description": "Id of the node of the graph at which it stands."
   },
   "kind": {
    "type": "string",
    "enum": [
     "task",
     "delay",
     "wait",
     "join"
    ]
   },
   "attempt": {
    "type": "number"
   },
   "ready": {
    "type": "boolean"
   },
   "claim": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "workerId": {
        "type": "string"
       },
       "expiresAt": {
        "anyOf": [
         {
          "type": "string"
         },
         {
          "type": "null"
         }
        ]
       }
      },
      "additionalProperties": false,
      "required": [
       "workerId",
       "expiresAt"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "availableAt": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "wakeAt": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "event": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "pending": {
    "type": "number",
    "description": "How many branches or items have yet to end, of a join."
   },
   "items": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "total": {
        "type": "number"
       },
       "started": {
        "type": "number"
       },
       "failed": {
        "type": "number"
       }
      },
      "additionalProperties": false,
      "required": [
       "total",
       "started",
       "failed"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "interrupt": {
    "anyOf": [
     {
      "type": "string",
      "enum": [
       "pause",
       "cancel",
       "undo",
       "paused"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "limit": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "name": {
        "type": "string"
       },
       "key": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "name",
       "key"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "priority": {
    "type": "number"
   },
   "lost": {
    "type": "number",
    "description": "How many leases were lost here in a row."
   }
  },
  "additionalProperties": false,
  "required": [
   "path",
   "taskId",
   "nodeId",
   "kind",
   "attempt",
   "ready",
   "claim",
   "availableAt",
   "wakeAt",
   "event",
   "pending",
   "items",
   "interrupt",
   "limit",
   "tags",
   "priority",
   "lost"
  ],
  "description": "A point at which an instance stands."
 },
 "PruneRequest": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string",
    "description": "Only of this flow. Default: of all that have a rule."
   },
   "olderThan": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "number"
     }
    ],
    "description": "Those that ended at least so long ago, as a span. Default: as long as they are kept."
   },
   "limit": {
    "type": "number",
    "description": "At most so many. Default: 10,000."
   },
   "dryRun": {
    "type": "boolean",
    "description": "Only tells how many."
   },
   "withoutArchive": {
    "type": "boolean",
    "description": "Also those that workers would archive before."
   }
  },
  "additionalProperties": false,
  "description": "Body of `POST /api/v1/prune`."
 },
 "Pruned": {
  "type": "object",
  "properties": {
   "pruned": {
    "type": "number"
   },
   "instanceIds": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "The first thousand."
   },
   "dryRun": {
    "type": "boolean"
   }
  },
  "additionalProperties": false,
  "required": [
   "pruned",
   "instanceIds",
   "dryRun"
  ],
  "description": "What was removed, or would be."
 },
 "ReasonRequest": {
  "type": "object",
  "properties": {
   "reason": {
    "type": "string",
    "description": "At most 1,000 characters."
   }
  },
  "additionalProperties": false,
  "description": "Body of `…/cancel`, `…/terminate`, `…/pause`, `…/unpause`, `…/retry`. Who asks is known from the token."
 },
 "ReplyResult": {
  "type": "object",
  "properties": {
   "reply": {
    "$ref": "#/components/schemas/Payload"
   }
  },
  "additionalProperties": false,
  "required": [
   "reply"
  ]
 },
 "Retention": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string"
   },
   "keep": {
    "type": "object",
    "properties": {
     "completed": {
      "anyOf": [
       {
        "type": "number"
       },
       {
        "type": "null"
       }
      ]
     },
     "failed": {
      "anyOf": [
       {
        "type": "number"
       },
       {
        "type": "null"
       }
      ]
     },
     "cancelled": {
      "anyOf": [
       {
        "type": "number"
       },
       {
        "type": "null"
       }
      ]
     }
    },
    "additionalProperties": false,
    "required": [
     "completed",
     "failed",
     "cancelled"
    ]
   },
   "archives": {
    "type": "boolean",
    "description": "Whether workers archive them before."
   },
   "isChanged": {
    "type": "boolean"
   }
  },
  "additionalProperties": false,
  "required": [
   "flow",
   "keep",
   "archives",
   "isChanged"
  ],
  "description": "`GET /api/v1/retention`: how long instances of a flow are kept after their end, in milliseconds; `null` for ever."
 },
 "RetentionChanges": {
  "type": "object",
  "properties": {
   "completed": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "number"
     }
    ]
   },
   "failed": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "number"
     }
    ]
   },
   "cancelled": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "number"
     }
    ]
   }
  },
  "additionalProperties": false,
  "description": "Body of `PATCH /api/v1/retention/{flow}`: spans such as \"30d\", milliseconds, or \"forever\"; what is not named stays."
 },
 "RetryRequest": {
  "type": "object",
  "properties": {
   "reason": {
    "type": "string",
    "description": "At most 1,000 characters."
   },
   "paused": {
    "type": "boolean",
    "description": "Whether it comes back paused. Default: `false`."
   },
   "deadline": {
    "type": "string",
    "description": "An ISO time, or a span like \"2h\". Default: it has no deadline."
   }
  },
  "additionalProperties": false
 },
 "Role": {
  "type": "string",
  "enum": [
   "viewer",
   "operator",
   "admin"
  ]
 },
 "RunningTask": {
  "type": "object",
  "properties": {
   "taskId": {
    "type": "string"
   },
   "attempt": {
    "type": "number"
   },
   "state": {
    "type": "string",
    "enum": [
     "ready",
     "running",
     "retrying"
    ]
   },
   "workerId": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "retryAt": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "limit": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "name": {
        "type": "string"
       },
       "key": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "name",
       "key"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "progress": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "value": {
        "$ref": "#/components/schemas/Payload"
       },
       "at": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "value",
       "at"
      ]
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "taskId",
   "attempt",
   "state",
   "workerId",
   "retryAt",
   "limit",
   "progress"
  ],
  "description": "A task that can run, runs, or will be tried again."
 },
 "Schedule": {
  "type": "object",
  "properties": {
   "id": {
    "type": "string"
   },
   "flow": {
    "type": "string"
   },
   "cron": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "Either this or `everyMs`; the other one is `null`."
   },
   "everyMs": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   },
   "timezone": {
    "type": "string"
   },
   "overlap": {
    "type": "string"
   },
   "catchUp": {
    "type": "object",
    "properties": {
     "withinMs": {
      "type": "number"
     },
     "limit": {
      "type": "number"
     }
    },
    "additionalProperties": false,
    "required": [
     "withinMs",
     "limit"
    ]
   },
   "jitterMs": {
    "type": "number"
   },
   "isChanged": {
    "type": "boolean",
    "description": "What code says of it does not count."
   },
   "isPaused": {
    "type": "boolean"
   },
   "pauseReason": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "lastSlot": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "nextSlot": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "`null` if no worker has looked at it yet."
   },
   "live": {
    "type": "array",
    "items": {
     "type": "string"
    },
    "description": "Those of the last 100 instances that it has started that have not ended."
   },
   "skipped": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "slot": {
        "type": "string"
       },
       "reason": {
        "type": "string"
       }
      },
      "additionalProperties": false,
      "required": [
       "slot",
       "reason"
      ]
     },
     {
      "type": "null"
     }
    ]
   },
   "problem": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "Why its slots can't be started at present; `null` if nothing is wrong."
   },
   "requested": {
    "type": "number",
    "description": "Slots that were asked for by hand and are not started yet."
   },
   "createdAt": {
    "type": "string"
   }
  },
  "additionalProperties": false,
  "required": [
   "id",
   "flow",
   "cron",
   "everyMs",
   "timezone",
   "overlap",
   "catchUp",
   "jitterMs",
   "isChanged",
   "isPaused",
   "pauseReason",
   "lastSlot",
   "nextSlot",
   "live",
   "skipped",
   "problem",
   "requested",
   "createdAt"
  ],
  "description": "`GET /api/v1/schedules`."
 },
 "ScheduleChanges": {
  "type": "object",
  "properties": {
   "isPaused": {
    "type": "boolean"
   },
   "reason": {
    "type": "string",
    "description": "With a pause."
   }
  },
  "additionalProperties": false,
  "required": [
   "isPaused"
  ],
  "description": "Body of `PATCH /api/v1/schedules/{id}`."
 },
 "Series": {
  "type": "object",
  "properties": {
   "from": {
    "type": "string"
   },
   "bucketMs": {
    "type": "number"
   },
   "buckets": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/SeriesBucket"
    }
   },
   "capped": {
    "type": "boolean",
    "description": "Whether there was more than is looked at: then the oldest buckets count too little."
   }
  },
  "additionalProperties": false,
  "required": [
   "from",
   "bucketMs",
   "buckets",
   "capped"
  ],
  "description": "`GET /api/v1/series`: what began and ended by time, oldest first."
 },
 "SeriesBucket": {
  "type": "object",
  "properties": {
   "at": {
    "type": "string"
   },
   "started": {
    "type": "number"
   },
   "completed": {
    "type": "number"
   },
   "failed": {
    "type": "number"
   },
   "cancelled": {
    "type": "number"
   },
   "p50Ms": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ],
    "description": "Duration from start to end of what completed in it, in milliseconds; `null` if nothing did."
   },
   "p95Ms": {
    "anyOf": [
     {
      "type": "number"
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "at",
   "started",
   "completed",
   "failed",
   "cancelled",
   "p50Ms",
   "p95Ms"
  ]
 },
 "SeriesQuery": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string"
   },
   "range": {
    "type": "string",
    "description": "How far back, as a span: \"1h\", \"24h\", \"7d\"; at most \"90d\". Default: \"1h\"."
   },
   "buckets": {
    "type": "number",
    "description": "How many buckets, 1 to 200; default 60."
   }
  },
  "additionalProperties": false,
  "description": "Query of `GET /api/v1/series`."
 },
 "Session": {
  "type": "object",
  "properties": {
   "authenticated": {
    "type": "boolean",
    "description": "Whether this request may read. `false`: a token is needed (`POST /api/v1/session`, or a header)."
   },
   "tokenRequired": {
    "type": "boolean",
    "description": "Whether the server asks for tokens at all."
   },
   "role": {
    "anyOf": [
     {
      "$ref": "#/components/schemas/Role"
     },
     {
      "type": "null"
     }
    ],
    "description": "`null` unless authenticated."
   },
   "actor": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "The name that the token was given, for the audit log; `null` unless authenticated."
   },
   "readOnly": {
    "type": "boolean"
   },
   "actions": {
    "type": "object",
    "properties": {
     "submit": {
      "type": "boolean"
     },
     "cancel": {
      "type": "boolean"
     },
     "terminate": {
      "type": "boolean"
     },
     "pause": {
      "type": "boolean"
     },
     "unpause": {
      "type": "boolean"
     },
     "retry": {
      "type": "boolean"
     },
     "fork": {
      "type": "boolean"
     },
     "sendEvent": {
      "type": "boolean"
     },
     "completeTask": {
      "type": "boolean"
     },
     "extendDeadline": {
      "type": "boolean"
     },
     "update": {
      "type": "boolean"
     },
     "delete": {
      "type": "boolean"
     },
     "bulk": {
      "type": "boolean"
     },
     "changeLimits": {
      "type": "boolean"
     },
     "pauseFlow": {
      "type": "boolean"
     },
     "runSchedules": {
      "type": "boolean"
     },
     "changeSchedules": {
      "type": "boolean"
     },
     "changeRetention": {
      "type": "boolean"
     },
     "prune": {
      "type": "boolean"
     }
    },
    "additionalProperties": false,
    "required": [
     "submit",
     "cancel",
     "terminate",
     "pause",
     "unpause",
     "retry",
     "fork",
     "sendEvent",
     "completeTask",
     "extendDeadline",
     "update",
     "delete",
     "bulk",
     "changeLimits",
     "pauseFlow",
     "runSchedules",
     "changeSchedules",
     "changeRetention",
     "prune"
    ],
    "description": "What would be allowed; all `false` unless authenticated."
   }
  },
  "additionalProperties": false,
  "required": [
   "authenticated",
   "tokenRequired",
   "role",
   "actor",
   "readOnly",
   "actions"
  ],
  "description": "`GET /api/v1/session`: who asks, and what they may do. Answered without a token, too."
 },
 "SessionRequest": {
  "type": "object",
  "properties": {
   "token": {
    "type": "string"
   }
  },
  "additionalProperties": false,
  "required": [
   "token"
  ],
  "description": "`POST /api/v1/session`. The answer is a `Session`, and a cookie."
 },
 "Slots": {
  "type": "object",
  "properties": {
   "slots": {
    "type": "array",
    "items": {
     "type": "string"
    }
   }
  },
  "additionalProperties": false,
  "required": [
   "slots"
  ],
  "description": "`GET /api/v1/schedules/{id}/slots`: slots in order, as far as nobody changes the schedule."
 },
 "StartedSlots": {
  "type": "object",
  "properties": {
   "instanceIds": {
    "type": "array",
    "items": {
     "type": "string"
    }
   }
  },
  "additionalProperties": false,
  "required": [
   "instanceIds"
  ],
  "description": "What is started by hand: by the next worker that looks."
 },
 "Status": {
  "type": "object",
  "properties": {
   "status": {
    "$ref": "#/components/schemas/LiveStatus"
   },
   "words": {
    "type": "string",
    "description": "A sentence, e.g. `waiting for the event \"paid\" at \"payment\"`."
   },
   "reason": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "Why it is paused, or was cancelled."
   },
   "tasks": {
    "type": "array",
    "items": {
     "$ref": "#/components/schemas/RunningTask"
    }
   },
   "wakeAt": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ]
   },
   "events": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "taskId": {
       "type": "string"
      },
      "name": {
       "type": "string"
      },
      "timeoutAt": {
       "anyOf": [
        {
         "type": "string"
        },
        {
         "type": "null"
        }
       ]
      }
     },
     "additionalProperties": false,
     "required": [
      "taskId",
      "name",
      "timeoutAt"
     ]
    }
   },
   "children": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "taskId": {
       "type": "string"
      },
      "instanceId": {
       "anyOf": [
        {
         "type": "string"
        },
        {
         "type": "null"
        }
       ]
      }
     },
     "additionalProperties": false,
     "required": [
      "taskId",
      "instanceId"
     ]
    }
   },
   "cancelRequested": {
    "anyOf": [
     {
      "type": "object",
      "properties": {
       "reason": {
        "anyOf": [
         {
          "type": "string"
         },
         {
          "type": "null"
         }
        ]
       },
       "undo": {
        "type": "boolean"
       }
      },
      "additionalProperties": false,
      "required": [
       "reason",
       "undo"
      ]
     },
     {
      "type": "null"
     }
    ]
   }
  },
  "additionalProperties": false,
  "required": [
   "status",
   "words",
   "reason",
   "tasks",
   "wakeAt",
   "events",
   "children",
   "cancelRequested"
  ],
  "description": "Where an instance is, in words and in data."
 },
 "StoredStatus": {
  "type": "string",
  "enum": [
   "in_progress",
   "paused",
   "completed",
   "failed",
   "cancelled"
  ],
  "description": "As stored."
 },
 "SubmitRequest": {
  "type": "object",
  "properties": {
   "flow": {
    "type": "string"
   },
   "definitionHash": {
    "type": "string",
    "description": "Default: the newest that the server was given."
   },
   "instanceId": {
    "type": "string",
    "description": "Default: one that is made."
   },
   "input": {
    "description": "Tagged JSON, as in `Payload`."
   },
   "onConflict": {
    "type": "string",
    "enum": [
     "fail",
     "useExisting"
    ]
   },
   "priority": {
    "type": "number"
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "labels": {
    "type": "object",
    "additionalProperties": {
     "type": "string"
    }
   },
   "deadline": {
    "type": "string"
   },
   "startAfter": {
    "type": "string",
    "description": "A span like \"10m\"."
   }
  },
  "additionalProperties": false,
  "required": [
   "flow"
  ],
  "description": "Body of `POST /api/v1/instances`. Needs the flow."
 },
 "Worker": {
  "type": "object",
  "properties": {
   "workerId": {
    "type": "string"
   },
   "tags": {
    "type": "array",
    "items": {
     "type": "string"
    }
   },
   "registeredAt": {
    "type": "string"
   },
   "seenAt": {
    "type": "string",
    "description": "Its last heartbeat."
   },
   "alive": {
    "type": "boolean",
    "description": "Seen within the last minute."
   },
   "lanes": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "flow": {
       "type": "string"
      },
      "definitionHash": {
       "type": "string"
      },
      "codec": {
       "type": "string"
      },
      "tags": {
       "type": "array",
       "items": {
        "type": "string"
       }
      },
      "limit": {
       "anyOf": [
        {
         "type": "string"
        },
        {
         "type": "null"
        }
       ]
      }
     },
     "additionalProperties": false,
     "required": [
      "flow",
      "definitionHash",
      "codec",
      "tags",
      "limit"
     ]
    },
    "description": "What it can run, as far as it has said so."
   },
   "running": {
    "type": "number",
    "description": "How many positions it holds."
   },
   "nextLeaseEnd": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "description": "When the first of its leases ends; `null` if it has none."
   }
  },
  "additionalProperties": false,
  "required": [
   "workerId",
   "tags",
   "registeredAt",
   "seenAt",
   "alive",
   "lanes",
   "running",
   "nextLeaseEnd"
  ],
  "description": "`GET /api/v1/workers`."
 }
};
