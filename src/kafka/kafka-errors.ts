/**
 * What a broker can answer besides success, and what each answer means for us. One class per
 * consequence, so that nobody upstairs compares numbers:
 *
 *   retriable    the same request may succeed later, perhaps after new metadata
 *   coordinator  the coordinator moved or is loading: look it up again, then repeat
 *   migrated     somebody else may own the tasks: drop what is uncommitted, fresh producer, rejoin
 *   abortable    this transaction cannot commit, nothing else is wrong
 *   fatal        repeating cannot help; a person must
 */
import { AbortedError, FatalError, FencedError, MillraceError, RetriableError } from '../errors.ts'
import { missingRight } from './missing-right.ts'

export type ErrorClass = 'retriable' | 'coordinator' | 'migrated' | 'abortable' | 'fatal'

interface KafkaErrorInfo {
  readonly code: number
  readonly name: string
  readonly class: ErrorClass
}

const codesByClass = {
  retriable: {
    UNKNOWN_TOPIC_OR_PARTITION: 3,
    LEADER_NOT_AVAILABLE: 5,
    NOT_LEADER_OR_FOLLOWER: 6,
    REQUEST_TIMED_OUT: 7,
    BROKER_NOT_AVAILABLE: 8,
    REPLICA_NOT_AVAILABLE: 9,
    NETWORK_EXCEPTION: 13,
    NOT_ENOUGH_REPLICAS: 19,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
    REBALANCE_IN_PROGRESS: 27,
    NOT_CONTROLLER: 41,
    CONCURRENT_TRANSACTIONS: 51,
    KAFKA_STORAGE_ERROR: 56,
    LISTENER_NOT_FOUND: 72,
    FENCED_LEADER_EPOCH: 74,
    UNKNOWN_LEADER_EPOCH: 75,
    OFFSET_NOT_AVAILABLE: 78,
    PREFERRED_LEADER_NOT_AVAILABLE: 80,
    UNSTABLE_OFFSET_COMMIT: 88,
    THROTTLING_QUOTA_EXCEEDED: 89,
    UNKNOWN_TOPIC_ID: 100,
  },
  coordinator: {
    COORDINATOR_LOAD_IN_PROGRESS: 14,
    COORDINATOR_NOT_AVAILABLE: 15,
    NOT_COORDINATOR: 16,
  },
  migrated: {
    ILLEGAL_GENERATION: 22,
    UNKNOWN_MEMBER_ID: 25,
    INVALID_PRODUCER_EPOCH: 47,
    INVALID_PRODUCER_ID_MAPPING: 49,
    PRODUCER_FENCED: 90,
  },
  abortable: {
    OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
    INVALID_TXN_STATE: 48,
    OPERATION_NOT_ATTEMPTED: 55,
    UNKNOWN_PRODUCER_ID: 59,
    TRANSACTION_ABORTABLE: 120,
  },
  fatal: {
    UNKNOWN_SERVER_ERROR: -1,
    OFFSET_OUT_OF_RANGE: 1,
    CORRUPT_MESSAGE: 2,
    INVALID_FETCH_SIZE: 4,
    MESSAGE_TOO_LARGE: 10,
    OFFSET_METADATA_TOO_LARGE: 12,
    INVALID_TOPIC_EXCEPTION: 17,
    RECORD_LIST_TOO_LARGE: 18,
    INVALID_REQUIRED_ACKS: 21,
    INCONSISTENT_GROUP_PROTOCOL: 23,
    INVALID_GROUP_ID: 24,
    INVALID_SESSION_TIMEOUT: 26,
    INVALID_COMMIT_OFFSET_SIZE: 28,
    TOPIC_AUTHORIZATION_FAILED: 29,
    GROUP_AUTHORIZATION_FAILED: 30,
    CLUSTER_AUTHORIZATION_FAILED: 31,
    INVALID_TIMESTAMP: 32,
    UNSUPPORTED_SASL_MECHANISM: 33,
    ILLEGAL_SASL_STATE: 34,
    UNSUPPORTED_VERSION: 35,
    TOPIC_ALREADY_EXISTS: 36,
    INVALID_PARTITIONS: 37,
    INVALID_REPLICATION_FACTOR: 38,
    INVALID_REPLICA_ASSIGNMENT: 39,
    INVALID_CONFIG: 40,
    INVALID_REQUEST: 42,
    UNSUPPORTED_FOR_MESSAGE_FORMAT: 43,
    POLICY_VIOLATION: 44,
    DUPLICATE_SEQUENCE_NUMBER: 46,
    INVALID_TRANSACTION_TIMEOUT: 50,
    TRANSACTION_COORDINATOR_FENCED: 52,
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
    SECURITY_DISABLED: 54,
    SASL_AUTHENTICATION_FAILED: 58,
    NON_EMPTY_GROUP: 68,
    GROUP_ID_NOT_FOUND: 69,
    TOPIC_DELETION_DISABLED: 73,
    UNSUPPORTED_COMPRESSION_TYPE: 76,
    MEMBER_ID_REQUIRED: 79,
    GROUP_MAX_SIZE_REACHED: 81,
    FENCED_INSTANCE_ID: 82,
    INVALID_RECORD: 87,
  },
} as const satisfies Record<ErrorClass, Readonly<Record<string, number>>>

type Names<C extends ErrorClass> = keyof (typeof codesByClass)[C]
export type KafkaErrorName = { [C in ErrorClass]: Names<C> }[ErrorClass]

const infos = new Map<number, KafkaErrorInfo>()
const codes: Record<string, number> = { NONE: 0 }
for (const [errorClass, names] of Object.entries(codesByClass)) {
  for (const [name, code] of Object.entries(names)) {
    infos.set(code, { code, name, class: errorClass as ErrorClass })
    codes[name] = code
  }
}

/** The numbers by name: `errorCodes.NOT_COORDINATOR`. */
export const errorCodes = Object.freeze(codes) as Readonly<Record<KafkaErrorName | 'NONE', number>>

/** Codes nobody here knows are fatal: a guess could lose records. */
export function errorClassOf(code: number): ErrorClass {
  return infos.get(code)?.class ?? 'fatal'
}

export function errorNameOf(code: number): string {
  return code === 0 ? 'NONE' : (infos.get(code)?.name ?? `UNKNOWN_CODE_${code}`)
}

/** The code of errors that stand for this answer. */
export function kafkaCode(code: number): string {
  return `MILLRACE_KAFKA_${errorNameOf(code)}`
}

/** Whether waiting a little, and looking leader or coordinator up again, may help. */
export function isTransient(code: number): boolean {
  const errorClass = errorClassOf(code)
  return errorClass === 'retriable' || errorClass === 'coordinator'
}

/**
 * The broker's answer as an error of ours: its class follows from the consequence, its code is
 * `MILLRACE_KAFKA_` and Kafka's name. `where` says what was asked, of whom: `Produce to orders-3`;
 * `resource` is what a right may be missing on: the topic, group or transactional id.
 */
export function kafkaError(
  code: number,
  where: string,
  detail?: string | null,
  resource?: string
): MillraceError {
  const name = errorNameOf(code)
  const answer = detail ? `${name} (${detail})` : name
  const right = missingRight(code, where, resource)
  const advice = right === undefined ? hint(code) : `; ${right}`
  const message = `${where}: the broker answered ${answer}${advice}`
  const id = kafkaCode(code)
  switch (errorClassOf(code)) {
    case 'retriable':
    case 'coordinator':
      return new RetriableError(id, message)
    case 'migrated':
      return new FencedError(id, message)
    case 'abortable':
      return new AbortedError(id, message)
    case 'fatal':
      return new FatalError(id, message)
  }
}

/**
 * UNKNOWN_SERVER_ERROR where the request may be repeated. Brokers answer so now and then when a
 * partition of theirs moves; whether they have carried the request out is open.
 */
export function stumbled(where: string): RetriableError {
  const code = 'MILLRACE_KAFKA_UNKNOWN_SERVER_ERROR'
  return new RetriableError(code, `${where}: the broker met with an error that it did not expect`)
}

function hint(code: number): string {
  switch (code) {
    case 10:
      return '; raise max.message.bytes of the topic, or make the record smaller'
    case 32:
      return '; see message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic'
    case 82:
      return '; another process runs with the same instance id: give each its own'
    default:
      return ''
  }
}

/** Refused, cut, or no answer in time; the request may have been carried out. */
export class ConnectionError extends RetriableError {}

/**
 * Nobody can tell from here whether it happened: what was sent may have been carried out although
 * no answer came. Compare with what the log holds, such as the committed offsets, before going on.
 */
export class UnknownOutcomeError extends MillraceError {}
