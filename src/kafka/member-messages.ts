/** What a member that lives in a thread of its own, and the group that it speaks for, exchange. */
import { FatalError } from '../errors.ts'
import type { LogFields } from '../log.ts'
import type { AssignmentData } from './consumer-protocol.ts'
import type { KafkaOptions } from './link-options.ts'
import type { JoinCall, JoinOutcome, MemberSettings } from './member.ts'

/** What the thread is born with. */
export interface MemberThreadData {
  readonly groupId: string
  readonly sessionMs: number
  /** With credentials: they stay within the process. */
  readonly connection: Omit<KafkaOptions, 'logger'>
  /** Counted up by the group for each message that it has read. */
  readonly heard: SharedArrayBuffer
  /** After which a group that reads nothing is taken for dead. */
  readonly maxPollIntervalMs: number
}

/** `open` comes first: the thread may be there before anybody knows what the member is to be. */
export type ToMember =
  | { readonly kind: 'open'; readonly settings: MemberSettings }
  | { readonly kind: 'join'; readonly id: number; readonly call: JoinCall }
  | { readonly kind: 'leave'; readonly id: number; readonly saysGoodbye: boolean }

export type FromMember =
  | {
      readonly kind: 'heartbeat'
      readonly memberId: string
      readonly generation: number
      readonly code: number
    }
  | {
      readonly kind: 'stoodIn'
      readonly generation: number
      readonly assignment: AssignmentData
      readonly busyMs: number
    }
  | { readonly kind: 'warning'; readonly message: string; readonly fields: LogFields }
  | { readonly kind: 'failed'; readonly error: ErrorMessage }
  | { readonly kind: 'joined'; readonly id: number; readonly outcome: JoinOutcome }
  | { readonly kind: 'left'; readonly id: number }
  | { readonly kind: 'rejected'; readonly id: number; readonly error: ErrorMessage }

/** Errors lose their class and their code on the way between threads. */
export interface ErrorMessage {
  readonly code: string
  readonly message: string
}

export function toErrorMessage(error: unknown): ErrorMessage {
  const message = error instanceof Error ? error.message : String(error)
  return { code: error instanceof FatalError ? error.code : 'MILLRACE_GROUP_FAILED', message }
}

export function toFatalError({ code, message }: ErrorMessage): FatalError {
  return new FatalError(code, message)
}

/** Log fields without what cannot leave its thread. */
export function plainFields(fields: LogFields): LogFields {
  const plain = (value: unknown): unknown => (value instanceof Error ? value.message : value)
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]))
}
