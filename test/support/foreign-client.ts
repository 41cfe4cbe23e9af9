/** Kafka's own Java client as a process beside the test: what it reads is what others read. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureJars } from './kafka-jars.ts'

const source = fileURLToPath(new URL('./foreign/ForeignClient.java', import.meta.url))

export interface ForeignRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string
  readonly value: string
}

export interface RecordToSend {
  /** Absent: where Kafka's own partitioner puts the key. */
  readonly partition?: number
  readonly key: string
  readonly value: string | Uint8Array
}

/** All records of the topic that are committed now, in order per partition. */
export async function readCommitted(brokers: string, topic: string): Promise<ForeignRecord[]> {
  const records: ForeignRecord[] = []
  await forEachCommitted(brokers, topic, (record) => records.push(record))
  return records
}

/** The same one by one, for more of them than fit into memory. */
export async function forEachCommitted(
  brokers: string,
  topic: string,
  visit: (record: ForeignRecord) => void
): Promise<void> {
  const child = java(await classpath(), ['consume', brokers, topic])
  const exit = once(child, 'exit')
  try {
    for await (const line of createInterface({ input: child.stdout })) visit(recordOf(line))
  } catch (error) {
    child.kill()
    throw error
  }
  const [status] = await exit
  if (status !== 0) throw new Error(`the foreign consumer ended with ${status}`)
}

/** What is committed in a topic, as it comes; the topic must exist. */
export class ForeignFollower {
  /** So far; in order per partition. */
  readonly records: ForeignRecord[] = []
  readonly #child: ChildProcessWithoutNullStreams

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.records.push(recordOf(line))
    })
  }

  static async open(brokers: string, topic: string): Promise<ForeignFollower> {
    return new ForeignFollower(java(await classpath(), ['follow', brokers, topic]))
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.stdin.end('\n')
    await exit
  }
}

function recordOf(line: string): ForeignRecord {
  const [partition = '', offset = '', timestamp = '', key = '', ...value] = line.split('\t')
  const numbers = { partition: +partition, offset: +offset, timestamp: +timestamp }
  return { ...numbers, key, value: value.join('\t') }
}

export async function createTopic(
  brokers: string,
  topic: string,
  partitions: number
): Promise<void> {
  const child = java(await classpath(), ['create', brokers, topic, String(partitions)])
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`creating ${topic} ended with ${status}`)
}

/** Another leader for about half of all partitions, of Kafka's own topics too; how many. */
export async function moveLeaders(brokers: string, seed: number): Promise<number> {
  const child = java(await classpath(), ['move', brokers, String(seed)])
  const exit = once(child, 'exit')
  let answer = ''
  for await (const line of createInterface({ input: child.stdout })) answer = line
  const [status] = await exit
  if (status !== 0) throw new Error(`moving leaders ended with ${status}`)
  return Number(answer)
}

/** Limits what clients of this id may do per second, such as `producer_byte_rate`. */
export async function setQuota(
  brokers: string,
  clientId: string,
  limits: Readonly<Record<string, number>>
): Promise<void> {
  const pairs = Object.entries(limits).map(([name, value]) => `${name}=${value}`)
  const child = java(await classpath(), ['quota', brokers, clientId, ...pairs])
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`setting a quota ended with ${status}`)
}

/** An idempotent producer that lives as long as the test sends. */
export class ForeignProducer {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #answers: AsyncIterator<string>

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  /** @param compression as Kafka names it; default lz4 */
  static async open(brokers: string, topic: string, compression = 'lz4'): Promise<ForeignProducer> {
    return new ForeignProducer(java(await classpath(), ['produce', brokers, topic, compression]))
  }

  /** Resolves when the broker has all of them. */
  async send(records: readonly RecordToSend[]): Promise<void> {
    const lines = records.map(
      ({ partition, key, value }) =>
        `${partition ?? ''}\t${key}\t${Buffer.from(value).toString('base64')}\n`
    )
    this.#child.stdin.write(`${lines.join('')}\n`)
    const answer = await this.#answers.next()
    if (answer.value !== 'ok') throw new Error('the foreign producer ended')
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.stdin.end()
    await exit
  }

  /** SIGKILL: what it holds is not sent. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** With the client compiled: once for each version of its source and of the jars. */
async function classpath(): Promise<string> {
  const lib = await ensureJars()
  const version = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const classes = join(lib, '..', `foreign-${version}`)
  if (!existsSync(classes)) {
    const beside = `${classes}.${process.pid}-${randomUUID()}`
    await promisify(execFile)('javac', ['-cp', join(lib, '*'), '-d', beside, source])
    // Somebody else may have been faster.
    await rename(beside, classes).catch(() => rm(beside, { recursive: true, force: true }))
  }
  return [classes, join(lib, '*')].join(delimiter)
}

function java(classpath: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  const level = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
  const jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', level]
  const child = spawn('java', [...jvm, '-cp', classpath, 'ForeignClient', ...args])
  child.stderr.pipe(process.stderr, { end: false })
  return child
}
