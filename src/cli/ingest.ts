/**
 * `millrace ingest`: events out of a file to a running application, or to the topic it reads.
 *
 *     JSON array or lines of JSON ─▶ batches ─▶ POST /api/events     without brokers
 *                                           └─▶ the events topic     with brokers
 *
 * Invariant: a batch that was acknowledged is durable, and never sent again; where the answer to
 * one is lost, the error says how many events were acknowledged before it.
 */
import { createReadStream, existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readConfig } from '../config.ts'
import { FatalError, RetriableError } from '../errors.ts'
import type { AppendRecord } from '../runtime/ports.ts'
import { addCommand, type Host, printJson } from './command.ts'
import { type EventLine, readEvents } from './event-lines.ts'
import { status, UsageError } from './failures.ts'
import { openToAppend } from './open-log.ts'
import { progressOn, untilAnswered } from './progress.ts'
import { overridden, readSettings, type SettingFlags, withJson, withPlace } from './settings.ts'
import type { Terminal } from './terminal.ts'

interface Flags extends SettingFlags {
  readonly url?: string
  readonly topic?: string
  readonly key?: string
  readonly time?: string
  readonly skip: string
  readonly json?: boolean
}

export interface Rejected {
  /** From 1 on: the line, or the place in the array. */
  readonly line: number
  readonly reason: string
}

export interface IngestReport {
  /** A URL, or the name of a topic. */
  readonly to: string
  readonly accepted: number
  readonly rejected: number
  readonly firstRejected: readonly Rejected[]
}

const batchEvents = 2_000
const batchBytes = 1024 * 1024
const shownMax = 10
/** How long an application may be busy with its start. */
const patienceMs = 60_000

export function addIngest(host: Host): void {
  const command = addCommand(host, 'ingest <file>', {
    summary: 'send events out of a file',
    description:
      'Sends JSON objects, one to a line or as one array, to POST /api/events of a running ' +
      'application, or with brokers to the events topic. "-" is standard input. What is no JSON ' +
      'object is left out and counted. Each batch is acknowledged before the next is sent.',
    examples: [
      { does: 'to the application on this machine', line: 'millrace ingest events.ndjson' },
      {
        does: 'to a topic, by session, at the times that the events have',
        line: 'millrace ingest events.json -b localhost:9092 --key sessionId --time timestamp',
      },
    ],
    statuses: '3 if events were rejected',
  })
  command
    .option('-u, --url <url>', 'of the application (HTTP_HOST and HTTP_PORT; API_TOKEN is sent)')
    .option('-t, --topic <name>', 'with brokers (EVENTS_TOPIC; "shop.events")')
    .option('-k, --key <field>', 'with brokers, what the records are keyed by (no key)')
    .option('--time <field>', 'with brokers, epoch milliseconds of the records (now)')
    .option('--skip <events>', 'of the file, from its start', '0')
  withPlace(command)
  withJson(command).action(async (file: string, flags: Flags) => {
    host.end(await ingest(host.terminal, file, flags))
  })
}

async function ingest(terminal: Terminal, file: string, flags: Flags): Promise<number> {
  if (!/^\d{1,15}$/.test(flags.skip)) {
    throw new UsageError(`--skip takes a number of events, not '${flags.skip}'`)
  }
  const settings = readSettings(terminal, flags, undefined)
  const target =
    settings.kafka === null ? httpTarget(terminal, flags) : await topicTarget(terminal, flags)
  const progress = progressOn(terminal)
  let [accepted, rejected] = [0, 0]
  const firstRejected: Rejected[] = []
  const reject = (one: Rejected): void => {
    rejected++
    if (firstRejected.length < shownMax) firstRejected.push(one)
  }
  try {
    for await (const batch of batches(bytesOf(terminal, file), Number(flags.skip), reject)) {
      const refused = await target.send(batch).catch((error: unknown) => {
        throw interrupted(error, Number(flags.skip) + accepted + rejected)
      })
      for (const one of refused) reject(one)
      accepted += batch.length - refused.length
      progress.at(() => `${accepted} events sent`)
    }
  } finally {
    progress.end()
    await target.close()
  }
  const report: IngestReport = { to: target.name, accepted, rejected, firstRejected }
  if (flags.json === true) printJson(terminal, report)
  else print(terminal, report)
  return rejected > 0 ? status.differs : status.ok
}

/** Those that are objects, as many as go together. */
async function* batches(
  bytes: AsyncIterable<Uint8Array>,
  skip: number,
  reject: (one: Rejected) => void
): AsyncGenerator<readonly EventLine[]> {
  let batch: EventLine[] = []
  let size = 0
  let seen = 0
  for await (const event of readEvents(bytes)) {
    if (seen++ < skip) continue
    if (event.value === undefined) {
      reject({ line: event.line, reason: 'decode' })
      continue
    }
    batch.push(event)
    size += event.bytes.length + 1
    if (batch.length < batchEvents && size < batchBytes) continue
    yield batch
    batch = []
    size = 0
  }
  if (batch.length > 0) yield batch
}

function bytesOf(terminal: Terminal, file: string): AsyncIterable<Uint8Array> {
  if (file === '-') return terminal.input()
  const path = resolve(terminal.directory, file)
  if (!existsSync(path)) throw new UsageError(`there is no file ${file}`)
  return createReadStream(path)
}

interface Target {
  readonly name: string
  /** Answers with those that were not taken; resolves when the others are durable. */
  send(batch: readonly EventLine[]): Promise<readonly Rejected[]>
  close(): Promise<void>
}

function httpTarget(terminal: Terminal, flags: Flags): Target {
  for (const name of ['topic', 'key', 'time'] as const) {
    if (flags[name] !== undefined) throw new UsageError(`--${name} is for brokers (--brokers)`)
  }
  const { httpHost, httpPort, apiToken } = readConfig(terminal.env)
  const host = httpHost.includes(':') && !httpHost.startsWith('[') ? `[${httpHost}]` : httpHost
  const base = flags.url ?? `http://${host}:${httpPort}`
  if (!URL.canParse(base)) throw new UsageError(`--url takes a URL, not '${base}'`)
  const url = new URL('/api/events', base).href
  const authorization = apiToken === null ? {} : { authorization: `Bearer ${apiToken}` }
  const headers = { 'content-type': 'application/x-ndjson', ...authorization }
  return {
    name: url,
    send: async (batch) => {
      const body = Buffer.concat(batch.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]))
      const { rejected } = await post(url, headers, body)
      return rejected.map(({ index, reason }) => ({ line: batch[index]?.line ?? 0, reason }))
    },
    close: async () => {},
  }
}

interface Answer {
  readonly rejected: readonly { readonly index: number; readonly reason: string }[]
}

/** 503 is tried again: nothing was stored then. */
async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer
): Promise<Answer> {
  const until = performance.now() + patienceMs
  for (;;) {
    const response = await fetch(url, { method: 'POST', headers, body }).catch((cause: unknown) => {
      const { cause: reason = cause } = Object(cause) as { readonly cause?: unknown }
      const why = reason instanceof Error ? reason.message : String(reason)
      throw new RetriableError(
        'MILLRACE_INGEST_UNREACHABLE',
        `Nothing answers at ${url} (${why}): is the application running there?`
      )
    })
    if (response.status === 202) return (await response.json()) as Answer
    const text = await response.text()
    if (response.status !== 503 || performance.now() > until) {
      const why = detailOf(text)
      throw new FatalError('MILLRACE_INGEST_REFUSED', `${url} answers ${response.status}: ${why}`)
    }
    await sleep(Math.min(Number(response.headers.get('retry-after') ?? 1), 5) * 1_000)
  }
}

function detailOf(text: string): string {
  try {
    return (JSON.parse(text) as { readonly detail: string }).detail
  } catch {
    return text.slice(0, 200)
  }
}

async function topicTarget(terminal: Terminal, flags: Flags): Promise<Target> {
  if (flags.url !== undefined) throw new UsageError('--url and brokers exclude each other')
  const settings = readSettings(terminal, flags, undefined)
  const topic = flags.topic ?? readConfig(overridden(terminal.env, flags)).eventsTopic
  const log = await untilAnswered(terminal, settings, openToAppend(settings))
  try {
    await log.partitions([topic])
  } catch (error) {
    await log.close()
    throw error
  }
  return {
    name: topic,
    send: async (batch) => {
      const records = batch.map((event) => recordOf(event, flags))
      const good = records.filter((record) => typeof record !== 'string')
      await log.append(topic, good)
      return records.flatMap((record, index) =>
        typeof record === 'string' ? { line: batch[index]?.line ?? 0, reason: record } : []
      )
    },
    close: () => log.close(),
  }
}

/** Or why it is none. */
function recordOf({ bytes, value }: EventLine, { key, time }: Flags): AppendRecord | string {
  const found = time === undefined ? Date.now() : value?.[time]
  if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < 0) return 'no_timestamp'
  const text = key === undefined ? undefined : value?.[key]
  const keyed = text === undefined || text === null ? null : Buffer.from(String(text))
  return { timestamp: found, key: keyed, value: bytes }
}

function interrupted(error: unknown, done: number): unknown {
  if (!(error instanceof Error) || done === 0) return error
  error.message += ` Before that, ${done} events of the file were done: --skip ${done} goes on.`
  return error
}

function print({ out }: Terminal, { to, accepted, rejected, firstRejected }: IngestReport): void {
  out(`${accepted} events sent to ${to}, ${rejected} rejected.\n`)
  for (const { line, reason } of firstRejected) out(`  event ${line}: ${reason}\n`)
}
