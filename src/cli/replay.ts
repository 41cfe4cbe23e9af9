/**
 * `millrace replay`: dead letters go back to the topics that they came from, each of them once.
 *
 *     dead letters ─▶ records with their own headers ─┐
 *                     offsets of `<application>-replay` ┴▶ one transaction for each batch read
 *
 * Invariant: how far they were sent back is committed with what was sent, so that a replay which is
 * cut goes on where it was, and sends nothing twice.
 */
import { FatalError, MillraceError } from '../errors.ts'
import type { Offset, TaskId } from '../ids.ts'
import { taskId } from '../ids.ts'
import type { RecordCursor } from '../record.ts'
import type { Log } from '../runtime/ports.ts'
import { decodeTimeMetadata, encodeTimeMetadata } from '../runtime/time-metadata.ts'
import { partitionForKey } from '../serde/murmur2.ts'
import { addCommand, type Host, printJson } from './command.ts'
import { type DeadLetter, deadLetterOf, headersToReplay } from './dead-letters.ts'
import { status } from './failures.ts'
import { openToCommit, openToRead } from './open-log.ts'
import { bar, type Progress, progressOn, untilAnswered } from './progress.ts'
import { readSettings, type SettingFlags, withJson, withPlace } from './settings.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'

interface Flags extends SettingFlags {
  readonly passUnknown?: boolean
  readonly execute?: boolean
  readonly json?: boolean
}

/** Dead letters of one reason, out of one topic. */
export interface ReplayGroup {
  readonly topic: string
  readonly reason: string
  readonly records: number
  /** Of the first of them. */
  readonly message: string
}

export interface ReplayReport {
  readonly deadLetters: string
  readonly executed: boolean
  /** Sent back, or to be sent back. */
  readonly records: number
  readonly groups: readonly ReplayGroup[]
  /** Records that do not tell where they came from. */
  readonly unknown: number
}

export function addReplay(host: Host): void {
  const command = addCommand(host, 'replay <topic>', {
    summary: 'send dead letters back to where they came from',
    description:
      'Counts the dead letters in a topic that were not sent back yet; with --execute they go ' +
      'back to the topics and partitions that they came from, with the keys, values, times and ' +
      'headers that they came with, each of them once: how far that has come is committed in the ' +
      'same transactions, for the group <application-id>-replay. The application may run ' +
      'meanwhile where there are brokers; the embedded log has to be free.',
    examples: [
      { does: 'what would be sent back', line: 'millrace replay orders.dead -a orders' },
      {
        does: 'send it back, on brokers',
        line: 'millrace replay orders.dead -a orders -b localhost:9092 --execute',
      },
    ],
  })
  command
    .option('--pass-unknown', 'pass over records that do not tell where they came from')
    .option('--execute', 'do it')
  withPlace(command)
  withJson(command).action(async (topic: string, flags: Flags) => {
    host.end(await replay(host.terminal, topic, flags))
  })
}

async function replay(terminal: Terminal, topic: string, flags: Flags): Promise<number> {
  const settings = readSettings(terminal, flags, undefined)
  const group = `${settings.applicationId}-replay`
  const progress = progressOn(terminal)
  const counted = new Counted()
  const reading = await untilAnswered(terminal, settings, openToRead(settings, group))
  try {
    const waiting = new DeadLetters(reading.log, topic, progress)
    await waiting.read((record) => counted.add(deadLetterOf(record)))
  } finally {
    progress.end()
    await reading.close()
  }
  if (flags.execute === true && counted.unknown > 0 && flags.passUnknown !== true) {
    throw unknownOrigin(topic, counted.unknown)
  }
  if (flags.execute !== true || counted.total === 0) {
    return tell(terminal, counted.report(topic, flags.execute === true), flags)
  }
  const sent = new Counted()
  const { log, close } = await openToCommit(settings, group)
  try {
    await new Sending(log, topic, progress, sent).run(counted.topics)
  } finally {
    progress.end()
    await close()
  }
  return tell(terminal, sent.report(topic, true), flags)
}

class Counted {
  readonly #groups = new Map<string, ReplayGroup>()
  unknown = 0

  add(letter: DeadLetter | undefined): void {
    if (letter === undefined) {
      this.unknown++
      return
    }
    const { topic, reason, message } = letter
    const known = this.#groups.get(`${topic} ${reason}`) ?? { topic, reason, records: 0, message }
    this.#groups.set(`${topic} ${reason}`, { ...known, records: known.records + 1 })
  }

  get topics(): readonly string[] {
    return [...new Set([...this.#groups.values()].map(({ topic }) => topic))]
  }

  /** Records of either kind. */
  get total(): number {
    return [...this.#groups.values()].reduce((sum, { records }) => sum + records, this.unknown)
  }

  report(deadLetters: string, executed: boolean): ReplayReport {
    const groups = [...this.#groups.values()]
    const records = this.total - this.unknown
    return { deadLetters, executed, records, groups, unknown: this.unknown }
  }
}

/** What logs say of a topic that is not there. */
const missingCodes = ['MILLRACE_TOPICS_INVALID', 'MILLRACE_TOPICS_UNFIT']

/** What is in the topic behind what was sent back before. */
class DeadLetters {
  readonly log: Log
  readonly topic: string
  readonly #progress: Progress

  constructor(log: Log, topic: string, progress: Progress) {
    this.log = log
    this.topic = topic
    this.#progress = progress
  }

  async read(take: (record: RecordCursor) => void): Promise<void> {
    const count = await this.#partitions()
    for (let partition = 0; partition < count; partition++) {
      const place = { topic: this.topic, partition }
      const [committed] = await this.log.committed([place])
      await this.partition(partition, committed?.offset, take, () => {})
    }
  }

  async #partitions(): Promise<number> {
    const { log, topic } = this
    const missing = new FatalError('MILLRACE_TOPIC_MISSING', `There is no topic ${topic}.`)
    const counts = await log.partitions([topic]).catch((error: unknown) => {
      // What it would take to make it is not asked for: there is nothing to be sent back.
      const isMissing = error instanceof MillraceError && missingCodes.includes(error.code)
      throw isMissing ? missing : error
    })
    return counts.get(topic) ?? 0
  }

  /** To the end as of now; `flush` is awaited after each batch. */
  async partition(
    partition: number,
    from: Offset | undefined,
    take: (record: RecordCursor) => void,
    flush: (position: Offset) => Promise<void> | void
  ): Promise<void> {
    const { topic } = this
    let start: Offset | undefined
    const onBounds = (first: Offset): void => void (start = first)
    const onProgress = (position: Offset, end: Offset): void =>
      this.#progress.at(() => `${topic}-${partition} ${bar(position, end)}`)
    const { signal } = new AbortController()
    const options = { signal, apply: take, flush, onBounds, onProgress }
    try {
      await this.log.restore({ topic, partition }, from ?? 'earliest', options)
    } catch (error) {
      // What was sent back is gone from the topic by its age, and more with it.
      if (from === undefined || start === undefined || start <= from) throw error
      await this.log.restore({ topic, partition }, 'earliest', options)
    }
  }
}

/** Sends back what this process is given of the partitions: all of them, if it is alone. */
class Sending {
  readonly #letters: DeadLetters
  readonly #log: Log
  readonly #topic: string
  readonly #sent: Counted
  #counts: ReadonlyMap<string, number> = new Map()

  constructor(log: Log, topic: string, progress: Progress, sent: Counted) {
    this.#letters = new DeadLetters(log, topic, progress)
    this.#log = log
    this.#topic = topic
    this.#sent = sent
  }

  async run(targets: readonly string[]): Promise<void> {
    this.#counts = await this.#log.partitions([this.#topic, ...targets])
    const partitions = this.#counts.get(this.#topic) ?? 0
    const tasks = Array.from({ length: partitions }, (_, partition) => ({
      id: taskId(0, partition),
      sources: [{ topic: this.#topic, partition }],
    }))
    let give = (_ids: readonly TaskId[]): void => {}
    let fail = (_error: unknown): void => {}
    const given = new Promise<readonly TaskId[]>((resolve, reject) => {
      give = resolve
      fail = reject
    })
    const membership = await this.#log.join(
      { tasks, held: () => [] },
      {
        onAssigned: async (ids) => give(ids),
        // Nothing is held between two commits: whoever has it next goes on behind the last.
        onRevoked: async () => {},
        onLost: async () => {},
      }
    )
    membership.ended.catch(fail)
    try {
      const own = await given
      for (const [partition, { id }] of tasks.entries()) {
        if (own.includes(id)) await this.#send(id, partition)
      }
    } finally {
      await membership.leave()
    }
  }

  async #send(task: TaskId, partition: number): Promise<void> {
    const place = { topic: this.#topic, partition }
    const [committed] = await this.#log.committed([place])
    let number = decodeTimeMetadata(committed?.metadata ?? '').commitNumber
    let batch = this.#log.createBatch()
    let done: (DeadLetter | undefined)[] = []
    const take = (record: RecordCursor): void => {
      const letter = deadLetterOf(record)
      done.push(letter)
      if (letter === undefined) return
      const { key, value, timestamp, headers } = record
      const target = this.#targetOf(letter, key)
      const own = headersToReplay(headers, letter)
      batch.append(letter.topic, target, timestamp, key, value, own)
    }
    const flush = async (offset: Offset): Promise<void> => {
      number++
      const metadata = encodeTimeMetadata({
        commitNumber: number,
        watermark: Number.NEGATIVE_INFINITY,
        marks: {},
        fingerprints: '',
      })
      const offsets = [{ ...place, task, offset, metadata }]
      await this.#log.commit({ batch, offsets, number })
      for (const letter of done) this.#sent.add(letter)
      done = []
      batch = this.#log.createBatch()
    }
    await this.#letters.partition(partition, committed?.offset, take, flush)
  }

  /** Its own, unless the topic has fewer by now. */
  #targetOf({ topic, partition }: DeadLetter, key: Uint8Array | null): number {
    const count = this.#counts.get(topic) ?? 1
    if (partition < count) return partition
    return key === null ? partition % count : partitionForKey(key, count)
  }
}

function unknownOrigin(topic: string, count: number): FatalError {
  return new FatalError(
    'MILLRACE_DEAD_LETTER_UNKNOWN',
    `${count} records of ${topic} do not tell where they came from (headers millrace-error-…): ` +
      'is it the topic for dead letters? --pass-unknown leaves them where they are, and goes on.'
  )
}

function tell(terminal: Terminal, report: ReplayReport, flags: Flags): number {
  if (flags.json === true) printJson(terminal, report)
  else print(terminal, report)
  return status.ok
}

function print({ out, isColoured }: Terminal, report: ReplayReport): void {
  const { deadLetters, executed, records, groups, unknown } = report
  const columns = [
    { name: 'TOPIC' },
    { name: 'REASON' },
    { name: 'RECORDS', align: 'right' } as const,
    { name: 'FIRST MESSAGE' },
  ]
  const rows = groups.map(({ topic, reason, records, message }) => {
    return [topic, reason, records, message === '' ? null : message]
  })
  if (rows.length > 0) out(`${table(columns, rows, isColoured)}\n`)
  const count = records === 1 ? '1 record' : `${records} records`
  const passed = unknown === 0 ? '' : `; ${unknown} do not tell where they came from`
  const what = executed ? 'sent back' : 'to be sent back'
  out(`${deadLetters}: ${count} ${what}${passed}.\n`)
  if (!executed && records > 0) out('Nothing was done: --execute does it.\n')
}
