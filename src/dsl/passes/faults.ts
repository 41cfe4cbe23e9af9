/** What `build()` refuses: a stable code, and a sentence that names the node and the way out. */
import { TopologyError } from '../../errors.ts'

const codes = {
  empty: 'MILLRACE_TOPOLOGY_EMPTY',
  nameTaken: 'MILLRACE_NAME_TAKEN',
  nameInvalid: 'MILLRACE_NAME_INVALID',
  topicTwice: 'MILLRACE_TOPIC_READ_TWICE',
  windowInvalid: 'MILLRACE_WINDOW_INVALID',
  emptyWindows: 'MILLRACE_EMPTY_WINDOWS_KEYED',
  cannotMerge: 'MILLRACE_AGGREGATOR_CANNOT_MERGE',
  keyChanged: 'MILLRACE_JOIN_KEY_CHANGED',
  cogroupTwice: 'MILLRACE_COGROUP_TWICE',
  suppressFinal: 'MILLRACE_SUPPRESS_FINAL',
  suppressUnwindowed: 'MILLRACE_SUPPRESS_UNWINDOWED',
  suppressBeyond: 'MILLRACE_SUPPRESS_BEYOND_REPARTITION',
  suppressUnlimited: 'MILLRACE_SUPPRESS_UNLIMITED',
  stateDamaged: 'MILLRACE_STATE_DAMAGED',
  graceUnversioned: 'MILLRACE_GRACE_UNVERSIONED',
  tableUnreadable: 'MILLRACE_TABLE_UNREADABLE',
  optimizationUnknown: 'MILLRACE_OPTIMIZATION_UNKNOWN',
} as const

export function fault(code: keyof typeof codes, sentence: string, cause?: unknown): TopologyError {
  return new TopologyError(codes[code], sentence, cause === undefined ? {} : { cause })
}
