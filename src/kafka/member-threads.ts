/**
 * Members in threads of their own, with connections like those of the log. A thread takes as long
 * to begin as everything else up to the join does: it begins beside that.
 */
import type { GroupOptions } from './group.ts'
import { type GroupTimes, withDefaults } from './group-times.ts'
import type { KafkaOptions } from './link-options.ts'
import type { GroupMember, MemberEvents, MemberSettings } from './member.ts'
import { MemberThread } from './member-thread.ts'

/** Where members of the group come from. */
export interface MemberSource {
  /** One will be opened. */
  expect?(): void
  readonly open: GroupOptions['openMember']
  /** What was expected does not come; what was opened is closed by whoever has it. */
  close?(): Promise<void>
}

export interface MemberThreadsOptions extends KafkaOptions {
  readonly applicationId: string
  readonly group?: GroupTimes
}

export class MemberThreads implements MemberSource {
  readonly #options: MemberThreadsOptions
  #expected: MemberThread | undefined

  constructor(options: MemberThreadsOptions) {
    this.#options = options
  }

  expect(): void {
    this.#expected ??= this.#begin()
  }

  readonly open = (settings: MemberSettings, events: MemberEvents): GroupMember => {
    const thread = this.#expected ?? this.#begin()
    this.#expected = undefined
    return thread.open(settings, events)
  }

  async close(): Promise<void> {
    await this.#expected?.close()
    this.#expected = undefined
  }

  #begin(): MemberThread {
    const { brokers, clientId, logger, tls, sasl, connectionTimeoutMs } = this.#options
    const connection = {
      brokers,
      clientId,
      logger,
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined ? {} : { sasl }),
      ...(connectionTimeoutMs === undefined ? {} : { connectionTimeoutMs }),
    }
    const { applicationId: groupId, group } = this.#options
    const { sessionMs, maxPollIntervalMs } = withDefaults(group)
    return new MemberThread({ connection, groupId, sessionMs, maxPollIntervalMs })
  }
}
