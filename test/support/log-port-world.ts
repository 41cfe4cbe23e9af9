/** The world of one test of the port suite: a log, two topics, and a membership on demand. */
import { randomUUID } from 'node:crypto'
import type { Log } from '../../src/runtime/ports.ts'
import { createTopic, Member, tasksOver } from './log-port-tools.ts'

export interface LogHarness {
  /**
   * A client of the application; topics and commits of earlier clients of the same application are
   * still there. The suite closes it before it opens the next.
   */
  open(applicationId: string): Promise<Log>
  close(): Promise<void>
}

export class World {
  readonly #harness: () => LogHarness
  applicationId = ''
  source = ''
  sink = ''
  log!: Log
  #member: Member | undefined

  constructor(harness: () => LogHarness) {
    this.#harness = harness
  }

  async start(): Promise<void> {
    const name = randomUUID().slice(0, 8)
    this.applicationId = `app-${name}`
    this.source = `source-${name}`
    this.sink = `sink-${name}`
    this.log = await this.#harness().open(this.applicationId)
    await createTopic(this.log, this.source, 2)
    await createTopic(this.log, this.sink, 2)
  }

  async member(): Promise<Member> {
    const member = new Member()
    await member.join(this.log, tasksOver(this.source, 2))
    await member.until((owned) => owned.size === 2)
    this.#member = member
    return member
  }

  async reopen(): Promise<Log> {
    await this.stop()
    this.log = await this.#harness().open(this.applicationId)
    return this.log
  }

  async stop(): Promise<void> {
    await this.#member?.membership?.leave()
    this.#member = undefined
    await this.log.close()
  }
}
