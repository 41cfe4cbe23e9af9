/**
 * What every log must do, whatever is behind it: run against the embedded log and, on a real broker,
 * against Kafka. Only the ports are used; topics and applications get names of their own per test.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CorruptedError, FatalError, FencedError } from '../../src/errors.ts'
import { type TopicPartition, taskId } from '../../src/ids.ts'
import type { Log } from '../../src/runtime/ports.ts'
import { partitionForKey } from '../../src/serde/murmur2.ts'
import {
  bytes,
  commitOne,
  copyOf,
  createTopic,
  Member,
  Reading,
  type SeenRecord,
  tasksOver,
  textOf,
  textRecord,
} from './log-port-tools.ts'

const yearMs9999 = 253_370_764_800_000

export interface LogHarness {
  /**
   * A client of the application; topics and commits of earlier clients of the same application are
   * still there. The suite closes it before it opens the next.
   */
  open(applicationId: string): Promise<Log>
  close(): Promise<void>
}

/** The suite's world: one log, two topics, and a membership on demand. */
class World {
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

/** Runs the whole suite against what `create` makes. */
export function describeLogPort(name: string, create: () => Promise<LogHarness>): void {
  describe(`the log port: ${name}`, () => {
    let harness: LogHarness
    const world = new World(() => harness)
    beforeAll(async () => {
      harness = await create()
    })
    afterAll(() => harness?.close())
    beforeEach(() => world.start())
    afterEach(() => world.stop())
    describeTopics(world)
    describeReading(world)
    describeRecords(world)
    describeCommits(world)
    describeRestore(world)
    describeLife(world)
  })
}

function describeTopics(world: World): void {
  it('creates what is missing once, and answers with the partitions of each', async () => {
    const { log, source, applicationId } = world
    const made = `${applicationId}-counts-changelog`
    const internal = {
      name: made,
      role: 'changelog',
      partitions: 3,
      config: { 'cleanup.policy': 'compact' },
      create: true,
    } as const
    const wanted = [{ name: source, role: 'source', create: false } as const, internal]
    const expected = new Map([
      [source, 2],
      [made, 3],
    ])
    expect(await log.prepare(wanted)).toEqual(expected)
    expect(await log.prepare(wanted)).toEqual(expected)
    expect(await log.partitions([made])).toEqual(new Map([[made, 3]]))
  })

  it('lists every fault at once: expected, found, and the command that mends it', async () => {
    const { log, source } = world
    const wrong = log.prepare([
      { name: `${source}-missing`, role: 'source', create: false },
      { name: source, role: 'repartition', partitions: 5, create: true },
      {
        name: world.sink,
        role: 'changelog',
        partitions: 2,
        config: { 'cleanup.policy': 'compact' },
        create: true,
      },
    ])
    await expect(wrong).rejects.toBeInstanceOf(FatalError)
    const message = await wrong.then(
      () => '',
      (error: Error) => error.message
    )
    expect(message).toContain(`${source}-missing`)
    expect(message).toMatch(/expected 5 partitions, found 2/)
    expect(message).toMatch(/expected cleanup\.policy=compact, found (cleanup\.policy=)?delete/)
  })

  it('refuses to count the partitions of a topic that does not exist', async () => {
    const missing = world.log.partitions([`${world.source}-missing`])
    await expect(missing).rejects.toBeInstanceOf(FatalError)
    await expect(missing).rejects.toThrow(`${world.source}-missing`)
  })
}

function describeReading(world: World): void {
  it('reads what was appended, in order, and says where to resume', async () => {
    const { log, source } = world
    await log.append(source, [textRecord('a'), textRecord('b')])
    await log.append(source, [textRecord('c')])
    const reading = new Reading(log, { topic: source, partition: 0 }, 0)
    const { reader } = reading
    const seen = await reading.take(3)
    expect(seen.map(({ offset, value }) => [offset, value])).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ])
    expect([reader.position, reader.topic, reader.partition]).toEqual([3, source, 0])
    expect(reader.advance()).toBe(false)
    reader.close()
  })

  it('starts at the offset it is given, also inside a batch', async () => {
    const { log, source } = world
    await log.append(
      source,
      ['a', 'b', 'c', 'd'].map((value) => textRecord(value))
    )
    const reading = new Reading(log, { topic: source, partition: 0 }, 2)
    expect((await reading.take(2)).map(({ value }) => value)).toEqual(['c', 'd'])
    reading.reader.close()
  })

  it('tells of records that come later, never from inside advance()', async () => {
    const { log, source } = world
    let isInside = false
    let calls = 0
    let wake: () => void = () => undefined
    const reader = log.read({ topic: source, partition: 1 }, 'earliest', {
      onData: () => {
        expect(isInside).toBe(false)
        calls++
        wake()
      },
    })
    const advance = (): boolean => {
      isInside = true
      const here = reader.advance()
      isInside = false
      return here
    }
    expect(advance()).toBe(false)
    await log.append(source, [textRecord('late', { partition: 1 })])
    while (!advance()) await new Promise<void>((resolve) => (wake = resolve))
    expect([textOf(reader.value), calls > 0]).toEqual(['late', true])
    reader.close()
  })

  it('keeps the latest answer: log start and high watermark, between two times', async () => {
    const { log, source } = world
    await log.append(source, [textRecord('a'), textRecord('b')])
    const reading = new Reading(log, { topic: source, partition: 0 }, 'earliest')
    await reading.until(() => reading.reader.answer?.highWatermark === 2)
    const { answer } = reading.reader
    expect(answer).toMatchObject({ logStart: 0, highWatermark: 2 })
    expect(answer?.answeredAt).toBeGreaterThanOrEqual(answer?.sentAt ?? Number.NaN)
    const empty = new Reading(log, { topic: source, partition: 1 }, 'earliest')
    await empty.until(() => empty.reader.answer !== undefined)
    expect(empty.reader.position).toBe(0)
    expect(empty.reader.answer).toMatchObject({ logStart: 0, highWatermark: 0 })
    reading.reader.close()
    empty.reader.close()
  })

  it('reads more than its bound in bytes without losing any', async () => {
    const { log, source } = world
    const filler = 'x'.repeat(10_000)
    for (let batch = 0; batch < 5; batch++) {
      const records = Array.from({ length: 20 }, (_, i) =>
        textRecord(`${batch * 20 + i} ${filler}`)
      )
      await log.append(source, records)
    }
    const reading = new Reading(log, { topic: source, partition: 0 }, 'earliest', 50_000)
    const seen = await reading.take(100)
    expect(seen.map(({ value }) => Number.parseInt(value ?? '', 10))).toEqual(
      Array.from({ length: 100 }, (_, i) => i)
    )
    reading.reader.close()
  })

  it('throws when an offset is not in the log, before its start or behind its end', async () => {
    const { log, source } = world
    const at = { topic: source, partition: 0 }
    await log.append(
      source,
      ['a', 'b', 'c'].map((value) => textRecord(value))
    )
    await log.purge([{ ...at, before: 2 }])
    for (const from of [0, 9]) {
      const reading = new Reading(log, at, from)
      await expect(reading.take(1)).rejects.toMatchObject({ code: 'MILLRACE_OFFSET_OUT_OF_RANGE' })
      reading.reader.close()
    }
    const earliest = new Reading(log, at, 'earliest')
    expect((await earliest.take(1))[0]).toMatchObject({ offset: 2, value: 'c' })
    expect(earliest.reader.answer).toMatchObject({ logStart: 2, highWatermark: 3 })
    earliest.reader.close()
  })
}

function describeRecords(world: World): void {
  it('keeps keys, nulls, empty bytes, timestamps and headers as they are', async () => {
    const { log, applicationId } = world
    const topic = `${applicationId}-wide`
    await createTopic(log, topic, 1, { 'message.timestamp.after.max.ms': '9223372036854775807' })
    const header = [
      ['twice', bytes('1')],
      ['twice', bytes('2')],
      ['10', null],
      ['', bytes('')],
    ] as const
    await log.append(topic, [
      { partition: 0, timestamp: 0, key: bytes(''), value: bytes('') },
      { partition: 0, timestamp: yearMs9999, key: bytes('k'), value: null, headers: header },
      { partition: 0, timestamp: 5, key: null, value: bytes('v') },
    ])
    const reading = new Reading(log, { topic, partition: 0 }, 'earliest')
    expect(await reading.take(3)).toEqual([
      { offset: 0, timestamp: 0, key: '', value: '', headers: [] },
      {
        offset: 1,
        timestamp: yearMs9999,
        key: 'k',
        value: null,
        headers: header.map(([name, value]) => [name, textOf(value)]),
      },
      { offset: 2, timestamp: 5, key: null, value: 'v', headers: [] },
    ])
    reading.reader.close()
  })

  it('carries a record of nearly a megabyte and one of 10,000 headers', async () => {
    const { log, source } = world
    const big = 'x'.repeat(1_000_000)
    const headers = Array.from({ length: 10_000 }, (_, i) => [`h${i}`, bytes(`${i}`)] as const)
    await log.append(source, [textRecord(big), textRecord('many', { headers }), textRecord('end')])
    const reading = new Reading(log, { topic: source, partition: 0 }, 'earliest')
    const [first, second, third] = await reading.take(3)
    expect(first?.value?.length).toBe(big.length)
    expect(second?.headers.length).toBe(10_000)
    expect(second?.headers[9_999]).toEqual(['h9999', '9999'])
    expect(third?.value).toBe('end')
    reading.reader.close()
  })

  it('puts records without a partition where their key belongs, and spreads those without', async () => {
    const { log, source } = world
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)
    await log.append(
      source,
      keys.map((key) => ({ timestamp: 1, key: bytes(key), value: bytes(key) }))
    )
    for (let i = 0; i < 4; i++) {
      await log.append(source, [{ timestamp: 1, key: null, value: bytes('none') }])
    }
    const wanted = [0, 1].map((partition) =>
      keys.filter((key) => partitionForKey(bytes(key), 2) === partition)
    )
    for (const partition of [0, 1]) {
      const reading = new Reading(log, { topic: source, partition }, 'earliest')
      const own = wanted[partition] ?? []
      const seen = await reading.take(own.length + 1)
      expect(seen.flatMap(({ key }) => key ?? [])).toEqual(own)
      reading.reader.close()
    }
  })
}

function describeCommits(world: World): void {
  it('commits records and offsets together, and says where each partition ends', async () => {
    const { log, source, sink } = world
    await world.member()
    const receipt = await commitOne(log, source, 7, (batch) => {
      batch.append(sink, 0, 10, bytes('k'), bytes('one'))
      batch.append(sink, 0, 11, bytes('k'), bytes('two'), [['h', null]])
      batch.append(sink, 1, 12, null, bytes('three'))
      expect([batch.records, batch.bytes > 0]).toEqual([3, true])
    })
    expect(receipt.endOffset(sink, 0)).toBe(2)
    expect(receipt.endOffset(sink, 1)).toBe(1)
    expect(receipt.endOffset(source, 0)).toBeUndefined()
    const own = { topic: source, partition: 0 }
    expect(await log.committed([own, { topic: source, partition: 1 }])).toEqual([
      { ...own, offset: 7, metadata: 'commit 7' },
      { topic: source, partition: 1, offset: undefined, metadata: '' },
    ])
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    expect((await reading.take(2)).map(({ value }) => value)).toEqual(['one', 'two'])
    reading.reader.close()
  })

  it('encodes at once: a buffer can be reused after append', async () => {
    const { log, source, sink } = world
    await world.member()
    const buffer = bytes('0')
    await commitOne(log, source, 1, (batch) => {
      for (const digit of ['1', '2', '3']) {
        buffer.set(bytes(digit))
        batch.append(sink, 0, 1, buffer, buffer)
      }
    })
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    expect((await reading.take(3)).map(({ key, value }) => [key, value])).toEqual([
      ['1', '1'],
      ['2', '2'],
      ['3', '3'],
    ])
    reading.reader.close()
  })

  it('commits offsets without records, again and again, and keeps the last', async () => {
    const { log, source } = world
    await world.member()
    for (let number = 1; number <= 5; number++) await commitOne(log, source, number)
    const [last] = await log.committed([{ topic: source, partition: 0 }])
    expect(last).toMatchObject({ offset: 5, metadata: 'commit 5' })
  })

  it('commits 20,000 records at once, in order', async () => {
    const { log, source, sink } = world
    await world.member()
    const count = 20_000
    const receipt = await commitOne(log, source, 1, (batch) => {
      const filler = 'x'.repeat(90)
      for (let i = 0; i < count; i++) batch.append(sink, i % 2, i, null, bytes(`${i} ${filler}`))
    })
    for (const partition of [0, 1]) {
      expect(receipt.endOffset(sink, partition)).toBe(count / 2)
      const reading = new Reading(log, { topic: sink, partition }, 'earliest')
      const seen = await reading.take(count / 2)
      expect(seen.every(({ timestamp }, i) => timestamp === i * 2 + partition)).toBe(true)
      reading.reader.close()
    }
  })

  it('moves the position past all that yields no record', async () => {
    const { log, source, sink } = world
    await world.member()
    for (let number = 1; number <= 3; number++) {
      await commitOne(log, source, number, (batch) => batch.append(sink, 0, 1, null, bytes('v')))
    }
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    const { reader } = reading
    await reading.take(3)
    await reading.until(() => reader.position === reader.answer?.highWatermark)
    expect(reader.position).toBeGreaterThanOrEqual(3)
    reader.close()
  })

  it('refuses a commit for a task that is not ours, and shows nothing of it', async () => {
    const { log, source, sink } = world
    await world.member()
    const batch = log.createBatch()
    batch.append(sink, 0, 1, null, bytes('never'))
    const at = { topic: source, partition: 0, offset: 1, metadata: 'commit 1' }
    const foreign = log.commit({ batch, offsets: [{ ...at, task: taskId(9, 9) }], number: 1 })
    await expect(foreign).rejects.toBeInstanceOf(FencedError)
    await commitOne(log, source, 2, (next) => next.append(sink, 0, 1, null, bytes('first')))
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    expect((await reading.take(1))[0]?.value).toBe('first')
    reading.reader.close()
  })
}

function describeRestore(world: World): void {
  async function fill(): Promise<TopicPartition> {
    const { log, source, sink } = world
    await world.member()
    for (let number = 1; number <= 3; number++) {
      await commitOne(log, source, number, (batch) => {
        for (let i = 0; i < 10; i++)
          batch.append(sink, 0, number, bytes(`${i}`), bytes(`${number}`))
      })
    }
    await log.committed([{ topic: source, partition: 0 }])
    return { topic: sink, partition: 0 }
  }

  it('restores everything that was committed, in order, up to the end', async () => {
    const changelog = await fill()
    const seen: SeenRecord[] = []
    const flushed: number[] = []
    const progress: number[] = []
    const reached = await world.log.restore(changelog, 'earliest', {
      signal: new AbortController().signal,
      apply: (record) => seen.push(copyOf(record)),
      flush: (position) => {
        flushed.push(position)
      },
      onProgress: (position, end) => progress.push(end - position),
    })
    expect(seen.map(({ key, value }) => `${value}${key}`)).toEqual(
      [1, 2, 3].flatMap((number) => Array.from({ length: 10 }, (_, i) => `${number}${i}`))
    )
    expect(reached).toBeGreaterThanOrEqual(30)
    expect(flushed.at(-1)).toBe(reached)
    expect(progress.at(-1)).toBe(0)
  })

  it('restores the rest from a position it has reached before', async () => {
    const { log, source, sink } = world
    const changelog = await fill()
    const options = { signal: new AbortController().signal, flush: () => undefined }
    const reached = await log.restore(changelog, 'earliest', { ...options, apply: () => undefined })
    await commitOne(log, source, 4, (batch) => batch.append(sink, 0, 4, bytes('k'), bytes('new')))
    await log.committed([{ topic: source, partition: 0 }])
    const seen: (string | null)[] = []
    const again = await log.restore(changelog, reached, {
      ...options,
      apply: ({ value }) => seen.push(textOf(value)),
    })
    expect(seen).toEqual(['new'])
    expect(await log.restore(changelog, again, { ...options, apply: () => undefined })).toBe(again)
  })

  it('resolves at once on an empty changelog', async () => {
    const at = { topic: world.sink, partition: 1 }
    const reached = await world.log.restore(at, 'earliest', {
      signal: new AbortController().signal,
      apply: () => expect.unreachable(),
      flush: () => undefined,
    })
    expect(reached).toBe(0)
  })

  it('refuses a position that is not in the changelog, or no longer', async () => {
    const { log } = world
    const changelog = await fill()
    const options = {
      signal: new AbortController().signal,
      apply: () => undefined,
      flush: () => undefined,
    }
    await expect(log.restore(changelog, 9_999, options)).rejects.toBeInstanceOf(CorruptedError)
    await log.purge([{ ...changelog, before: 15 }])
    await expect(log.restore(changelog, 3, options)).rejects.toBeInstanceOf(CorruptedError)
  })

  it('can be called off', async () => {
    const changelog = await fill()
    const stop = new AbortController()
    const restoring = world.log.restore(changelog, 'earliest', {
      signal: stop.signal,
      apply: () => stop.abort(),
      flush: () => undefined,
    })
    await expect(restoring).rejects.toThrow()
  })
}

function describeLife(world: World): void {
  it('keeps records, offsets and topics over a restart', async () => {
    const { source, sink } = world
    await world.member()
    await commitOne(world.log, source, 3, (batch) => batch.append(sink, 1, 1, null, bytes('kept')))
    const log = await world.reopen()
    expect(await log.partitions([sink])).toEqual(new Map([[sink, 2]]))
    const [committed] = await log.committed([{ topic: source, partition: 0 }])
    expect(committed).toMatchObject({ offset: 3, metadata: 'commit 3' })
    const reading = new Reading(log, { topic: sink, partition: 1 }, 'earliest')
    expect((await reading.take(1))[0]?.value).toBe('kept')
    reading.reader.close()
    await world.member()
    await commitOne(log, source, 4)
  })

  it('is given all tasks when it is alone, and can leave and come back', async () => {
    const first = await world.member()
    expect(first.calls).toEqual([`assigned ${taskId(0, 0)} ${taskId(0, 1)}`])
    expect(first.membership?.rebalances).toBeGreaterThan(0)
    await first.membership?.leave()
    await first.membership?.ended
    expect([...(await world.member()).owned]).toEqual([taskId(0, 0), taskId(0, 1)])
  })

  it('answers for its health', () => {
    expect(world.log.health()).toEqual({ ok: true })
  })
}
